"""Trino, with the connection settings of dbt-trino; no test executes it.

Source: https://docs.getdbt.com/docs/core/connect-data-platform/trino-setup
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Self

from featurestore.values.dbt_profile import Profile
from featurestore.values.type_spellings import UnknownType, parse_type
from featurestore.values.types import DataType, Kind
from featurestore.warehouse.dbapi import DbapiWarehouse, import_driver, refuse_method
from featurestore.warehouse.planned_reads import PlannedRead, PlansReads
from featurestore.warehouse.query_plans import read_of_trino

__all__ = ["TrinoWarehouse"]

_METHODS = ("none", "ldap", "jwt", "certificate")


class TrinoWarehouse(DbapiWarehouse, PlansReads):
    """A session of Trino in UTC."""

    dialect = "trino"
    no_relation = frozenset({"TABLE_NOT_FOUND", "SCHEMA_NOT_FOUND", "CATALOG_NOT_FOUND"})
    no_right = frozenset({"PERMISSION_DENIED"})
    about_sql = frozenset({"SYNTAX_ERROR", "COLUMN_NOT_FOUND", "TYPE_MISMATCH"})
    # Few connectors have CREATE OR REPLACE TABLE.
    replaced = (
        "CREATE TABLE {part} AS\n{sql}",
        "DROP TABLE IF EXISTS {table}",
        "ALTER TABLE {part} RENAME TO {table}",
    )
    undone = "DROP TABLE IF EXISTS {part}"

    @classmethod
    def from_profile(
        cls,
        profile: Profile,
        *,
        write: bool = False,  # noqa: ARG003, the user's own grants decide
    ) -> Self:
        """Connect to the coordinator of a dbt-trino target.

        Args:
            profile: The target.
            write: Ignored.

        Raises:
            UnsupportedDialect: The target's method is not supported.
            MissingExtra: The driver is not installed.
        """
        method = refuse_method(profile, "method", _METHODS)
        driver = import_driver("trino", "trino", "trino")
        from requests.exceptions import RequestException

        settings = profile.settings
        arguments = trino_arguments(settings)
        # Nothing is sent before the first statement.
        connection = driver.dbapi.connect(auth=_credentials(driver, method, settings), **arguments)
        places = [arguments[part] for part in ("catalog", "schema")]
        schema = ".".join(f'"{place}"' for place in places if place)
        return cls(
            connection,
            (driver.exceptions.Error, driver.exceptions.HttpError, RequestException),
            address="Trino at {host}:{port}".format(**arguments),
            role=str(arguments["user"]),
            schema=schema,
        )

    def content_hash(self, columns: Mapping[str, DataType]) -> str:
        """Return an expression for the sum of all rows' hashes."""
        if not columns:
            return "CAST(NULL AS VARCHAR)"
        text = f"JSON_FORMAT(CAST(ROW({', '.join(columns)}) AS JSON))"
        hashed = f"FROM_BIG_ENDIAN_64(XXHASH64(TO_UTF8({text})))"
        return f"CAST(SUM(CAST({hashed} AS DECIMAL(38, 0))) AS VARCHAR)"

    def planned_read(self, sql: str) -> PlannedRead:
        """Return what a query's plan reads, as far as the connectors keep statistics."""
        with self._translated("plan the query"):
            self._cursor.execute(f"EXPLAIN (TYPE IO, FORMAT JSON) {sql}")
            return read_of_trino(json.loads(self._cursor.fetchall()[0][0]))

    def _types(self) -> dict[str, DataType]:
        return {column[0]: described_by_trino(column[1]) for column in self._cursor.description}

    def _code(self, error: Exception) -> str:
        return str(getattr(error, "error_name", None) or "")

    def _reason(self, error: Exception) -> str:
        return str(getattr(error, "message", None) or super()._reason(error))


def trino_arguments(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the driver's arguments for a target's settings, without credentials.

    >>> found = trino_arguments({"host": "t", "user": "ann", "database": "hive", "schema": "f"})
    >>> found["catalog"], found["port"], found["http_scheme"], found["timezone"]
    ('hive', 8080, 'http', 'UTC')
    """
    scheme = str(settings.get("http_scheme") or "http")
    return {
        "host": str(settings.get("host") or "localhost"),
        "port": int(settings.get("port") or (443 if scheme == "https" else 8080)),
        "user": str(settings.get("user") or ""),
        "catalog": str(settings.get("catalog") or settings.get("database") or ""),
        "schema": str(settings.get("schema") or ""),
        "http_scheme": scheme,
        "verify": settings.get("cert", True),
        "session_properties": settings.get("session_properties") or {},
        "roles": settings.get("roles"),
        "source": "featurestore",
        "timezone": "UTC",
    }


def _credentials(driver: Any, method: str, settings: Mapping[str, Any]) -> Any:
    if method == "ldap":
        return driver.auth.BasicAuthentication(settings.get("user"), settings.get("password"))
    if method == "jwt":
        return driver.auth.JWTAuthentication(settings.get("jwt_token"))
    if method == "certificate":
        files = settings.get("client_certificate"), settings.get("client_private_key")
        return driver.auth.CertificateAuthentication(*files)
    return None


def described_by_trino(text: str) -> DataType:
    """Return the type that Trino spells this way.

    >>> print(described_by_trino("array(decimal(10,2))"), described_by_trino("row(x integer)"))
    array<decimal(10,2)> row(x integer)
    """
    try:
        return parse_type(text, "trino")
    except UnknownType:
        return DataType(Kind.OTHER, text=text)
