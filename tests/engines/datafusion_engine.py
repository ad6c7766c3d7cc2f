"""DataFusion, in the process."""

from __future__ import annotations

from typing import ClassVar

import pyarrow as pa

from tests.engines.base import ZONE, driver
from tests.support.scenarios import ARROW


class DataFusion:
    """A session of DataFusion."""

    dialect = "datafusion"
    types: ClassVar = {name: name for name in ARROW}

    def __init__(self) -> None:
        self.context = driver("datafusion").SessionContext()
        self.context.sql(f"SET datafusion.execution.time_zone = '{ZONE}'").collect()

    def create(self, name, types, rows):
        """Register Arrow data, its zone another than the session's."""
        arrow = {column: ARROW[data_type] for column, data_type in types.items()}
        arrow |= {c: pa.timestamp("us", tz="Asia/Kathmandu") for c, t in types.items() if "tz" in t}
        batches = pa.Table.from_pylist(rows, pa.schema(arrow)).to_batches()
        self.context.sql(f"DROP TABLE IF EXISTS {name}").collect()
        empty = [pa.RecordBatch.from_pylist([], pa.schema(arrow))]
        self.context.register_record_batches(name, [batches or empty])
        return f'"datafusion"."public"."{name}"'

    def rows(self, sql):
        """Run a query."""
        frame = self.context.sql(sql)
        batches = frame.collect()
        # A plan and its result may differ in which columns cannot be NULL.
        schema = batches[0].schema if batches else frame.schema()
        return pa.Table.from_batches(batches, schema).to_pylist()

    def close(self):
        """Nothing is open."""
