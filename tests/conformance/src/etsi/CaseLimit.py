"""Gives every case without a timeout of its own the one named: CaseLimit.py:SECONDS."""

from robot.api import SuiteVisitor


class CaseLimit(SuiteVisitor):
    def __init__(self, seconds):
        self.limit = f"{seconds} seconds"

    def visit_test(self, test):
        if not test.timeout:
            test.timeout = self.limit
