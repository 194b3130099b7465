"""DuckDB answers the questions."""

import duckdb
import lake


def rows(table):
    """The rows of an Arrow table."""
    return list(zip(*(column.to_pylist() for column in table.columns)))


files, questions = lake.questions()
connection = duckdb.connect()
connection.execute("SET TimeZone = 'UTC'")
connection.execute("CREATE SCHEMA records")
for table, paths in files.items():
    listed = ", ".join("'" + path.replace("'", "''") + "'" for path in paths)
    # The folders say type and day as well, but the columns of the files are what counts.
    source = f"read_parquet([{listed}], hive_partitioning = false)"
    connection.execute(f"CREATE VIEW {table} AS SELECT * FROM {source}")
lake.answer({name: rows(connection.sql(sql).to_arrow_table()) for name, sql in questions.items()})
