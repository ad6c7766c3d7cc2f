"""Redshift, with the connection settings of dbt-redshift; tested on PostgreSQL, its ancestor.

Source: https://docs.getdbt.com/docs/core/connect-data-platform/redshift-setup
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from sqlglot import exp

from featurestore.errors import WarehouseUnavailable
from featurestore.values.dbt_profile import Profile
from featurestore.values.types import DataType, Kind
from featurestore.warehouse.abilities import KnowsTables
from featurestore.warehouse.dbapi import DbapiWarehouse, import_driver, refuse_method
from featurestore.warehouse.planned_reads import PlannedRead, PlansReads
from featurestore.warehouse.query_plans import read_of_lines

__all__ = ["RedshiftWarehouse"]

_METHODS = ("database",)
_NUMERIC = 1700
# The object identifiers of PostgreSQL's types, and those that Redshift added.
_OIDS = {
    16: DataType(Kind.BOOLEAN),
    17: DataType(Kind.BYTES),
    20: DataType(Kind.INT64),
    21: DataType(Kind.INT16),
    23: DataType(Kind.INT32),
    700: DataType(Kind.FLOAT32),
    701: DataType(Kind.FLOAT64),
    1082: DataType(Kind.DATE),
    1083: DataType(Kind.TIME),
    1114: DataType(Kind.TIMESTAMP),
    1184: DataType(Kind.TIMESTAMPTZ),
    **dict.fromkeys((18, 19, 25, 705, 1042, 1043), DataType(Kind.STRING)),
    4000: DataType(Kind.JSON),
    6551: DataType(Kind.BYTES),
}
# The server adds the size of a header to the type modifier.
_BYTES_OF_HEADER = 4


class RedshiftWarehouse(DbapiWarehouse, KnowsTables, PlansReads):
    """A connection to a Redshift database, in a session in UTC."""

    dialect = "redshift"
    no_relation = frozenset({"42P01", "3F000"})
    no_right = frozenset({"42501"})
    about_sql = frozenset({"42601", "42703", "42883", "42804"})
    staged = "CREATE TEMPORARY TABLE {table} AS\n{sql}"
    replaced = (
        "BEGIN",
        "CREATE TABLE {part} AS\n{sql}",
        "DROP TABLE IF EXISTS {table}",
        "ALTER TABLE {part} RENAME TO {name}",
        "COMMIT",
    )
    undone = "ROLLBACK"

    @classmethod
    def from_profile(
        cls,
        profile: Profile,
        *,
        write: bool = False,  # noqa: ARG003, the user's own grants decide
    ) -> Self:
        """Connect to the database of a dbt-redshift target.

        Args:
            profile: The target.
            write: Ignored.

        Raises:
            UnsupportedDialect: The target's method is not `database`.
            WarehouseUnavailable: The cluster does not answer, or refuses the connection.
            MissingExtra: The driver is not installed.
        """
        refuse_method(profile, "method", _METHODS)
        driver = import_driver("redshift_connector", "redshift-connector", "redshift")
        arguments = redshift_arguments(profile.settings)
        address = "Redshift at {host}:{port}/{database}".format(**arguments)
        try:
            connection = driver.connect(**arguments)
        except (driver.Error, OSError) as error:
            reason = _message(error).replace(arguments["password"] or "\0", "***")
            raise WarehouseUnavailable(
                f"Cannot connect to {address}: {reason}",
                remedy="Is it running, and is the target in profiles.yml right? Try `dbt debug`.",
            ) from None
        connection.autocommit = True
        warehouse = cls(
            connection, (driver.Error, OSError), address=address, role=str(arguments["user"])
        )
        try:
            warehouse._prepare(profile.settings)
        except BaseException:
            warehouse.close()
            raise
        return warehouse

    def _prepare(self, settings: Mapping[str, Any]) -> None:
        self.execute("SET timezone TO 'UTC'")
        if settings.get("schema"):
            own = str(settings["schema"]).replace('"', '""')
            self.execute(f'SET search_path TO "{own}", public')

    def content_hash(self, columns: Mapping[str, DataType]) -> str:
        """Return an expression for the sum of all rows' hashes; the length separates the texts."""
        if not columns:
            return "CAST(NULL AS VARCHAR)"
        texts = [f"COALESCE(LEN({c}::VARCHAR) || ':' || {c}::VARCHAR, '-')" for c in columns]
        return f"SUM(FARMFINGERPRINT64({' || '.join(texts)})::DECIMAL(38, 0))::VARCHAR"

    def table_id(self, relation: str) -> str:
        """Return a table's number, which its successor does not have; empty for a view."""
        with self._translated(f"look up {relation}"):
            self._cursor.execute(oid_query(relation))
            found = self._cursor.fetchall()
        return str(found[0][0]) if found else ""

    def planned_read(self, sql: str) -> PlannedRead:
        """Return the rows that the scans of a query's plan return, and their bytes."""
        with self._translated("plan the query"):
            self._cursor.execute(f"EXPLAIN {sql}")
            return read_of_lines(str(line[0]) for line in self._cursor.fetchall())

    def _types(self) -> dict[str, DataType]:
        described = self._cursor.ps["row_desc"]
        names = [column[0] for column in self._cursor.description]
        return {
            name: _described(int(column["type_oid"]), int(column["type_modifier"]))
            for name, column in zip(names, described, strict=True)
        }

    def _code(self, error: Exception) -> str:
        found = error.args[0] if error.args and isinstance(error.args[0], dict) else {}
        return str(found.get("C") or "")

    def _reason(self, error: Exception) -> str:
        return _message(error)


