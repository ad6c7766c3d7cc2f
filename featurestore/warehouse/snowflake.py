"""Snowflake, with the connection settings of dbt-snowflake; tests run it on an emulator.

Source: https://docs.getdbt.com/docs/core/connect-data-platform/snowflake-setup
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Self

from sqlglot import exp

from featurestore.values.dbt_profile import Profile
from featurestore.values.types import DataType
from featurestore.warehouse.abilities import KnowsTables
from featurestore.warehouse.adbc import driver
from featurestore.warehouse.planned_reads import PlannedRead, PlansReads
from featurestore.warehouse.snowflake_ledger import SnowflakeLedger

__all__ = ["SnowflakeWarehouse"]

_OPTIONS = {
    "user": "username",
    "password": "password",
    "account": "adbc.snowflake.sql.account",
    "database": "adbc.snowflake.sql.db",
    "schema": "adbc.snowflake.sql.schema",
    "warehouse": "adbc.snowflake.sql.warehouse",
    "role": "adbc.snowflake.sql.role",
    "host": "adbc.snowflake.sql.uri.host",
    "port": "adbc.snowflake.sql.uri.port",
    "protocol": "adbc.snowflake.sql.uri.protocol",
    "private_key_path": "adbc.snowflake.sql.client_option.jwt_private_key",
    "private_key": "adbc.snowflake.sql.client_option.jwt_private_key_pkcs8_value",
    "private_key_passphrase": "adbc.snowflake.sql.client_option.jwt_private_key_pkcs8_password",
    "token": "adbc.snowflake.sql.client_option.auth_token",
}
_SECRETS = ("password", "private_key", "private_key_passphrase", "token")
_AUTHENTICATORS = {
    "snowflake": "auth_snowflake",
    "oauth": "auth_oauth",
    "externalbrowser": "auth_ext_browser",
    "username_password_mfa": "auth_mfa",
    "programmatic_access_token": "auth_pat",
    "snowflake_jwt": "auth_jwt",
}
_AUTH_TYPE = "adbc.snowflake.sql.auth_type"
_OKTA_URL = "adbc.snowflake.sql.client_option.okta_url"
_PRECISION = "adbc.snowflake.sql.client_option.max_timestamp_precision"
_FOLDED = re.compile(r"[A-Z_][A-Z0-9_]*")
_SIMPLE = re.compile(r"[a-z_][a-z0-9_]*")


class SnowflakeWarehouse(SnowflakeLedger, KnowsTables, PlansReads):
    """A connection to Snowflake, in a session in UTC."""

    dialect = "snowflake"

    @classmethod
    def from_profile(
        cls,
        profile: Profile,
        *,
        write: bool = False,  # noqa: ARG003, the role's own grants decide
    ) -> Self:
        """Connect to the account of a dbt-snowflake target.

        Args:
            profile: The target.
            write: Ignored.

        Raises:
            WarehouseUnavailable: The account does not answer, or refuses the connection.
            MissingExtra: The driver is not installed.
        """
        settings = profile.settings
        warehouse = cls(
            driver("adbc_driver_snowflake", "snowflake"),
            {"db_kwargs": options(settings)},
            address=f"Snowflake account {settings.get('account', '')}",
            secrets=[str(settings[key]) for key in _SECRETS if settings.get(key)],
            role=str(settings.get("role") or settings.get("user") or ""),
        )
        try:
            warehouse.execute("ALTER SESSION SET TIMEZONE = 'UTC'")
        except BaseException:
            warehouse.close()
            raise
        return warehouse

    def content_hash(self, columns: Mapping[str, DataType]) -> str:
        """Return an expression for the hash of all rows, by Snowflake's own aggregate."""
        if not columns:
            return "CAST(NULL AS VARCHAR)"
        # HASH_AGG of no rows is 0, and the protocol asks for NULL.
        return f"IFF(count(*) = 0, NULL, TO_VARCHAR(HASH_AGG({', '.join(columns)})))"

    def table_id(self, relation: str) -> str:
        """Return the instant at which a table was created; empty for a view."""
        with self._translated(f"look up {relation}"):
            found = self._rows(created_query(relation))
        return str(found[0][0] or "") if found else ""

    def planned_read(self, sql: str) -> PlannedRead:
        """Return the bytes of the micro-partitions that a query's plan assigns."""
        with self._translated("plan the query"):
            found = self._rows(f"EXPLAIN USING JSON {sql}")
        return PlannedRead(size=int(json.loads(found[0][0])["GlobalStats"]["bytesAssigned"]))

    def _name(self, name: str) -> str:
        # Statements leave plain names unquoted, so Snowflake returns them in upper case.
        return name.lower() if _FOLDED.fullmatch(name) else name

    def _identifier(self, name: str) -> str:
        folded = name.upper() if _SIMPLE.fullmatch(name) else name
        return exp.to_identifier(folded, quoted=True).sql("snowflake")

    def _stored_name(self, table: str) -> str:
        return table.upper()


def created_query(relation: str) -> str:
    """Return the query for the instant at which a table was created, as text."""
    table = exp.to_table(relation, dialect="snowflake")
    schema, name = _stored(table.args.get("db")), _stored(table.this)
    database = f"{table.args['catalog'].sql('snowflake')}." if table.catalog else ""
    return (
        "SELECT TO_VARCHAR(created, 'YYYY-MM-DD HH24:MI:SS.FF9 TZHTZM')"
        f" FROM {database}information_schema.tables"
        f" WHERE table_schema = {schema or 'CURRENT_SCHEMA()'} AND table_name = {name}"
        " AND table_type = 'BASE TABLE'"
    )


def _stored(identifier: Any) -> str:
    """Return the literal of a name as Snowflake stores it; empty without a name."""
    if identifier is None:
        return ""
    text = identifier.name if identifier.args.get("quoted") else identifier.name.upper()
    return exp.Literal.string(text).sql("snowflake")


def options(settings: Mapping[str, Any]) -> dict[str, str]:
    """Return the driver's options for a target's settings.

    >>> options({"account": "ab1", "user": "ann", "authenticator": "externalbrowser"})[_AUTH_TYPE]
    'auth_ext_browser'
    >>> options({"account": "ab1"})[_PRECISION]
    'nanoseconds_error_on_overflow'
    """
    found = {_OPTIONS[key]: str(settings[key]) for key in _OPTIONS if settings.get(key)}
    # By default an instant beyond 64 bits of nanoseconds, such as one of the year 9999, becomes
    # another instant without an error.
    found[_PRECISION] = "nanoseconds_error_on_overflow"
    authenticator = str(settings.get("authenticator") or "").lower()
    if authenticator.startswith("https://"):
        return {**found, _AUTH_TYPE: "auth_okta", _OKTA_URL: authenticator}
    if settings.get("private_key") or settings.get("private_key_path"):
        authenticator = "snowflake_jwt"
    if authenticator in _AUTHENTICATORS:
        found[_AUTH_TYPE] = _AUTHENTICATORS[authenticator]
    return found
