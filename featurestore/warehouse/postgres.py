"""PostgreSQL, with the connection settings of dbt-postgres.

Source: https://docs.getdbt.com/docs/core/connect-data-platform/postgres-setup
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar, Self

import pyarrow as pa
from sqlglot import exp

from featurestore.values.dbt_profile import Profile
from featurestore.values.types import DataType, Kind
from featurestore.warehouse.abilities import (
    Estimate,
    Index,
    KeepsStatistics,
    KnowsIndexes,
    KnowsTables,
)
from featurestore.warehouse.adbc import driver
from featurestore.warehouse.arrow import canonical_type, data_type
from featurestore.warehouse.planned_reads import PlannedRead, PlansReads
from featurestore.warehouse.postgres_ledger import PostgresLedger
from featurestore.warehouse.query_plans import read_of_nodes
from featurestore.warehouse.rights import POSTGRES_RIGHTS
from featurestore.warehouse.time_span import time_span

__all__ = ["PostgresWarehouse"]

# libpq's keyword for each key of the profile.
_WORDS = {
    "host": "host",
    "port": "port",
    "user": "user",
    "password": "password",
    "pass": "password",
    "dbname": "dbname",
    "database": "dbname",
    "sslmode": "sslmode",
    "sslcert": "sslcert",
    "sslkey": "sslkey",
    "sslrootcert": "sslrootcert",
    "connect_timeout": "connect_timeout",
    "application_name": "application_name",
}
_DEFAULTS = {"connect_timeout": "10", "application_name": "featurestore"}
# The digits of Arrow's decimal256.
_WIDEST = 76
_TYPE = b"POSTGRESQL:type"
_BY_COPY = "adbc.postgresql.use_copy"
_TEXTS = frozenset({"", "text", "varchar", "bpchar", "name", "unknown"})
# PostgreSQL adds the size of a varlena header to the type modifier.
_BYTES_OF_HEADER = 4
# A comparison of the columns themselves can use only an index in their own collation and order of
# types. An index with NULL in its default place can be read from either end. The padding of a
# `char(n)` makes PostgreSQL compare it as another type. A partitioned table has indexes of all its
# rows (relkind I); that of a table with heirs has none of theirs.
_INDEXES = """
SELECT json_agg(a.attname ORDER BY k.n)::text, bool_and(i.indisunique AND i.indimmediate)
FROM pg_catalog.pg_index AS i
JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_am AS m ON m.oid = c.relam AND m.amname = 'btree'
CROSS JOIN LATERAL generate_series(0, i.indnkeyatts - 1) AS k (n)
LEFT JOIN pg_catalog.pg_attribute AS a
    ON a.attrelid = i.indrelid AND a.attnum = i.indkey[k.n] AND i.indkey[k.n] > 0
LEFT JOIN pg_catalog.pg_opclass AS o ON o.oid = i.indclass[k.n]
WHERE i.indrelid = {relation} AND i.indisvalid AND i.indisready AND i.indpred IS NULL
    AND (c.relkind = 'I' OR NOT EXISTS (
        SELECT FROM pg_catalog.pg_inherits AS h WHERE h.inhparent = i.indrelid
    ))
