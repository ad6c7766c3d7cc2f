"""DuckDB, with the same file, settings, extensions and attachments as dbt-duckdb.

A reader opens the file read-only, so it never blocks another reader. While a writer holds the file,
DuckDB lets no other process in. The session runs in UTC, independent of the machine's zone.
"""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from sqlglot import exp

from featurestore.errors import (
    MissingRight,
    RelationNotBuilt,
    WarehouseError,
)
from featurestore.values.atomic_file import atomic_write
from featurestore.values.dbt_profile import Profile
from featurestore.values.type_spellings import UnknownType, parse_type, without_sizes
from featurestore.values.types import DataType, Kind
from featurestore.warehouse.abilities import (
    Claim,
    Estimate,
    HashesRows,
    Index,
    KeepsLedger,
    KeepsStatistics,
    KnowsIndexes,
)
from featurestore.warehouse.duckdb_attach import attach
from featurestore.warehouse.duckdb_estimate import cardinality, is_table
from featurestore.warehouse.duckdb_file import (
    database_path,
    main_attachment,
    open_database,
    refuse_missing_file,
    unavailable,
)
from featurestore.warehouse.duckdb_hash import compared_as, hashed_as
from featurestore.warehouse.duckdb_indexes import unique_indexes
from featurestore.warehouse.duckdb_relative_files import find_files_in
from featurestore.warehouse.planned_reads import PlannedRead, PlansReads
from featurestore.warehouse.protocol import values_hidden
from featurestore.warehouse.query_plans import read_of_scans
from featurestore.warehouse.time_span import time_span

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

__all__ = ["DuckDBWarehouse"]

_BATCH_ROWS = 65_536
_SESSION = {
    "TimeZone": "'UTC'",
    "default_null_order": "'nulls_last'",
    "default_order": "'asc'",
    # Keys and ties compare by their bytes, as in the online store.
    "default_collation": "''",
    # A name means a table, and never a variable of the Python code around the call.
    "python_enable_replacements": "false",
    # The progress bar of a long query goes to standard output, among the data.
    "enable_progress_bar": "false",
}
"""The settings of every session."""
_NO_RIGHTS = {
    "attached in read-only mode": "The ledger of a sync and `to_table` write to the database of the"
    " target's `path:`, which must not have `access_mode: read_only`; databases under `attach:` are"
    " read only. With `state:` in dbt_project.yml, a path, the ledger is a file of its own, and the"
    " sync only reads the warehouse.",
    "Permission denied": "Let the user of this process write to the file, and create files beside"
    " it.",
}
"""How the engine's words show that a right is missing, and the remedy."""


