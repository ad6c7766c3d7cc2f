"""A warehouse behind a DB-API driver, whose rows become Arrow here.

An engine's own file holds how to connect and how the engine differs from the others.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
from sqlglot import exp

from featurestore.errors import (
    EntityFrameError,
    MissingExtra,
    RelationNotBuilt,
    UnsupportedDialect,
    WarehouseError,
    WarehouseUnavailable,
)
from featurestore.values.dbt_profile import Profile
from featurestore.values.types import DataType
from featurestore.warehouse.arrow import arrow_type, write_parquet
from featurestore.warehouse.description import description_of
from featurestore.warehouse.protocol import Warehouse, values_hidden
from featurestore.warehouse.rights import missing_right

__all__ = ["DbapiWarehouse", "import_driver", "refuse_method"]

_BATCH_ROWS = 10_000


def import_driver(name: str, package: str, extra: str) -> Any:
    """Return the module of a driver.

    Args:
        name: The name by which Python imports it.
        package: The package that holds it.
        extra: The extra that installs it.

    Raises:
        MissingExtra: The driver is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError:
        raise MissingExtra(package, extra, purpose="Reading the warehouse") from None


def refuse_method(profile: Profile, key: str, supported: Sequence[str]) -> str:
    """Return how a target authenticates, the first of the supported ways by default.

    Raises:
        UnsupportedDialect: The target has another one; the error lists the supported ones.
    """
    method = str(profile.settings.get(key) or supported[0]).lower()
    if method not in supported:
        raise UnsupportedDialect(
            f"Target '{profile.target}' of profile '{profile.name}' has the {key} '{method}' of"
            f" dbt-{profile.adapter}, which featurestore does not support.",
            remedy=f"Supported: {', '.join(supported)}.",
        )
    return method


