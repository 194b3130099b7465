"""A lake as engines see it: manifest.json names the files that count."""

import datetime
import decimal
import json
import math
import pathlib
import sys


def tables(lake, tenant=""):
    """Paths of the files of each table of a tenant: history, rolled_pt1h, records.NAME."""
    lake = pathlib.Path(lake)
    found = {}
    for table in json.loads((lake / "manifest.json").read_text())["tables"]:
        if table["tenant"] == tenant and table["files"]:
            name = {
                "history": "history",
                "rolled": "rolled_" + table.get("period", "").lower(),
                "records": "records." + table.get("name", ""),
            }[table["table"]]
            found[name] = [str(lake / file["path"]) for file in table["files"]]
    return found


def cell(value):
    """A value as JSON: moments in UTC to the second, decimals and not-a-number as numbers or null."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, decimal.Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, datetime.datetime):
        if value.tzinfo is not None:
            value = value.astimezone(datetime.timezone.utc)
        return value.strftime("%Y-%m-%dT%H:%M:%S")
    if hasattr(value, "item"):
        return value.item()
    return value


def questions():
    """The lake, the tenant and the questions of the command line: LAKE TENANT QUESTIONS.json."""
    lake, tenant, path = sys.argv[1:4]
    return tables(lake, tenant), json.loads(pathlib.Path(path).read_text())


def answer(answers):
    """Prints the answers, rows by the name of their question."""
    rows = {name: [[cell(value) for value in row] for row in rows] for name, rows in answers.items()}
    json.dump(rows, sys.stdout)
