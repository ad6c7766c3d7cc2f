"""BigQuery, with the connection settings of dbt-bigquery; tests run its SQL on DuckDB.

Source: https://docs.getdbt.com/docs/core/connect-data-platform/bigquery-setup
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Self

import pyarrow as pa
from sqlglot import exp

from featurestore.errors import WarehouseError
from featurestore.values.dbt_profile import Profile
from featurestore.values.types import DataType
from featurestore.warehouse.abilities import KnowsTables
from featurestore.warehouse.adbc import driver
from featurestore.warehouse.arrow import canonical_table, sql_type
from featurestore.warehouse.bigquery_ledger import BigQueryLedger
from featurestore.warehouse.bigquery_literals import value_lists
from featurestore.warehouse.planned_reads import PlannedRead, PlansReads

__all__ = ["BigQueryWarehouse"]

_SQL = "adbc.bigquery.sql"
_AUTH_TYPE = f"{_SQL}.auth_type"
_STATEMENT_BYTES = 900_000
_SECRETS = ("client_secret", "refresh_token", "token")
_MOST_BILLED = f"{_SQL}.query.max_bytes_billed"
_REFUSED = re.compile(r"exceeded limit for bytes billed: .*?(?P<size>\d+) or higher required")
_DEMANDED = re.compile(r"without a filter over column\(s\) (?P<columns>.+?) that can be used")


class BigQueryWarehouse(BigQueryLedger, KnowsTables, PlansReads):
    """A connection to a BigQuery project."""

    dialect = "bigquery"

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
            project=project,
            dataset=".".join(part.sql("bigquery") for part in parts),
        )

    def content_hash(self, columns: Mapping[str, DataType]) -> str:
        """Return an expression for the sum of all rows' hashes."""
        if not columns:
            return "CAST(NULL AS STRING)"
        hashed = f"FARM_FINGERPRINT(TO_JSON_STRING(STRUCT({', '.join(columns)})))"
        return f"CAST(SUM(CAST({hashed} AS BIGNUMERIC)) AS STRING)"

    def columns(self, source: str, *, is_query: bool = False) -> dict[str, DataType]:
        """Return the columns of a relation or a query, from a SELECT without rows."""
        try:
            return super().columns(source, is_query=is_query)
        except WarehouseError as error:
            demanded = demanded_column(_said(error))
            if is_query or demanded is None:
                raise
        # The table has `require_partition_filter`, which the usual query without rows lacks.
        query = f"SELECT * FROM {source} WHERE {demanded} IS NULL"
        return super().columns(query, is_query=True)

    def table_id(self, relation: str) -> str:
        """Return the instant at which a table was created; empty for a view."""
        with self._translated(f"look up {relation}"):
            found = self._rows(creation_query(relation))
        return str(found[0][0] or "") if found else ""

    def planned_read(self, sql: str) -> PlannedRead:
        """Return the bytes that BigQuery would bill for a query.

        The driver runs a dry run without returning its statistics. So the query runs with a limit
        of one byte: BigQuery refuses it before it reads, free of charge, and says how many.
        """
        statement = self._cursor.adbc_statement
        statement.set_options(**{_MOST_BILLED: 1})
        try:
            self.stream(sql).close()
        except WarehouseError as error:
            size = refused_bytes(_said(error))
            if size is None:
                raise
            return PlannedRead(size=size)
        finally:
            statement.set_options(**{_MOST_BILLED: 0})
        # Without a bill: the tables are empty, or BigQuery has the result in its cache.
        return PlannedRead(size=0)

    def upload(self, name: str, table: pa.Table) -> str:
        """Write Arrow data as literals into a table that the connection drops when it closes.

        The driver has no bulk load, and BigQuery reads a megabyte of SQL in one statement.
        """
        table = canonical_table(table)
        columns = ", ".join(
            f"{self._identifier(field.name)} {self._spelled(sql_type(field.name, field.type))}"
            for field in table.schema
        )
        uploaded = self._kept(name, f"({columns}) ")
        for rows in value_lists(table, _STATEMENT_BYTES):
            with self._translated("upload the data frame"):
                self._cursor.execute(f"INSERT INTO {uploaded} VALUES {rows}")
        return uploaded


def _said(error: WarehouseError) -> str:
    """Return the engine's own words, which our error may leave out."""
    return str(error.__context__ or error)


def refused_bytes(message: str) -> int | None:
    """Return the bytes for which BigQuery refused a query; None if the error is another one.

    >>> refused_bytes("Query exceeded limit for bytes billed: 1. 10485760 or higher required.")
    10485760
    """
    found = _REFUSED.search(message)
    return int(found["size"]) if found else None


def creation_query(relation: str) -> str:
    """Return the query for the instant at which a table was created, in microseconds since 1970."""
    table = exp.to_table(relation, dialect="bigquery")
    places = [table.args.get("catalog"), table.args.get("db")]
    dataset = "".join(f"{place.sql('bigquery')}." for place in places if place)
    return (
        "SELECT CAST(UNIX_MICROS(creation_time) AS STRING)"
        f" FROM {dataset}INFORMATION_SCHEMA.TABLES"
        f" WHERE table_name = {exp.Literal.string(table.name).sql('bigquery')}"
        " AND table_type = 'BASE TABLE'"
    )


def demanded_column(message: str) -> str | None:
    """Return the column by which a table demands a filter; None if the error is another one.

    >>> demanded_column(
    ...     "Cannot query over table 'p.d.t' without a filter over column(s) 'day' that can be used"
    ...     " for partition elimination"
    ... )
    '`day`'
    """
    found = _DEMANDED.search(message)
    if found is None:
        return None
    # A table by ingestion time lists several pseudocolumns, the one for queries last.
    name = found["columns"].split(",")[-1].strip().strip("'")
    return exp.to_identifier(name, quoted=True).sql("bigquery")


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
