"""A Ballista scheduler and two executors, each a process of its own, answer the questions."""

import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time

import lake
import pyarrow

SCHEDULER = """
from ballista import BallistaScheduler
import sys
scheduler = BallistaScheduler("127.0.0.1", int(sys.argv[1]))
scheduler.start()
scheduler.wait_for_termination()
"""
EXECUTOR = """
from ballista import BallistaExecutor
import sys
executor = BallistaExecutor(int(sys.argv[1]), "127.0.0.1", "127.0.0.1", int(sys.argv[2]), 2)
executor.start()
executor.wait_for_termination()
"""


def free_port():
    """A port that nobody has."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def start(code, *ports):
    """A process that listens on the first port."""
    process = subprocess.Popen([sys.executable, "-c", code, *map(str, ports)], stdout=sys.stderr)
    for _ in range(600):
        with socket.socket() as there:
            if there.connect_ex(("127.0.0.1", ports[0])) == 0:
                return process
        if process.poll() is not None:
            break
        time.sleep(0.1)
    process.kill()
    raise SystemExit(f"no process on port {ports[0]}")


def snapshot(paths, folder):
    """Exactly these files as a folder: Ballista registers a folder, not a list."""
    folder.mkdir(parents=True)
    for number, path in enumerate(paths):
        os.symlink(os.path.realpath(path), folder / f"{number:06}.parquet")


def rows(batches):
    """The rows of record batches."""
    table = pyarrow.Table.from_batches(batches) if batches else pyarrow.table({})
    return list(zip(*(column.to_pylist() for column in table.columns)))


def work(context, files, questions, folder):
    """Registers the tables and answers."""
    context.sql("CREATE SCHEMA records")
    for table, paths in files.items():
        snapshot(paths, folder / table)
        context.sql(f"CREATE EXTERNAL TABLE {table} STORED AS PARQUET LOCATION '{folder / table}/'")
    return {name: rows(context.sql(sql).collect()) for name, sql in questions.items()}


def main():
    """Starts the cluster, asks, ends it."""
    from ballista import BallistaSessionContext

    files, questions = lake.questions()
    scheduler_port = free_port()
    processes = [start(SCHEDULER, scheduler_port)]
    try:
        processes += [start(EXECUTOR, free_port(), scheduler_port) for _ in range(2)]
        context = BallistaSessionContext(f"df://127.0.0.1:{scheduler_port}")
        with tempfile.TemporaryDirectory() as folder:
            lake.answer(work(context, files, questions, pathlib.Path(folder)))
    finally:
        for process in processes:
            process.kill()
            process.wait()


main()
