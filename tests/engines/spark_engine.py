"""Spark, in a JVM of its own on this machine."""

from __future__ import annotations

import logging
from typing import ClassVar

import pyarrow as pa

from tests.engines.base import ZONE, driver
from tests.support.scenarios import ARROW

# Spark counts microseconds, also in columns whose type in the case counts something else.
_ARROW = {**ARROW, "timestamp_s": ARROW["timestamp"], "timestamp_ns": ARROW["timestamp"]}
_SETTINGS = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.shuffle.partitions": "1",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.session.timeZone": ZONE,
    "spark.driver.host": "127.0.0.1",
    "spark.log.level": "ERROR",
}


class Spark:
    """A session of Spark."""

    dialect = "spark"
    types: ClassVar = {
        **{name: name for name in ARROW},
        "varchar": "string",
        "bigint[]": "array<bigint>",
        "integer": "int",
        "timestamp": "timestamp_ntz",
        "timestamp_s": "timestamp_ntz",
        "timestamp_ns": "timestamp_ntz",
        "timestamptz": "timestamp",
    }

    def __init__(self) -> None:
        builder = driver("pyspark.sql").SparkSession.builder.master("local[1]")
        logging.getLogger("py4j").setLevel(logging.ERROR)
        for name, value in _SETTINGS.items():
            builder = builder.config(name, value)
        self.session = builder.getOrCreate()

    def create(self, name, types, rows):
        """Create a temporary view."""
        arrow = pa.schema({column: _ARROW[types[column]] for column in types})
        table = pa.Table.from_pylist(list(rows), arrow)
        schema = ", ".join(f"`{column}` {self.types[types[column]]}" for column in types)
        self.session.createDataFrame(table, schema).createOrReplaceTempView(name)
        return f"`{name}`"

    def rows(self, sql):
        """Run a query; Arrow keeps what is an instant and what is not."""
        return self.session.sql(sql).toArrow().to_pylist()

    def close(self):
        """End the session and its JVM."""
        self.session.stop()
