"""Connections to the warehouse that dbt builds in: one small protocol, one file per engine."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from featurestore.errors import MissingExtra, UnsupportedDialect, did_you_mean
from featurestore.values.dbt_profile import Profile
from featurestore.values.missing import Missing
from featurestore.warehouse.abilities import Adapter
from featurestore.warehouse.protocol import Warehouse

__all__ = [
    "ADAPTERS",
    "KEPT_OPEN",
    "Warehouse",
    "connect",
    "is_ledger_inside",
    "missing_connection",
    "missing_ledger",
]

_ADAPTERS = {
    "bigquery": Adapter(class_name="BigQueryWarehouse", ledger=None),
    "clickhouse": Adapter(class_name="ClickHouseWarehouse"),
    "databricks": Adapter(class_name="DatabricksWarehouse"),
    "duckdb": Adapter(
        class_name="DuckDBWarehouse", ledger=None, ledger_inside=True, reopens_cheaply=True
    ),
    "postgres": Adapter(class_name="PostgresWarehouse", ledger=None),
    "redshift": Adapter(class_name="RedshiftWarehouse"),
    "snowflake": Adapter(class_name="SnowflakeWarehouse", ledger=None),
    "spark": Adapter(class_name="SparkWarehouse"),
    "trino": Adapter(class_name="TrinoWarehouse"),
}
_NO_CONNECTION = Missing("featurestore has no connection to this kind of warehouse")

ADAPTERS = tuple(_ADAPTERS)
"""The dbt adapters whose warehouses can be connected to."""

KEPT_OPEN = tuple(name for name, adapter in _ADAPTERS.items() if adapter.reopens_cheaply)
"""The adapters for which a session keeps one unused connection open.

DuckDB loads the database file with the first connection and drops it with the last, so the unused
one makes the others cheap. Each operation still has its own connection, because threads must not
share one.
"""


def missing_connection(adapter: str) -> Missing | None:
    """Return why the warehouse of an adapter cannot be read; None if there is a connection.

    >>> missing_connection("duckdb"), str(missing_connection("mysql"))
    (None, 'not written yet: featurestore has no connection to this kind of warehouse')
    """
    return None if adapter in _ADAPTERS else _NO_CONNECTION


def missing_ledger(adapter: str) -> Missing | None:
    """Return why the warehouse of an adapter cannot keep the ledger of a sync; None if it can.

    >>> missing_ledger("postgres") is None, missing_ledger("spark").engine_cannot
    (True, False)
    """
    return _ADAPTERS[adapter].ledger if adapter in _ADAPTERS else _NO_CONNECTION


def is_ledger_inside(adapter: str) -> bool:
    """Return whether the warehouse of an adapter keeps the ledger by default.

    Elsewhere the default is a file beside the job, for which a role that may SELECT is enough.

    >>> is_ledger_inside("duckdb"), is_ledger_inside("postgres")
    (True, False)
    """
    return adapter in _ADAPTERS and _ADAPTERS[adapter].ledger_inside


def connect(profile: Profile, *, write: bool = False) -> Warehouse:
    """Connect to the warehouse of a dbt profile.

    Args:
        profile: The target, as dbt sees it.
        write: Whether the connection may write tables.

    Raises:
        UnsupportedDialect: featurestore has no connection for the profile's adapter.
        WarehouseUnavailable: The warehouse cannot be reached.
        MissingExtra: The engine's driver is not installed.
    """
    adapter = profile.adapter
    if adapter not in _ADAPTERS:
        raise UnsupportedDialect(
            f"featurestore cannot connect through the dbt adapter '{adapter}' of profile"
            f" '{profile.name}'.",
            remedy=did_you_mean(adapter, ADAPTERS) or f"Supported: {', '.join(ADAPTERS)}.",
        )
    try:
        module = import_module(f"featurestore.warehouse.{adapter}")
    except ImportError as error:
        missing = error.name or adapter
        raise MissingExtra(missing, adapter, purpose="Reading the warehouse") from None
    engine: Any = getattr(module, _ADAPTERS[adapter].class_name)
    warehouse: Warehouse = engine.from_profile(profile, write=write)
    return warehouse