def redshift_arguments(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the driver's arguments for a target's settings.

    >>> found = redshift_arguments({"host": "r", "user": "ann", "pass": "p", "dbname": "shop"})
    >>> found["port"], found["database"], found["password"], found["sslmode"]
    (5439, 'shop', 'p', 'verify-ca')
    """
    mode = str(settings.get("sslmode") or "verify-ca")
    return {
        "host": str(settings.get("host") or ""),
        "port": int(settings.get("port") or 5439),
        "user": str(settings.get("user") or ""),
        "password": str(settings.get("password") or settings.get("pass") or ""),
        "database": str(settings.get("dbname") or settings.get("database") or ""),
        "ssl": mode != "disable",
        # The driver knows the two strict modes, and encrypts in any other.
        "sslmode": mode if mode in ("verify-ca", "verify-full") else "verify-ca",
        "timeout": settings.get("connect_timeout"),
        "application_name": "featurestore",
    }


def oid_query(relation: str) -> str:
    """Return the query for the number of a table of the connection's database."""
    table = exp.to_table(relation, dialect="redshift")
    names = {"c.relname": table.name, "n.nspname": table.db, "current_database()": table.catalog}
    same = [
        f"{column} = {exp.Literal.string(name).sql('redshift')}"
        for column, name in names.items()
        if name
    ]
    return (
        "SELECT c.oid FROM pg_catalog.pg_class AS c"
        " JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace"
        f" WHERE c.relkind = 'r' AND {' AND '.join(same)}"
    )


def _described(oid: int, modifier: int) -> DataType:
    """Return the type of a column.

    >>> print(_described(1700, ((10 << 16) | 2) + 4), _described(1114, -1), _described(650, -1))
    decimal(10,2) timestamp type 650
    """
    if oid == _NUMERIC and modifier >= _BYTES_OF_HEADER:
        digits = modifier - _BYTES_OF_HEADER
        return DataType(Kind.DECIMAL, digits >> 16, digits & 0xFFFF)
    if oid == _NUMERIC:
        return DataType(Kind.DECIMAL)
    return _OIDS.get(oid) or DataType(Kind.OTHER, text=f"type {oid}")


def _message(error: Exception) -> str:
    found = error.args[0] if error.args else ""
    return str(found.get("M") if isinstance(found, dict) else found or type(error).__name__)