class DbapiWarehouse(Warehouse):
    """A connection to a warehouse; see `Warehouse` for the methods.

    Args:
        connection: An open connection of the driver, which commits each statement.
        errors: The driver's errors.
        address: The warehouse's address for messages, without secrets.
        role: The role or user that statements run as, for messages.
        schema: Where `stage` keeps tables, as SQL; empty for the connection's own.
    """

    dialect: ClassVar[str]
    no_relation: ClassVar[frozenset[str]] = frozenset()
    no_right: ClassVar[frozenset[str]] = frozenset()
    about_sql: ClassVar[frozenset[str]] = frozenset()
    """The codes of errors that quote the statement, and never a row."""
    staged: ClassVar[str] = "CREATE TABLE {table} AS\n{sql}"
    replaced: ClassVar[Sequence[str]] = ("CREATE OR REPLACE TABLE {table} AS\n{sql}",)
    """The statements that replace a table; `part` is a new name beside it."""
    undone: ClassVar[str] = ""
    """The statement after one of them has failed."""

    def __init__(
        self,
        connection: Any,
        errors: tuple[type[Exception], ...],
        *,
        address: str,
        role: str = "",
        schema: str = "",
    ) -> None:
        self.connection = connection
        self._errors = errors
        self._address = address
        self._role = role
        self._schema = schema
        self._kept: list[str] = []
        self._cursor = connection.cursor()

    @property
    def version(self) -> str:
        """The engine's name."""
        return self.dialect

    def content_hash(self, columns: Mapping[str, DataType]) -> str:
        """Return an expression for the sum of all rows' hashes."""
        raise NotImplementedError

    def columns(self, source: str, *, is_query: bool = False) -> dict[str, DataType]:
        """Return the columns of a relation or a query, from a SELECT without rows."""
        doing, statement = description_of(source, is_query=is_query)
        with self._translated(doing):
            self._cursor.execute(statement)
            self._cursor.fetchall()
            return self._types()

    def upload(self, name: str, table: pa.Table) -> str:
        """Raise: the driver has no way to load rows in bulk."""
        raise EntityFrameError(
            f"A data frame of {len(table.column_names)} columns cannot be uploaded to"
            f" {self.dialect} as {name}.",
            remedy="Load it into a table, and pass the table's name.",
        )

    def stage(self, name: str, sql: str) -> str:
        """Store a query's rows in a table that the connection drops when it closes."""
        table = ".".join(part for part in (self._schema, f"{name}_{uuid.uuid4().hex}") if part)
        self.execute(self.staged.format(table=table, sql=sql))
        self._kept.append(table)
        return table

    def stream(self, sql: str) -> pa.RecordBatchReader:
        """Run a query and stream its rows."""
        with self._translated("run the query"):
            self._cursor.execute(sql)
            types = self._types()
        schema = pa.schema([(name, arrow_type(found)) for name, found in types.items()])
        return pa.RecordBatchReader.from_batches(schema, self._batches(schema))

    def _batches(self, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        while True:
            with self._translated("fetch the query's rows"):
                rows = self._cursor.fetchmany(_BATCH_ROWS)
                if not rows:
                    return
                columns = [
                    pa.array([_plain(row[place], field.type) for row in rows], field.type)
                    for place, field in enumerate(schema)
                ]
            yield pa.RecordBatch.from_arrays(columns, schema=schema)

    def _types(self) -> dict[str, DataType]:
        """Return the types of the last result's columns."""
        raise NotImplementedError

    def execute(self, sql: str) -> None:
        """Run a statement to its end."""
        with self._translated("run a statement"):
            self._run(sql)

    def _run(self, sql: str) -> None:
        self._cursor.execute(sql)
        if self._cursor.description is not None:
            self._cursor.fetchall()

    def write_table(self, name: str, sql: str) -> int:
        """Create or replace a table; return its number of rows."""
        table = exp.to_table(name, dialect=self.dialect)
        part = table.copy()
        part.set("this", exp.to_identifier(f"_featurestore_{uuid.uuid4().hex}"))
        names = {
            "table": table.sql(self.dialect),
            "part": part.sql(self.dialect),
            "name": table.this.sql(self.dialect),
        }
        with self._translated(f"write the table {name}"):
            try:
                for statement in self.replaced:
                    self._run(statement.format(sql=sql, **names))
            except self._errors:
                if self.undone:
                    with contextlib.suppress(*self._errors):
                        self._run(self.undone.format(**names))
                raise
        with self._translated(f"count the rows of {name}"):
            self._cursor.execute(f"SELECT count(*) FROM {names['table']}")
            return int(self._cursor.fetchall()[0][0])

    def write_parquet(self, path: Path, sql: str) -> int:
        """Stream a query's rows to a Parquet file."""
        return write_parquet(path, self.stream(sql))

    def close(self) -> None:
        """Drop the staged tables, and close the connection."""
        with contextlib.suppress(WarehouseError):
            while self._kept:
                self.execute(f"DROP TABLE IF EXISTS {self._kept.pop()}")
        with contextlib.suppress(*self._errors):
            self.connection.close()

    def _code(self, error: Exception) -> str:
        """Return the engine's name or code of an error; empty if the engine did not answer."""
        raise NotImplementedError

    def _reason(self, error: Exception) -> str:
        return (str(error).strip().splitlines() or [type(error).__name__])[0]

    @contextlib.contextmanager
    def _translated(self, doing: str) -> Iterator[None]:
        """Translate the driver's errors into the package's own."""
        try:
            yield
        except self._errors as error:
            raise self._ours(doing, error) from None
        except pa.ArrowException as error:
            if self.hides_values:
                raise values_hidden(doing, type(error).__name__) from None
            raise WarehouseError(f"Cannot {doing}: {self._reason(error)}") from None

    def _ours(self, doing: str, error: Exception) -> WarehouseError:
        code, reason = self._code(error), self._reason(error)
        message = f"Cannot {doing}: {reason}"
        if not code:
            return WarehouseUnavailable(f"Lost the connection to {self._address}. {message}")
        if code in self.no_relation:
            return RelationNotBuilt(message, remedy="If it is a dbt model, run `dbt build`.")
        if code in self.no_right:
            return missing_right(doing, reason, self._role)
        if self.hides_values and code not in self.about_sql:
            return values_hidden(doing, f"{type(error).__name__} {code}")
        return WarehouseError(message)


def _plain(value: Any, arrow: pa.DataType) -> Any:
    """Return a value as Arrow takes it: what has no type of its own is text."""
    if value is None or not pa.types.is_string(arrow) or isinstance(value, str):
        return value
    return str(value) if isinstance(value, uuid.UUID) else json.dumps(value, default=str)
