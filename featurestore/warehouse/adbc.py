"""A warehouse behind an ADBC driver, which exchanges rows as Arrow.

An engine's own file holds how to connect and how the engine differs from the others.
"""

from __future__ import annotations

import contextlib
import importlib
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
from sqlglot import exp

from featurestore.errors import (
    MissingExtra,
    RelationNotBuilt,
    WarehouseError,
    WarehouseUnavailable,
)
from featurestore.values.types import DataType
from featurestore.warehouse.arrow import (
    canonical_table,
    canonical_type,
    data_type,
    recast,
    sql_type,
    write_parquet,
)
from featurestore.warehouse.description import description_of
from featurestore.warehouse.protocol import Warehouse, values_hidden
from featurestore.warehouse.rights import Right, missing_right

__all__ = ["AdbcWarehouse", "driver"]

# SQLSTATEs: undefined table and schema of PostgreSQL, base table not found and no data of
# Snowflake.
_NO_RELATION = ("42P01", "3F000", "42S02", "02000")
_NO_RIGHT = "42501"
_REFUSED = "FATAL:"
_LOST = ("08", "57P")
_ABOUT_SQL = ("42", "3D", "3F", "0A")
"""The SQLSTATE classes of errors that quote the statement, and never a row."""
_CHANGES = ("INSERT ", "DELETE ", "UPDATE ")
_CHANGE = "change the rows of a table"
_HIDDEN = "***"
# Not before every FATAL: that of a failed connection follows the address.
_QUOTED_BEFORE_FATAL = re.compile(r".*Failed to execute query '.*(?:FATAL|PANIC):", re.DOTALL)
_DRIVERS_OWN = re.compile(r"^[A-Z_]+: (\[\w+\] )?")


def driver(name: str, extra: str) -> Any:
    """Return the DBAPI module of a driver.

    Args:
        name: The name by which Python imports the driver's package.
        extra: The extra that installs it.

    Raises:
        MissingExtra: The driver is not installed.
    """
    try:
        return importlib.import_module(f"{name}.dbapi")
    except ImportError as error:
        missing = (error.name or name).partition(".")[0].replace("_", "-")
        raise MissingExtra(missing, extra, purpose="Reading the warehouse") from None


