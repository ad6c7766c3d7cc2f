"""Databricks: Spark's SQL, word for word, so that everything proven on Spark holds here."""

from __future__ import annotations

from dataclasses import replace

from featurestore.sql.dialects.record import JoinShape
from featurestore.sql.dialects.spark import SPARK
from featurestore.values.missing import Missing

__all__ = ["DATABRICKS"]

DATABRICKS = replace(
    SPARK,
    name="databricks",
    grammar="databricks",
    missing_shapes={
        **SPARK.missing_shapes,
        JoinShape.ASOF: Missing("Databricks gets the statements of Spark SQL"),
    },
)
