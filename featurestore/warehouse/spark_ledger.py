"""Spark as the home of a sync's ledger: tables of its own, which outlive a lost executor.

It needs tables that can be created from a query, appended to and dropped, and no more: Parquet,
Delta and Iceberg do alike.
"""

from __future__ import annotations

import secrets
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from featurestore.errors import MissingExtra
from featurestore.values.types import DataType, Kind
from featurestore.warehouse.abilities import Claim, KeepsLedger
from featurestore.warehouse.spark import SparkWarehouse

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["SparkLedgerDatabase"]

_STAGED = "featurestore_staged"
_KEPT_SECONDS = 86_400
"""How long a staged table of a run that died stays: a dry run may still read its own."""
_FLOATS = frozenset({Kind.FLOAT32, Kind.FLOAT64})

Batches = Callable[[Iterable["pa.RecordBatch"]], Iterator["pa.RecordBatch"]]


class SparkLedgerDatabase(SparkWarehouse, KeepsLedger):
    """A session of Spark, and a schema for the ledger's tables; see `KeepsLedger`.

    Args:
        session: The session; it stays open.
        schema: The schema, as it is written in a statement.
    """

    def __init__(self, session: Any, schema: str) -> None:
        super().__init__(session)
        self._schema = schema
        self._own = f"{_STAGED}_{int(time.time())}_{secrets.token_hex(4)}"
        self._count = 0
        self._staged: dict[str, str] = {}

    def columns(self, source: str, *, is_query: bool = False) -> dict[str, DataType]:
        """Return the columns of a relation or a query."""
        found = super().columns(source, is_query=is_query)
        if not is_query:
            self.refresh(source)
        return found

    def refresh(self, table: str) -> None:
        """Forget which files a table has: another session may have written it since."""
        with self._translated(f"read {table}"):
            self.session.catalog.refreshTable(table)

    def stage(self, name: str, sql: str) -> str:
        """Keep a query's rows in a table of their own, which a lost executor does not take away."""
        return self.stage_frame(name, self.frame(sql))

    def stage_frame(self, name: str, frame: Any) -> str:
        """Keep the rows of a data frame likewise."""
        self._count += 1
        table = f"{self._schema}.`{self._own}_{self._count}`"
        with self._translated("run the query"):
            frame.write.mode("overwrite").saveAsTable(table)
            self.session.table(table).createOrReplaceTempView(name)
        before, self._staged[name] = self._staged.get(name), table
        if before:
            self._drop(before)
        return name

    def mapped(self, frame: Any, batches: Batches, columns: str) -> Any:
        """Return a data frame of what a function returns for each partition's Arrow batches.

        The function and all that it holds travel to the executors; plans show its name alone.

        Args:
            frame: The data frame.
            batches: The function.
            columns: The names and types of its columns, as SQL.
        """
        if find_spec("pandas") is None:
            # PySpark refuses functions over Arrow without it.
            raise MissingExtra("pandas", "pandas", purpose="A sync by Spark")
        with warnings.catch_warnings():
            # PySpark warns of each pandas that is newer than itself, and uses none of it here.
            warnings.simplefilter("ignore", FutureWarning)
            return frame.mapInArrow(batches, columns)

    def collect(self, frame: Any, doing: str) -> pa.Table:
        """Run a data frame; return its rows, which must be few.

        Args:
            frame: The data frame.
            doing: The action, for the error.
        """
        with self._translated(doing):
            found: pa.Table = frame.toArrow()
        return found

    def frame(self, sql: str) -> Any:
        """Return the data frame of a query."""
        with self._translated("run the query"):
            return self.session.sql(sql)

    def create_schema(self, name: str) -> None:
        """Create a schema if it does not exist."""
        with self._translated(f"look for the schema {name}"):
            exists = self.session.catalog.databaseExists(name.strip("`"))
        if not exists:
            self.execute(f"CREATE SCHEMA IF NOT EXISTS {name}")

    def create_table(self, name: str, columns: str) -> None:
        """Create an empty table if it does not exist."""
        self.execute(f"CREATE TABLE IF NOT EXISTS {name} ({columns})")

    def claim(self, claim: Claim) -> None:  # noqa: ARG002, the lock in Redis keeps others out
        """Drop the staged tables of runs that died long ago."""
        oldest = time.time() - _KEPT_SECONDS
        for table in self.tables(f"{_STAGED}_*"):
            started = table.removeprefix(f"{_STAGED}_").partition("_")[0]
            if started.isdigit() and int(started) < oldest:
                self._drop(f"{self._schema}.`{table}`")

    def tables(self, pattern: str) -> list[str]:
        """Return the names of the schema's tables that match a pattern of SHOW TABLES."""
        if not self.session.catalog.databaseExists(self._schema.strip("`")):
            return []
        rows = self.stream(f"SHOW TABLES IN {self._schema} LIKE '{pattern}'").read_all()
        return [str(name) for name in rows.column("tableName").to_pylist()]

    def compared_as(self, value: str, data_type: DataType | None) -> tuple[str, ...]:
        """Return the expressions by which two values are compared.

        Spark takes -0.0 for 0.0, and texts for equal that their collation does not tell apart.
        """
        if data_type is None:
            return (value,)
        if data_type.kind in _FLOATS:
            return value, f"CASE WHEN {value} = 0 THEN CAST({value} AS STRING) END"
        if data_type.element is not None and _innermost(data_type).kind in _FLOATS:
            return value, f"CAST({value} AS STRING)"
        if data_type.kind is Kind.STRING:
            return (f"CAST({value} AS BINARY)",)
        return (value,)

    def key_text(self, value: str) -> str:
        """Return the key itself."""
        return value

    def close(self) -> None:
        """Drop the staged tables; the session stays."""
        super().close()
        while self._staged:
            name, table = self._staged.popitem()
            self.session.catalog.dropTempView(name)
            self._drop(table)

    def _drop(self, table: str) -> None:
        self.execute(f"DROP TABLE IF EXISTS {table}")


def _innermost(data_type: DataType) -> DataType:
    return _innermost(data_type.element) if data_type.element is not None else data_type
