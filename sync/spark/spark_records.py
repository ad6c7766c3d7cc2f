"""The records of a ledger that Spark keeps: the views' entries and holds, and the ledger's id.

They are a few rows that change often, which Spark's tables are not made for. So a run holds them in
DuckDB, in memory, and appends all of them as one text to a table of Spark before it continues. The
text with the greatest number counts.

    featurestore_records_<project>_<hash>_a   or `_b`: number BIGINT, records STRING
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from featurestore.warehouse.duckdb import DuckDBWarehouse
from featurestore.warehouse.spark_ledger import SparkLedgerDatabase
from sync.spark.spark_rows import plain_name
from sync.warehouse.ledger_tables import LedgerTables
from sync.warehouse.source_rows import RowsInPlace

__all__ = ["SparkRecords"]

_TABLES = ("_featurestore_sync", "_featurestore_held_back", "_featurestore_database")
_SCHEMA = "main"
_MOST_TEXTS = 64
"""Texts in one table, each a file of its own: then the last one moves to the other table."""


class _Text(NamedTuple):
    """The records at one time: the text's number, the text, and the table that it is in."""

    number: int
    records: str
    log: str


class SparkRecords(LedgerTables):
    """The tables of the records; see `LedgerTables`.

    Args:
        spark: The session.
        schema: The schema of Spark's table, as it is written in a statement.
        project: The project, as its keys in Redis name it.
    """

    def __init__(self, spark: SparkLedgerDatabase, schema: str, project: str) -> None:
        super().__init__(DuckDBWarehouse.in_memory(), _SCHEMA, project, RowsInPlace())
        self._spark = spark
        name = f"featurestore_records_{plain_name(project)}"
        self._logs = [f"{schema}.`{name}_{turn}`" for turn in ("a", "b")]
        found = [text for log in self._logs for text in self._read(log)]
        newest = max(found, default=_Text(0, "{}", self._logs[0]))
        self._number, self._kept, self._log = newest
        self._texts = sum(text.log == newest.log for text in found)
        for table, rows in json.loads(self._kept).items():
            self._load(table, rows)

    def _read(self, log: str) -> list[_Text]:
        if log.rpartition(".")[2].strip("`") not in self._spark.tables("featurestore_records_*"):
            return []
        # Another session may have appended to it.
        self._spark.refresh(log)
        rows = self._spark.stream(f"SELECT number, records FROM {log}").read_all().to_pylist()
        return [_Text(row["number"] or 0, row["records"] or "{}", log) for row in rows]

    def _load(self, table: str, rows: list[dict[str, Any]]) -> None:
        import pyarrow as pa

        if rows:
            uploaded = self.database.upload("loaded", pa.Table.from_pylist(rows))
            self.database.write_table(self.named(table), f"SELECT * FROM {uploaded}")

    def settle(self) -> None:
        """Append the records to Spark's table, if they changed."""
        found = {
            table: self.rows(f"SELECT * FROM {self.named(table)} ORDER BY ALL")
            for table in _TABLES
            if self.exists(self.named(table))
        }
        records = json.dumps(found)
        if records == self._kept:
            return
        number = self._number + 1
        row = f"SELECT CAST({number} AS BIGINT) AS number, {_literal(records)} AS records"
        if self._texts and self._texts < _MOST_TEXTS:
            self._spark.execute(f"INSERT INTO {self._log} {row}")
            self._texts += 1
        else:
            self._move(row)
        self._number, self._kept = number, records

    def _move(self, row: str) -> None:
        """Write the other table, which then has the greatest number, and drop this one."""
        (other,) = (log for log in self._logs if log != self._log)
        self._spark.execute(f"DROP TABLE IF EXISTS {other}")
        self._spark.write_table(other, row)
        self._spark.execute(f"DROP TABLE IF EXISTS {self._log}")
        self._log, self._texts = other, 1


def _literal(text: str) -> str:
    """Return a text as Spark's SQL writes it, in a form in which no escape matters."""
    return f"CAST(unhex('{text.encode().hex()}') AS STRING)"
