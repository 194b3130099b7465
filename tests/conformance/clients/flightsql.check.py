"""Lets the ADBC driver for Flight SQL (PyPI) ask a node: flightsql.check.py HTTP_PORT FLIGHT_PORT [TOKEN]

The node is open or TOKEN opens it. Creates sensors over NGSI-LD, then asks: metadata, rows, parameters,
wrong SQL, writes. Ends with an error at the first thing that is not as it should be.
"""

import json
import sys
import urllib.request

import adbc_driver_flightsql.dbapi as flightsql
import adbc_driver_manager
import pyarrow as pa

HTTP, FLIGHT = sys.argv[1], sys.argv[2]
TOKEN = sys.argv[3] if len(sys.argv) > 3 else None
SENSORS = 300


def http(method, path, body=None, kind="application/json"):
    headers = {"Content-Type": kind}
    if TOKEN:
        headers["Authorization"] = f"Bearer {TOKEN}"
    data = body.encode() if body is not None else None
    asked = urllib.request.Request(f"http://127.0.0.1:{HTTP}{path}", data, headers, method=method)
    with urllib.request.urlopen(asked) as answer:
        return answer.read()


def sensor(number):
    return {
        "id": f"urn:ngsi-ld:FlightSensor:{number:03}",
        "type": "FlightSensor",
        "level": {"type": "Property", "value": number / 2},
        "district": {"type": "Property", "value": ["North", "South, \"old\""][number % 2]},
        "location": {
            "type": "GeoProperty",
            "value": {"type": "Point", "coordinates": [69.2 + number / 1000, 41.3]},
        },
    }


def refused(work, *words):
    try:
        work()
    except adbc_driver_manager.Error as error:
        for word in words:
            assert word in str(error), error
        return error
    raise AssertionError(f"it was not refused: {words}")


def metadata(connection):
    info = connection.adbc_get_info()
    assert info["vendor_name"] == "Chorsu", info
    assert connection.adbc_get_table_types() == ["TABLE"]
    objects = connection.adbc_get_objects(depth="all").read_all().to_pylist()
    assert [catalog["catalog_name"] for catalog in objects] == ["city"], objects
    schemas = {s["db_schema_name"]: s for s in objects[0]["catalog_db_schemas"]}
    assert {"public", "now"} <= set(schemas), schemas.keys()
    tables = {t["table_name"]: t for t in schemas["now"]["db_schema_tables"]}
    columns = [column["column_name"] for column in tables["FlightSensor"]["table_columns"]]
    assert {"id", "level", "district"} <= set(columns), columns
    only = connection.adbc_get_objects(depth="tables", db_schema_filter="now", table_name_filter="Flight%")
    names = [
        table["table_name"]
        for catalog in only.read_all().to_pylist()
        for schema in catalog["catalog_db_schemas"]
        for table in schema["db_schema_tables"]
    ]
    assert names == ["FlightSensor"], names
    schema = connection.adbc_get_table_schema("FlightSensor", db_schema_filter="now")
    assert schema.field("level").type == pa.float64(), schema


def rows(connection):
    with connection.cursor() as cursor:
        cursor.execute('SELECT district, count(*) AS n, sum(level) AS s FROM now."FlightSensor" GROUP BY 1 ORDER BY 1')
        table = cursor.fetch_arrow_table()
        evens = [n / 2 for n in range(0, SENSORS, 2)]
        odds = [n / 2 for n in range(1, SENSORS, 2)]
        assert table.column("n").to_pylist() == [len(evens), len(odds)], table
        assert table.column("s").to_pylist() == [sum(evens), sum(odds)], table
        # The same question over HTTP has the same answer.
        said = json.loads(http("POST", "/sql", json.dumps({"query": cursor._last_query})))
        assert said["rows"] == [list(row.values()) for row in table.to_pylist()], said
        cursor.execute("SELECT value, concat('w', value) AS word FROM generate_series(1, 200000) ORDER BY value")
        table = cursor.fetch_arrow_table()
        assert table.num_rows == 200000 and table.column("word")[-1].as_py() == "w200000"
        assert pa.types.is_string(table.schema.field("word").type), table.schema


def parameters(connection):
    with connection.cursor() as cursor:
        asked = 'SELECT count(*) AS n FROM now."FlightSensor" WHERE level >= $1 AND district = $2'
        for low, district, wanted in [(100.0, "North", 50), (0.0, "South, \"old\"", 150), (0.0, "x' OR '1'='1", 0)]:
            cursor.execute(asked, (low, district))
            assert cursor.fetchone() == (wanted,), (low, district)
        schema = cursor.adbc_prepare(asked)
        assert [field.name for field in schema] == ["$1", "$2"], schema
        assert [field.name for field in cursor.adbc_execute_schema("SELECT 1 AS one, 'x' AS two")] == ["one", "two"]


def wrong(connection):
    with connection.cursor() as cursor:
        refused(lambda: cursor.execute("SELECT *\nFROM WHERE"), "line 2")
        refused(lambda: cursor.execute("DELETE FROM entity"), "only SELECT")
        refused(lambda: cursor.execute("SELECT missing FROM entity"), "missing")
        table = pa.table({"a": [1]})
        refused(lambda: cursor.adbc_ingest("made_up", table, mode="create"))
        # It still answers afterwards.
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,)


def who(address):
    if not TOKEN:
        return
    for options in [{}, {"username": "anna", "password": "chorsu_0_0"}]:

        def ask():
            with flightsql.connect(address, db_kwargs=options) as connection:
                connection.cursor().execute("SELECT 1")

        refused(ask)
    with flightsql.connect(address, db_kwargs={"username": "anna", "password": TOKEN}) as connection:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            assert cursor.fetchone() == (1,)


def main():
    entities = json.dumps([sensor(number) for number in range(SENSORS)])
    http("POST", "/ngsi-ld/v1/entityOperations/upsert", entities)
    address = f"grpc://127.0.0.1:{FLIGHT}"
    header = {"adbc.flight.sql.authorization_header": f"Bearer {TOKEN}"} if TOKEN else {}
    with flightsql.connect(address, db_kwargs=header, autocommit=True) as connection:
        metadata(connection)
        rows(connection)
        parameters(connection)
        wrong(connection)
    who(address)


main()
