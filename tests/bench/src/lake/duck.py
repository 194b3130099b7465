"""Answers questions with DuckDB: a line of JSON in, a line of JSON out."""

import json
import sys
import time

import duckdb

connection = duckdb.connect()
connection.execute(f"SET threads = {int(sys.argv[1])}")
connection.execute("SET TimeZone = 'UTC'")


def say(answer):
    """A line."""
    print(json.dumps(answer, default=str), flush=True)


def work(question):
    """What is asked for."""
    if "files" in question:
        listed = ", ".join("'" + path.replace("'", "''") + "'" for path in question["files"])
        connection.execute(
            f"CREATE VIEW history AS SELECT * FROM read_parquet([{listed}], hive_partitioning = false)"
        )
        connection.execute("CREATE TABLE sensor AS SELECT * FROM read_csv(?)", [question["sensors"]])
        return {}
    begin = time.perf_counter()
    table = connection.execute(question["sql"]).fetchall()
    return {"seconds": time.perf_counter() - begin, "rows": table}


say({"version": duckdb.__version__})
for line in sys.stdin:
    try:
        say(work(json.loads(line)))
    except Exception as error:  # the bench says it and ends
        say({"error": str(error)})
