"""A Spark session answers the questions. It needs Java 17."""

import lake
from pyspark.sql import SparkSession

files, questions = lake.questions()
spark = (
    SparkSession.builder.master("local[2]")
    .config("spark.sql.session.timeZone", "UTC")
    .config("spark.ui.enabled", "false")
    .config("spark.driver.bindAddress", "127.0.0.1")
    .config("spark.driver.host", "127.0.0.1")
    .config("spark.sql.shuffle.partitions", "4")
    # Global views live in a database of this name: so records.NAME is a name here, too.
    .config("spark.sql.globalTempDatabase", "records")
    .getOrCreate()
)
spark.sparkContext.setLogLevel("ERROR")
for table, paths in files.items():
    frame = spark.read.parquet(*paths)
    if table.startswith("records."):
        frame.createOrReplaceGlobalTempView(table.removeprefix("records."))
    else:
        frame.createOrReplaceTempView(table)
# As Arrow, which says moments in UTC; rows of Python would be in the zone of the machine.
answers = {name: spark.sql(sql).toArrow() for name, sql in questions.items()}
lake.answer({name: list(zip(*(column.to_pylist() for column in table.columns))) for name, table in answers.items()})
spark.stop()
