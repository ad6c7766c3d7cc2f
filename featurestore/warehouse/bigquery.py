"""BigQuery, with the connection settings of dbt-bigquery; no test executes it.

Source: https://docs.getdbt.com/docs/core/connect-data-platform/bigquery-setup
"""

from __future__ import annotations

import contextlib
import json
import uuid
from collections.abc import Mapping
from typing import Any, Self

import pyarrow as pa
from sqlglot import exp

from featurestore.errors import EntityFrameError, WarehouseError
from featurestore.values.dbt_profile import Profile
from featurestore.values.types import DataType
from featurestore.warehouse.adbc import AdbcWarehouse, driver

__all__ = ["BigQueryWarehouse"]

_SQL = "adbc.bigquery.sql"
_AUTH_TYPE = f"{_SQL}.auth_type"
_SECRETS = ("client_secret", "refresh_token", "token")


class BigQueryWarehouse(AdbcWarehouse):
    """A connection to a BigQuery project."""

    dialect = "bigquery"

    def __init__(self, *arguments: Any, dataset: str, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._dataset = dataset
        self._staged: list[str] = []

    @classmethod
    def from_profile(
        cls,
        profile: Profile,
        *,
        write: bool = False,  # noqa: ARG003, the account's own grants decide
    ) -> Self:
        """Connect to the project of a dbt-bigquery target.

        Args:
            profile: The target.
            write: Ignored.

        Raises:
            WarehouseUnavailable: The project does not answer, or refuses the connection.
            MissingExtra: The driver is not installed.
        """
        settings = profile.settings
        project, dataset = _project(settings), _dataset(settings)
        parts = [exp.to_identifier(part, quoted=True) for part in (project, dataset) if part]
        return cls(
            driver("adbc_driver_bigquery", "bigquery"),
            {"db_kwargs": options(settings)},
            address=f"BigQuery project {project}",
            secrets=[str(settings[key]) for key in _SECRETS if settings.get(key)],
            dataset=".".join(part.sql("bigquery") for part in parts),
        )

    def content_hash(self, columns: Mapping[str, DataType]) -> str:
        """Return an expression for the sum of all rows' hashes."""
        if not columns:
            return "CAST(NULL AS STRING)"
        hashed = f"FARM_FINGERPRINT(TO_JSON_STRING(STRUCT({', '.join(columns)})))"
        return f"CAST(SUM(CAST({hashed} AS BIGNUMERIC)) AS STRING)"

    def upload(self, name: str, table: pa.Table) -> str:
        """Raise: a temporary table needs a session, and the driver does not keep one."""
        raise EntityFrameError(
            f"A data frame of {len(table.column_names)} columns cannot be uploaded to BigQuery as"
            f" {name}.",
            remedy="Load it into a table, and pass the table's name.",
        )

    def stage(self, name: str, sql: str) -> str:
        """Store a query's rows in a table that the connection drops when it closes.

        BigQuery itself drops the table after a day, in case the process dies before.
        """
        table = f"{self._dataset}.`{name}_{uuid.uuid4().hex}`"
        expires = "TIMESTAMP_ADD(CURRENT_TIMESTAMP(), INTERVAL 1 DAY)"
        self.execute(f"CREATE TABLE {table} OPTIONS (expiration_timestamp = {expires}) AS\n{sql}")
        self._staged.append(table)
        return table

    def close(self) -> None:
        """Drop the staged tables, and close the connection."""
        with contextlib.suppress(WarehouseError):
            while self._staged:
                self.execute(f"DROP TABLE IF EXISTS {self._staged.pop()}")
        super().close()


def options(settings: Mapping[str, Any]) -> dict[str, str]:
    """Return the driver's options for a target's settings.

    >>> options({"method": "service-account", "project": "p", "keyfile": "k.json"})[_AUTH_TYPE]
    'adbc.bigquery.sql.auth_type.json_credential_file'
    """
    found = {
        f"{_SQL}.project_id": settings.get("execution_project") or _project(settings),
        f"{_SQL}.dataset_id": _dataset(settings),
        f"{_SQL}.location": settings.get("location"),
        **_credentials(settings),
    }
    return {key: str(value) for key, value in found.items() if value}


def _credentials(settings: Mapping[str, Any]) -> dict[str, Any]:
    method = settings.get("method")
    if method == "service-account":
        kind = "json_credential_file"
        given = {f"{_SQL}.auth_credentials": settings.get("keyfile")}
    elif method == "service-account-json":
        kind = "json_credential_string"
        given = {f"{_SQL}.auth_credentials": json.dumps(settings.get("keyfile_json"))}
    elif method == "oauth-secrets":
        kind = "user_authentication"
        names = ("client_id", "client_secret", "refresh_token")
        given = {f"{_SQL}.auth.{name}": settings.get(name) for name in names}
    else:
        return {_AUTH_TYPE: f"{_AUTH_TYPE}.auth_bigquery"}
    return {_AUTH_TYPE: f"{_AUTH_TYPE}.{kind}", **given}


def _project(settings: Mapping[str, Any]) -> str:
    return str(settings.get("project") or settings.get("database") or "")


def _dataset(settings: Mapping[str, Any]) -> str:
    return str(settings.get("dataset") or settings.get("schema") or "")