class AdbcWarehouse(Warehouse):
    """A connection to a warehouse; see `Warehouse` for the methods.

    Args:
        dbapi: The driver's DBAPI module.
        options: The arguments of its `connect`.
        address: The warehouse's address for messages, without secrets.
        secrets: Texts that errors must not show.
        role: The role or user that statements run as, for messages.

    Raises:
        WarehouseUnavailable: The warehouse does not answer, or refuses the connection.
    """

    dialect: ClassVar[str]
    rights: ClassVar[Sequence[Right]] = ()
    """The engine's rights, to name the one that a role lacks."""
    ingest_options: ClassVar[Mapping[str, Any]] = {}
    """Options with which the driver finds a temporary table when it ingests."""

    def __init__(
        self,
        dbapi: Any,
        options: Mapping[str, Any],
        *,
        address: str,
        secrets: Sequence[str] = (),
        role: str = "",
    ) -> None:
        self._errors = dbapi.Error
        self._address = address
        self._role = role
        # As a word of its own: a password of one letter must not hide letters of other words.
        hidden = "|".join(re.escape(secret) for secret in secrets if secret)
        self._secrets = re.compile(rf"(?<!\w)(?:{hidden})(?!\w)") if hidden else None
        try:
            self.connection = dbapi.connect(autocommit=True, **options)
        except self._errors as error:
            raise WarehouseUnavailable(
                f"Cannot connect to {address}: {self._reason(error)}",
                remedy=self._remedy(error),
            ) from None
        self._cursor = self.connection.cursor()

    @property
    def version(self) -> str:
        """The engine and its version."""
        information = self.connection.adbc_get_info()
        return f"{self.dialect} {information.get('vendor_version', '')}".strip()

    def content_hash(self, columns: Mapping[str, DataType]) -> str:
        """Return an expression for the sum of all rows' hashes."""
        raise NotImplementedError

    def columns(self, source: str, *, is_query: bool = False) -> dict[str, DataType]:
        """Return the columns of a relation or a query, from a SELECT without rows."""
        doing, statement = description_of(source, is_query=is_query)
        with self._translated(doing):
            self._cursor.execute(statement)
            schema = self._cursor.fetch_record_batch().schema
        return {self._name(field.name): self._data_type(field) for field in schema}

    def upload(self, name: str, table: pa.Table) -> str:
        """Copy Arrow data into a temporary table with the driver's bulk ingest."""
        table = canonical_table(table)
        columns = ", ".join(
            f"{self._identifier(field.name)} {self._spelled(sql_type(field.name, field.type))}"
            for field in table.schema
        )
        self._create_temporary(name, f"({columns})")
        with self._translated("upload the data frame"):
            self._cursor.adbc_ingest(
                self._stored_name(name), table, mode="append", **self.ingest_options
            )
        return name

    def stage(self, name: str, sql: str) -> str:
        """Store a query's rows in a temporary table."""
        self._create_temporary(name, f"AS\n{sql}")
        return name

    def _create_temporary(self, name: str, definition: str) -> None:
        """Create a temporary table in place of one of the same name."""
        self.execute(f"CREATE OR REPLACE TEMPORARY TABLE {name} {definition}")

    def stream(self, sql: str) -> pa.RecordBatchReader:
        """Run a query and stream its rows."""
        with self._translated("run the query"):
            self._cursor.execute(sql)
            reader = self._cursor.fetch_record_batch()
        schema = pa.schema(
            [pa.field(self._name(field.name), self._result_type(field)) for field in reader.schema]
        )
        return recast(reader, schema, lambda: self._translated("fetch the query's rows"))

    def execute(self, sql: str) -> None:
        """Run a statement."""
        with self._translated(_CHANGE if sql.startswith(_CHANGES) else "run a statement"):
            self._cursor.execute(sql)

    def write_table(self, name: str, sql: str) -> int:
        """Create or replace a table in one statement."""
        with self._translated(f"write the table {name}"):
            self._cursor.execute(f"CREATE OR REPLACE TABLE {self._table(name)} AS {sql}")
        return self._count(name)

    def write_parquet(self, path: Path, sql: str) -> int:
        """Stream a query's rows to a Parquet file."""
        return write_parquet(path, self.stream(sql))

    def close(self) -> None:
        """Close the connection."""
        with contextlib.suppress(self._errors):
            self._cursor.close()
        with contextlib.suppress(self._errors):
            self.connection.close()

    def _name(self, name: str) -> str:
        """Return a column's name as the project spells it."""
        return name

    def _identifier(self, name: str) -> str:
        """Return a column's name as SQL."""
        return exp.to_identifier(name, quoted=True).sql(self.dialect)

    def _stored_name(self, table: str) -> str:
        """Return the engine's stored form of a table's unquoted name."""
        return table

    def _data_type(self, field: pa.Field[Any]) -> DataType:
        return data_type(field.type)

    def _result_type(self, field: pa.Field[Any]) -> pa.DataType:
        """Return the type of a result's column, the same as DuckDB's for the same values."""
        return pa.string() if field.type in (pa.json_(), pa.uuid()) else canonical_type(field.type)

    def _spelled(self, data_type: str) -> str:
        return exp.DataType.build(data_type, dialect="duckdb").sql(self.dialect)

    def _table(self, name: str) -> str:
        return exp.to_table(name, dialect=self.dialect).sql(self.dialect)

    def _rows(self, sql: str) -> list[tuple[Any, ...]]:
        self._cursor.execute(sql)
        found: list[tuple[Any, ...]] = self._cursor.fetchall()
        return found

    def _count(self, name: str) -> int:
        with self._translated(f"count the rows of {name}"):
            return int(self._rows(f"SELECT count(*) FROM {self._table(name)}")[0][0])

    @contextlib.contextmanager
    def _translated(self, doing: str) -> Iterator[None]:
        """Translate the driver's errors into the package's own."""
        try:
            yield
        except self._errors as error:
            raise self._ours(doing, error) from None
        except (pa.ArrowException, OSError) as error:
            # An error of the engine while it fetches rows comes through Arrow.
            if self.hides_values:
                raise values_hidden(doing, type(error).__name__) from None
            raise WarehouseError(f"Cannot {doing}: {self._reason(error)}") from None

    def _ours(self, doing: str, error: Exception) -> WarehouseError:
        state = getattr(error, "sqlstate", None) or ""
        status = getattr(getattr(error, "status_code", None), "name", "")
        message = f"Cannot {doing}: {self._reason(error)}"
        if state in _NO_RELATION or (not state and status == "NOT_FOUND"):
            return RelationNotBuilt(message, remedy="If it is a dbt model, run `dbt build`.")
        if state == _NO_RIGHT or (not state and status in ("UNAUTHORIZED", "UNAUTHENTICATED")):
            return missing_right(doing, self._reason(error), self._role, self.rights)
        if state.startswith(_LOST) or (not state and status in ("IO", "TIMEOUT")):
            return WarehouseUnavailable(f"Lost the connection to {self._address}. {message}")
        if self.hides_values and not state.startswith(_ABOUT_SQL):
            return values_hidden(doing, f"{type(error).__name__} {state}".strip())
        return WarehouseError(message)

    def _reason(self, error: Exception) -> str:
        """Return the engine's first line, without the driver's prefix and without secrets.

        The driver may quote a statement of many lines before it.
        """
        words = str(error).split("\nQuery was:")[0].rpartition("ERROR:")[2]
        words = _QUOTED_BEFORE_FATAL.sub("", words).strip()
        lines = [line.strip() for line in words.splitlines() if line.strip()] or [repr(error)]
        # A line that ends with a colon says nothing yet.
        first = " ".join(lines[:2]) if lines[0].endswith(":") else lines[0]
        reason = _DRIVERS_OWN.sub("", first)
        # Drivers quote the connection string, and an error may end up in a log.
        return self._secrets.sub(_HIDDEN, reason) if self._secrets else reason

    def _remedy(self, error: Exception) -> str:
        """Return the remedy for a failed connection; a server that refuses it is running."""
        if _REFUSED not in str(error):
            return "Is it running, and is the target in profiles.yml right? Try `dbt debug`."
        reason = self._reason(error)
        remedies = (missing_right("connect", reason, self._role, [right]) for right in self.rights)
        known = next((found for found in remedies if " lacks " in found.message), None)
        if known is not None:
            return known.remedy
        return "The server runs and refuses the connection: correct the target in profiles.yml."
