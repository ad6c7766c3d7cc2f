"""Databricks, with the connection settings of dbt-databricks; no test executes it.

Source: https://docs.getdbt.com/docs/core/connect-data-platform/databricks-setup
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Self

import pyarrow as pa

from featurestore.errors import UnsupportedDialect, WarehouseUnavailable
from featurestore.values.dbt_profile import Profile
from featurestore.values.types import DataType
from featurestore.warehouse.abilities import KnowsTables
from featurestore.warehouse.arrow import canonical_table, data_type
from featurestore.warehouse.dbapi import DbapiWarehouse, import_driver
from featurestore.warehouse.planned_reads import PlannedRead, PlansReads
from featurestore.warehouse.query_plans import read_of_spark
from featurestore.warehouse.spark import rows_hash
from featurestore.warehouse.spark_tables import DETAIL, detail_id

__all__ = ["DatabricksWarehouse"]

_ROWS = 50_000
_CLASS = re.compile(r"\[([A-Z_]+)[A-Z_.]*\]")


class DatabricksWarehouse(DbapiWarehouse, KnowsTables, PlansReads):
    """A session of a Databricks SQL warehouse or cluster, in UTC."""

    dialect = "databricks"
    no_relation = frozenset({"TABLE_OR_VIEW_NOT_FOUND", "SCHEMA_NOT_FOUND"})
    no_right = frozenset({"INSUFFICIENT_PERMISSIONS"})
    about_sql = frozenset({"PARSE_SYNTAX_ERROR", "UNRESOLVED_COLUMN", "DATATYPE_MISMATCH"})

    @classmethod
    def from_profile(
        cls,
        profile: Profile,
        *,
        write: bool = False,  # noqa: ARG003, the principal's own grants decide
    ) -> Self:
        """Connect to the warehouse of a dbt-databricks target.

        Args:
            profile: The target.
            write: Ignored.

        Raises:
            UnsupportedDialect: The target has no token.
            WarehouseUnavailable: The warehouse does not answer, or refuses the connection.
            MissingExtra: The driver is not installed.
        """
        settings = profile.settings
        if not settings.get("token"):
            raise UnsupportedDialect(
                f"Target '{profile.target}' of profile '{profile.name}' has no `token`.",
                remedy="Supported: a personal access token in `token`.",
            )
        driver = import_driver("databricks.sql", "databricks-sql-connector", "databricks")
        address = f"Databricks at {settings.get('host', '')}"
        try:
            connection = driver.connect(**databricks_arguments(settings))
        except Exception as error:  # noqa: BLE001, the driver passes on those of its transports
            reason = str(error).replace(str(settings["token"]), "***").splitlines()[:1]
            raise WarehouseUnavailable(
                f"Cannot connect to {address}: {' '.join(reason)}",
                remedy="Is the warehouse running, and is the target in profiles.yml right? Try"
                " `dbt debug`.",
            ) from None
        parts = (settings.get("catalog"), settings.get("schema"))
        return cls(
            connection,
            (driver.exc.Error,),
            address=address,
            schema=".".join(f"`{part}`" for part in parts if part),
        )

    def content_hash(self, columns: Mapping[str, DataType]) -> str:
        """Return an expression for the sum of all rows' hashes, as on Spark."""
        return rows_hash(columns)

    def columns(self, source: str, *, is_query: bool = False) -> dict[str, DataType]:
        """Return the columns of a relation or a query, from Arrow's types of no rows."""
        described = f"(\n{source}\n)" if is_query else source
        with self._translated(f"describe {'the entity frame' if is_query else source}"):
            self._cursor.execute(f"SELECT * FROM {described} LIMIT 0")
            found = self._cursor.fetchall_arrow()
        return {field.name: data_type(field.type) for field in found.schema}

    def table_id(self, relation: str) -> str:
        """Return what identifies a Delta table until it is replaced; empty for any other."""
        with self._translated(f"look up {relation}"):
            self._cursor.execute(DETAIL.format(relation=relation))
            found = self._cursor.fetchall_arrow().to_pylist()
        return detail_id(found[0]) if found else ""

    def planned_read(self, sql: str) -> PlannedRead:
        """Return the bytes of the tables and partitions that a query's plan reads."""
        with self._translated("plan the query"):
            self._cursor.execute(f"EXPLAIN COST {sql}")
            return read_of_spark(str(self._cursor.fetchall()[0][0]))

    def stream(self, sql: str) -> pa.RecordBatchReader:
        """Run a query and stream its rows as the driver's Arrow."""
        with self._translated("run the query"):
            self._cursor.execute(sql)
            first = canonical_table(self._cursor.fetchmany_arrow(_ROWS))
        return pa.RecordBatchReader.from_batches(first.schema, self._tables(first))

    def _tables(self, table: pa.Table) -> Iterator[pa.RecordBatch]:
        while table.num_rows:
            yield from table.to_batches()
            with self._translated("fetch the query's rows"):
                table = canonical_table(self._cursor.fetchmany_arrow(_ROWS))

    def _code(self, error: Exception) -> str:
        found = _CLASS.search(str(error))
        answered = type(error).__name__ not in ("RequestError", "MaxRetryDurationError")
        return found[1] if found else "SERVER" * answered


def databricks_arguments(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the driver's arguments for a target's settings.

    >>> found = databricks_arguments({"host": "https://d", "http_path": "/sql", "token": "t"})
    >>> found["server_hostname"], found["session_configuration"]
    ('d', {'TIMEZONE': 'UTC'})
    """
    parameters = settings.get("session_properties") or {}
    return {
        "server_hostname": str(settings.get("host") or "").removeprefix("https://").rstrip("/"),
        "http_path": str(settings.get("http_path") or ""),
        "access_token": str(settings.get("token") or ""),
        "catalog": settings.get("catalog") or None,
        "schema": settings.get("schema") or None,
        "session_configuration": {**parameters, "TIMEZONE": "UTC"},
        "user_agent_entry": "featurestore",
    }
