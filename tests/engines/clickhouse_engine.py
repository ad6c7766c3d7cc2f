"""ClickHouse, in the process, by chdb."""

from __future__ import annotations

import tempfile
from typing import ClassVar

import pyarrow as pa
import pyarrow.parquet as pq

from tests.engines.base import ZONE, driver
from tests.support.scenarios import ARROW


class ClickHouse:
    """A session of ClickHouse."""

    dialect = "clickhouse"
    # A list cannot be NULL in ClickHouse, so the random cases have none.
    types: ClassVar = {
        "varchar": "String",
        "bigint": "Int64",
        "integer": "Int32",
        "boolean": "Bool",
        "double": "Float64",
        "decimal(10,2)": "Decimal(10, 2)",
        "date": "Date32",
        "timestamp": "DateTime64(6, 'UTC')",
        "timestamp_s": "DateTime('Asia/Kathmandu')",
        "timestamp_ns": "DateTime64(9, 'UTC')",
        "timestamptz": f"DateTime64(6, '{ZONE}')",
    }

    def __init__(self) -> None:
        driver("chdb")
        from chdb.session import Session

        self.session = Session()
        self.session.query("CREATE DATABASE IF NOT EXISTS shop")
        self.session.query(f"SET session_timezone = '{ZONE}'")
        self.folder = tempfile.TemporaryDirectory()

    def create(self, name, types, rows):
        """Create a table, filled from a file: instants are told as such."""
        arrow = {c: ARROW[data_type] for c, data_type in types.items()}
        for column, data_type in arrow.items():
            if pa.types.is_timestamp(data_type):
                arrow[column] = pa.timestamp(
                    data_type.unit if data_type.unit != "s" else "ms", "UTC"
                )
        path = f"{self.folder.name}/{name}.parquet"
        pq.write_table(pa.Table.from_pylist(rows, pa.schema(arrow)), path)
        typed = ", ".join(f'"{column}" {self._type(column, types, rows)}' for column in types)
        self.session.query(f"DROP TABLE IF EXISTS shop.{name}")
        self.session.query(f"CREATE TABLE shop.{name} ({typed}) ENGINE = Memory")
        self.session.query(f"INSERT INTO shop.{name} SELECT * FROM file('{path}', Parquet)")
        return f'"shop"."{name}"'

    def _type(self, column, types, rows):
        """Return a type that knows NULL only where there is one; a miss is NULL all the same."""
        holds_null = any(row[column] is None for row in rows)
        return f"Nullable({self.types[types[column]]})" if holds_null else self.types[types[column]]

    def rows(self, sql):
        """Run a query."""
        buffer = self.session.query(f"{sql} FORMAT Parquet").bytes()
        return pq.read_table(pa.BufferReader(buffer)).to_pylist() if buffer else []

    def close(self):
        """End the session."""
        self.session.close()
        self.folder.cleanup()