GROUP BY i.indexrelid
HAVING bool_and(
    a.attname IS NOT NULL
    AND o.opcdefault
    AND a.atttypid <> 'pg_catalog.bpchar'::regtype
    AND i.indcollation[k.n] = a.attcollation
    AND i.indoption[k.n] IN (0, 3)
)
ORDER BY i.indexrelid
"""


class PostgresWarehouse(PostgresLedger, KeepsStatistics, KnowsIndexes, KnowsTables, PlansReads):
    """A connection to a PostgreSQL database, in a session in UTC."""

    dialect = "postgres"
    rights = POSTGRES_RIGHTS
    ingest_options: ClassVar = {"temporary": True}

    @classmethod
    def from_profile(
        cls,
        profile: Profile,
        *,
        write: bool = False,  # noqa: ARG003, the role's own grants decide
    ) -> Self:
        """Connect to the database of a dbt-postgres target.

        Args:
            profile: The target.
            write: Ignored.

        Raises:
            WarehouseUnavailable: The server does not answer, or refuses the connection.
            MissingExtra: The driver is not installed.
        """
        settings = profile.settings
        given = {_WORDS[key]: str(settings[key]) for key in _WORDS if key in settings}
        words = {**_DEFAULTS, **given}
        warehouse = cls(
            driver("adbc_driver_postgresql", "postgres"),
            {"uri": " ".join(f"{word}={_quoted(value)}" for word, value in words.items())},
            address="PostgreSQL at {}:{}/{}".format(
                *(words.get(word, "") for word in ("host", "port", "dbname"))
            ),
            secrets=[words.get("password", ""), _escaped(words.get("password", ""))],
            role=str(settings.get("role") or words.get("user", "")),
        )
        try:
            warehouse._prepare(settings)
        except BaseException:
            warehouse.close()
            raise
        return warehouse

    def _prepare(self, settings: Mapping[str, Any]) -> None:
        """Configure the session as dbt does, and fix the settings that hashes of rows depend on."""
        if settings.get("role"):
            self.execute(f"SET ROLE {self._identifier(str(settings['role']))}")
        for name, value in (("TimeZone", "UTC"), ("DateStyle", "ISO"), ("bytea_output", "hex")):
            self.execute(f"SET {name} = '{value}'")
        path = str(settings.get("search_path") or "")
        if not path and settings.get("schema"):
            # A name without a schema means a table in dbt's schema, else in the role's own path.
            own = self._identifier(str(settings["schema"]))
            path = ", ".join(part for part in (own, self._setting("search_path")) if part)
        if path:
            self.execute(f"SELECT set_config('search_path', {_literal(path)}, false)")
        enums = self._rows("SELECT oid FROM pg_catalog.pg_type WHERE typtype = 'e'")
        self._enums = {f"unnamed<oid:{oid}>" for (oid,) in enums}

    def _setting(self, name: str) -> str:
        return str(self._rows(f"SELECT current_setting('{name}')")[0][0])

    @property
    def version(self) -> str:
        """PostgreSQL's version."""
        return f"postgres {self._setting('server_version')}"

    def content_hash(self, columns: Mapping[str, DataType]) -> str:
        """Return an expression for the sum of all rows' hashes; PostgreSQL hashes a row's text."""
        if not columns:
            return "NULL::text"
        total = f"sum(hashtextextended(ROW({', '.join(columns)})::text, 0)::numeric)"
        return f"to_hex(mod({total}, {2**60})::bigint)"

    def estimate(
        self,
        source: str,
        columns: Sequence[str] = (),
        *,
        over: str | None = None,
        above: int = 0,
        is_query: bool = False,
    ) -> Estimate | None:
        """Return the statistics of the last ANALYZE of a table."""
        if is_query:
            return None
        relation = f"to_regclass({_literal(source)})"
        with self._translated(f"read the statistics of {source}"):
            found = self._rows(
                f"SELECT reltuples::bigint FROM pg_catalog.pg_class WHERE oid = {relation}"
            )
            rows = int(found[0][0]) if found else -1
            if rows < 0:
                # No ANALYZE has run yet.
                return None
            if rows <= above:
                return Estimate(rows)
            span = self._span(relation, over) if over else None
            return Estimate(rows, self._distinct(relation, rows, columns), span)

    def _distinct(self, relation: str, rows: int, columns: Sequence[str]) -> int | None:
        if not columns:
            return None
        found = self._statistics("s.n_distinct::float8", relation, columns)
        # A negative number is a share of the rows.
        counts = [int(share if share >= 0 else -share * rows) for (share,) in found]
        return max(counts, default=None)

    def _span(self, relation: str, column: str) -> timedelta | None:
        """Return the time between the ends of a column's histogram."""
        bounds = "(s.histogram_bounds::text::text[])"
        ends = f"{bounds}[1], {bounds}[array_upper({bounds}, 1)]"
        found = self._statistics(ends, relation, [column])
        return time_span(*found[0]) if found else None

    def _statistics(self, wanted: str, relation: str, columns: Sequence[str]) -> Sequence[Any]:
        names = ", ".join(_literal(name) for name in columns)
        return self._rows(
            f"SELECT {wanted} FROM pg_catalog.pg_stats AS s"
            " JOIN pg_catalog.pg_namespace AS n ON n.nspname = s.schemaname"
            " JOIN pg_catalog.pg_class AS c ON c.relname = s.tablename AND c.relnamespace = n.oid"
            f" WHERE c.oid = {relation} AND s.attname IN ({names})"
        )

    def indexes(self, relation: str) -> tuple[Index, ...]:
        """Return the indexes of a table that can find the newest row of a key."""
        with self._translated(f"read the indexes of {relation}"):
            found = self._rows(_INDEXES.format(relation=f"to_regclass({_literal(relation)})"))
        return tuple(Index(tuple(json.loads(columns)), bool(unique)) for columns, unique in found)

    def table_id(self, relation: str) -> str:
        """Return a table's number and that of its file, which a rewrite replaces; "" for a view."""
        with self._translated(f"look up {relation}"):
            found = self._rows(
                "SELECT oid::text || '/' || pg_relation_filenode(oid)::text"
                f" FROM pg_catalog.pg_class WHERE oid = to_regclass({_literal(relation)})"
            )
        return str(found[0][0] or "") if found else ""

    def planned_read(self, sql: str) -> PlannedRead:
        """Return the rows that the scans of a query's plan return, and their bytes."""
        statement = self._cursor.adbc_statement
        # By default the driver copies the rows out of a query, and EXPLAIN is not one.
        statement.set_options(**{_BY_COPY: "false"})
        try:
            with self._translated("plan the query"):
                found = self._rows(f"EXPLAIN (FORMAT JSON) {sql}")
        finally:
            statement.set_options(**{_BY_COPY: "true"})
        return read_of_nodes(json.loads(found[0][0])[0]["Plan"])

    def upload(self, name: str, table: pa.Table) -> str:
        """Copy Arrow data into a temporary table, and ANALYZE it: autovacuum skips such tables."""
        uploaded = super().upload(name, table)
        self.execute(f"ANALYZE {uploaded}")
        return uploaded

    def _create_temporary(self, name: str, definition: str) -> None:
        # By the schema of temporary tables: a table of dbt may have the same name.
        self.execute(f"DROP TABLE IF EXISTS pg_temp.{name}")
        self.execute(f"CREATE TEMPORARY TABLE {name} {definition}")

    def write_table(self, name: str, sql: str) -> int:
        """Replace a table in one transaction; others read the old table until the commit."""
        table = exp.to_table(name, dialect="postgres")
        part = table.copy()
        # By process, so that two writers of one table do not take each other's part.
        part.set("this", exp.to_identifier(f"_featurestore_{os.getpid()}"))
        with self._translated(f"write the table {name}"), self._transaction():
            self._cursor.execute(f"CREATE TABLE {part.sql('postgres')} AS {sql}")
            self._cursor.execute(f"DROP TABLE IF EXISTS {table.sql('postgres')}")
            renamed = table.this.sql("postgres")
            self._cursor.execute(f"ALTER TABLE {part.sql('postgres')} RENAME TO {renamed}")
        return self._count(name)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._cursor.execute("BEGIN")
        try:
            yield
        except BaseException:
            self._cursor.execute("ROLLBACK")
            raise
        self._cursor.execute("COMMIT")

    def _data_type(self, field: pa.Field[Any]) -> DataType:
        return self._logical(field, (field.metadata or {}).get(_TYPE, b"").decode())

    def _logical(self, field: pa.Field[Any], name: str) -> DataType:
        """Return the type of a column by PostgreSQL's own name of it, which Arrow's may hide."""
        arrow: Any = field.type
        if pa.types.is_list(arrow):
            # An array's name is its element's, after an underscore.
            element = self._logical(arrow.value_field, name.removeprefix("_"))
            return DataType(Kind.ARRAY, element=element)
        native = _native(field)
        if native == "numeric" and self._arrow(field) == pa.float64():
            return DataType(Kind.DECIMAL)
        if name == "money" or native not in ("", "numeric", *self._enums):
            # The driver passes on the bytes by which PostgreSQL itself sends the value.
            return DataType(Kind.OPAQUE, text=native or name)
        if name == "bpchar":
            return DataType(Kind.STRING, text=name)
        found = data_type(self._arrow(field))
        if found.kind is Kind.STRING and name not in _TEXTS:
            return DataType(Kind.STRING, text="enum")
        return DataType(Kind.OTHER, text=name) if found.kind is Kind.OTHER else found

    def _result_type(self, field: pa.Field[Any]) -> pa.DataType:
        arrow = self._arrow(field)
        return pa.string() if arrow in (pa.json_(), pa.uuid()) else canonical_type(arrow)

    def _arrow(self, field: pa.Field[Any]) -> pa.DataType:
        """Return the Arrow type of a column that the driver returns as opaque."""
        arrow: Any = field.type
        if pa.types.is_list(arrow):
            return pa.list_(self._arrow(arrow.value_field))
        if not isinstance(arrow, pa.OpaqueType):
            return arrow  # type: ignore[no-any-return]
        native = _native(field)
        if native == "numeric":
            digits = _digits(field)
            if digits is None or digits[0] > _WIDEST:
                # Without a precision it holds any number of digits and NaN: only a float fits all.
                return pa.float64()
            return (pa.decimal128 if digits[0] <= 38 else pa.decimal256)(*digits)  # noqa: PLR2004
        return pa.string() if native in self._enums else arrow.storage_type


def _native(field: pa.Field[Any]) -> str:
    return field.type.type_name if isinstance(field.type, pa.OpaqueType) else ""


def _digits(field: pa.Field[Any]) -> tuple[int, int] | None:
    """Return the digits of a numeric column and those after the point, from its type modifier."""
    modifier = int((field.metadata or {}).get(b"POSTGRESQL:typmod", -1)) - _BYTES_OF_HEADER
    if modifier < 0:
        return None
    # The lower eleven bits are the scale, in two's complement.
    precision, scale = modifier >> 16, ((modifier & 0x7FF) ^ 1024) - 1024
    # PostgreSQL rounds numeric(5, -2) to hundreds, and numeric(2, 4) is below 0.01. Elsewhere a
    # scale is between 0 and the precision.
    return max(precision - min(scale, 0), scale), max(scale, 0)


def _literal(text: str) -> str:
    return exp.Literal.string(text).sql("postgres")


def _quoted(value: str) -> str:
    """Quote a value of libpq's connection string."""
    return f"'{_escaped(value)}'"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "\\'")