class DuckDBWarehouse(KeepsLedger, HashesRows, KeepsStatistics, KnowsIndexes, PlansReads):
    """A connection to a DuckDB database; see `Warehouse` for the methods.

    Args:
        connection: An open connection; closing the warehouse closes it.
    """

    dialect = "duckdb"

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.connection = connection
        self._configure()

    @classmethod
    def in_memory(cls) -> Self:
        """Open an empty database in memory."""
        import duckdb

        return cls(duckdb.connect())

    @classmethod
    def from_profile(cls, profile: Profile, *, write: bool = False) -> Self:
        """Open the database of a dbt-duckdb target.

        Args:
            profile: The target.
            write: Whether to open the file for writing.

        Raises:
            WarehouseUnavailable: The file is missing, locked by a writer, or not a database.
            MissingExtra: DuckDB is not installed.
        """
        config = profile.settings.get("config_options")
        warehouse = cls(open_database(database_path(profile), write=write, config=config))
        try:
            warehouse._prepare(profile, write=write)
        except BaseException:
            warehouse.close()
            raise
        return warehouse

    def _configure(self) -> None:
        with self._translated("configure the session"):
            for name, value in _SESSION.items():
                self.connection.execute(f"SET {name} = {value}")

    def _prepare(self, profile: Profile, *, write: bool) -> None:
        """Configure the session as dbt-duckdb does, but for what the statements rely on."""
        folder, main = profile.folder.resolve(), main_attachment(profile)
        for extension in profile.settings.get("extensions") or ():
            name = extension["name"] if isinstance(extension, dict) else extension
            self.execute(f"LOAD {exp.to_identifier(str(name)).sql('duckdb')}")
        if main is not None:
            self._attach_main(main, folder, write=write)
        # Before the other databases, whose views another server may hold.
        with self._translated("read the views"):
            find_files_in(folder, self.connection)
        for attachment in profile.settings.get("attach") or ():
            if attachment is not main:
                with self._translated(f"attach the database {attachment['path']}"):
                    attach(self.connection, attachment, folder, write=False)
        for name, value in (profile.settings.get("settings") or {}).items():
            literal = exp.Literal.string(str(value)).sql("duckdb")
            self.execute(f"SET {name} = {literal}")
        # Again: the profile's settings must not change who wins, or which keys are one.
        self._configure()

    def _attach_main(self, attachment: Mapping[str, Any], folder: Path, *, write: bool) -> None:
        """Attach the database that dbt builds in; names without a database then mean it."""
        import duckdb

        path = str(attachment["path"])
        refuse_missing_file(path, folder)
        try:
            name = attach(self.connection, attachment, folder, write=write)
        except duckdb.Error as error:
            raise unavailable(path, str(error), write=write) from error
        self.execute(f"USE {_quoted(name)}")

    @property
    def version(self) -> str:
        """DuckDB's version."""
        import duckdb

        return f"duckdb {duckdb.__version__}"

    def content_hash(self, columns: Mapping[str, DataType]) -> str:
        """Return an expression for the sum of all rows' hashes."""
        if not columns:
            return "NULL::VARCHAR"
        values = [part for name, kind in columns.items() for part in hashed_as(name, kind)]
        total = f"sum(hash({', '.join(values)})::HUGEINT)"
        return f"printf('%x', ({total} % {2**60})::BIGINT)"

    def row_hash(self, values: Mapping[str, DataType | None]) -> str:
        """Return a hash of all values."""
        parts = [part for value, kind in values.items() for part in hashed_as(value, kind)]
        return f"hash({', '.join(parts)})"

    def compared_as(self, value: str, data_type: DataType | None) -> tuple[str, ...]:
        """Return the expressions by which two values are compared."""
        return compared_as(value, data_type)

    def key_text(self, value: str) -> str:
        """Return the key itself: DuckDB compares a UUID with a text."""
        return value

    def claim(self, claim: Claim) -> None:
        """Do nothing: the lock of the file keeps other processes out."""

    def create_schema(self, name: str) -> None:
        """Create a schema if it does not exist."""
        self.execute(f"CREATE SCHEMA IF NOT EXISTS {name}")

    def create_table(self, name: str, columns: str) -> None:
        """Create a table if it does not exist."""
        self.execute(f"CREATE TABLE IF NOT EXISTS {name} ({columns})")

    def columns(self, source: str, *, is_query: bool = False) -> dict[str, DataType]:
        """Return the columns of a relation or a query."""
        described = f"(\n{source}\n)" if is_query else source
        with self._translated(
            "describe the entity frame's SQL" if is_query else f"describe {source}"
        ):
            # DuckDB binds this query without running it, in a third of the time of DESCRIBE.
            found = self.connection.sql(f"SELECT * FROM {described}")
        types = zip(found.columns, found.types, strict=True)
        return {name: _type(str(data_type)) for name, data_type in types}

    def estimate(
        self,
        source: str,
        columns: Sequence[str] = (),
        *,
        over: str | None = None,
        above: int = 0,
        is_query: bool = False,
    ) -> Estimate | None:
        """Return the planner's estimate, with the statistics that a table keeps of its columns."""
        relation = f"(\n{source}\n)" if is_query else source
        with self._translated(f"plan a scan of {source}"):
            plan = self._plan(f"SELECT * FROM {relation}")
            rows = cardinality(plan)
            if rows is None:
                return None
            wanted = (*columns, *([over] if over else ())) if rows > above else ()
            kept = self._statistics(relation, wanted)
        known = [kept.get(name, {}).get("approx_unique") for name in columns]
        distinct = max((int(count) for count in known if count), default=None)
        ends = kept.get(over or "", {})
        span = time_span(ends.get("min"), ends.get("max"))
        return Estimate(rows, distinct, span, is_table(plan))

    def planned_read(self, sql: str) -> PlannedRead:
        """Return the rows that the plan of a query scans."""
        with self._translated("plan the query"):
            return read_of_scans(self._plan(sql))

    def _plan(self, sql: str) -> list[dict[str, Any]]:
        explained = self.connection.execute(f"EXPLAIN (FORMAT json) {sql}").fetchall()
        plan: list[dict[str, Any]] = json.loads(explained[0][1]) if explained else []
        return plan

    def indexes(self, relation: str) -> tuple[Index, ...]:
        """Return the primary key and the unique indexes of a table."""
        with self._translated(f"read the constraints of {relation}"):
            return tuple(unique_indexes(self.connection, relation))

    def _statistics(self, relation: str, columns: Sequence[str]) -> dict[str, dict[str, Any]]:
        if not columns:
            return {}
        # As JSON, because DuckDB needs another package (pytz) to return an instant with a zone.
        wanted = ", ".join(
            f"to_json(stats({exp.to_identifier(name, quoted=True).sql('duckdb')}))"
            for name in columns
        )
        found = self.connection.execute(f"SELECT {wanted} FROM {relation} LIMIT 1").fetchall()
        entries = zip(columns, found[0] if found else (), strict=False)
        known = {name: json.loads(entry) for name, entry in entries if entry}
        # Before DuckDB 2.0 the statistics are text for people.
        return {name: stats for name, stats in known.items() if isinstance(stats, dict)}

    def upload(self, name: str, table: pa.Table | pa.RecordBatchReader) -> str:
        """Register Arrow data, which DuckDB reads in place, without a copy; a reader once."""
        self.connection.register(name, table)
        return exp.to_identifier(name).sql("duckdb")

    def stage(self, name: str, sql: str) -> str:
        """Store a query's rows in a temporary table."""
        self.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS\n{sql}")
        return name

    def stream(self, sql: str) -> pa.RecordBatchReader:
        """Run a query and stream its rows."""
        with self._translated("run the query"):
            reader: pa.RecordBatchReader = self.connection.sql(sql).to_arrow_reader(_BATCH_ROWS)
        return self._fetched(_in_utc(reader))

    def _fetched(self, reader: pa.RecordBatchReader) -> pa.RecordBatchReader:
        """Translate the errors of rows that DuckDB computes while they are fetched."""
        import pyarrow as pa

        def batches() -> Iterator[pa.RecordBatch]:
            while True:
                try:
                    batch = reader.read_next_batch()
                except StopIteration:
                    return
                except (pa.ArrowException, OSError) as error:
                    if self.hides_values:
                        raise values_hidden("fetch the rows", type(error).__name__) from None
                    raise WarehouseError(f"Cannot fetch the rows: {_reason(error)}") from error
                yield batch

        return pa.RecordBatchReader.from_batches(reader.schema, batches())

    def execute(self, sql: str) -> None:
        """Run a statement."""
        with self._translated("run a statement"):
            self.connection.execute(sql)

    def write_table(self, name: str, sql: str) -> int:
        """Create or replace a table in one transaction."""
        table = exp.to_table(name, dialect="duckdb").sql("duckdb")
        with self._translated(f"write the table {name}"):
            row = self.connection.execute(f"CREATE OR REPLACE TABLE {table} AS {sql}").fetchone()
        return int(row[0]) if row else 0

    def write_parquet(self, path: Path, sql: str) -> int:
        """Write a Parquet file atomically."""
        with atomic_write(path) as part, self._translated(f"write {path}"):
            target = exp.Literal.string(str(part)).sql("duckdb")
            rows, schema = self._without_arrays(sql)
            options = ", ".join(["FORMAT PARQUET", "COMPRESSION ZSTD", *schema])
            row = self.connection.execute(f"COPY ({rows}) TO {target} ({options})").fetchone()
        return int(row[0]) if row else 0

    def _without_arrays(self, sql: str) -> tuple[str, list[str]]:
        """Return a query for a Parquet file, and the option that keeps the size of its arrays.

        Parquet has lists alone, and a file of DuckDB 2.0 with NULL for an array is unreadable. So
        arrays are written as lists, beside the schema that Arrow's own writer adds: readers that
        are built on Arrow take the size from it.
        """
        found = self.connection.sql(sql)
        texts = {name: str(kind) for name, kind in zip(found.columns, found.types, strict=True)}
        lists = {name: without_sizes(text) for name, text in texts.items()}
        if lists == texts:
            return sql, []
        replaced = ", ".join(
            f"CAST({quoted} AS {lists[name]}) AS {quoted}"
            for name, quoted in ((name, _quoted(name)) for name in lists)
            if lists[name] != texts[name]
        )
        reader = self.stream(f"SELECT * FROM ({sql}) AS written LIMIT 0")
        schema = base64.b64encode(reader.schema.serialize().to_pybytes()).decode("ascii")
        # An unread reader blocks DuckDB's connection.
        reader.read_all()
        rows = f"SELECT * REPLACE ({replaced}) FROM ({sql}) AS written"
        return rows, [f"KV_METADATA {{'ARROW:schema': '{schema}'}}"]

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()

    @contextlib.contextmanager
    def _translated(self, doing: str) -> Iterator[None]:
        """Translate DuckDB's errors into the package's own."""
        import duckdb

        try:
            yield
        except duckdb.CatalogException as error:
            message = f"Cannot {doing}: {_reason(error)}"
            remedy = "If it is a dbt model, run `dbt build`."
            raise RelationNotBuilt(message, remedy=remedy) from error
        except duckdb.Error as error:
            remedy = next((kept for sign, kept in _NO_RIGHTS.items() if sign in str(error)), "")
            if remedy:
                message = f"Cannot {doing}: {_reason(error).rstrip('.')}."
                raise MissingRight(message, remedy=remedy) from error
            about_sql = (
                duckdb.BinderException,
                duckdb.SyntaxException,
                duckdb.ParserException,
                duckdb.OperationalError,
            )
            if self.hides_values and not isinstance(error, about_sql):
                raise values_hidden(doing, type(error).__name__) from None
            raise WarehouseError(f"Cannot {doing}: {_reason(error)}") from error


def _quoted(name: str) -> str:
    return exp.to_identifier(name, quoted=True).sql("duckdb")


def _in_utc(reader: pa.RecordBatchReader) -> pa.RecordBatchReader:
    """Rename the zone of instants to UTC, as other libraries have it; DuckDB says Etc/UTC."""
    import pyarrow as pa

    schema = reader.schema
    for index, field in enumerate(schema):
        if getattr(field.type, "tz", None) == "Etc/UTC":
            utc = pa.timestamp(field.type.unit, "UTC")
            schema = schema.set(index, field.with_type(utc))
    return reader if schema == reader.schema else reader.cast(schema)


def _type(text: str) -> DataType:
    try:
        return parse_type(text, "duckdb")
    except UnknownType:
        return DataType(Kind.OTHER, text=text)


def _reason(error: Exception) -> str:
    return " ".join(line.strip() for line in str(error).splitlines()[:2] if line.strip())
