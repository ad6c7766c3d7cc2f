"""The warehouse that dbt builds in, behind one small protocol; one file per engine."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from featurestore.errors import MissingExtra, UnsupportedDialect, did_you_mean
from featurestore.values.dbt_profile import Profile
from featurestore.warehouse.protocol import Warehouse

__all__ = ["ADAPTERS", "KEPT_OPEN", "Warehouse", "connect"]

_CLASSES = {
    "bigquery": "BigQueryWarehouse",
    "duckdb": "DuckDBWarehouse",
    "postgres": "PostgresWarehouse",
    "snowflake": "SnowflakeWarehouse",
    "spark": "SparkWarehouse",
}
"""The class for each adapter, in the module and with the extra that are named as the adapter."""

ADAPTERS = tuple(_CLASSES)
"""The dbt adapters whose warehouses can be connected to."""

KEPT_OPEN = ("duckdb",)
"""The adapters where connecting costs next to nothing as long as another connection is open.

The other one is never used: each operation has a connection of its own, whatever its thread is.
"""


def connect(profile: Profile, *, write: bool = False) -> Warehouse:
    """Connect to the warehouse of a dbt profile.

    Args:
        profile: The target, as dbt sees it.
        write: Whether tables are to be written; a reader leaves the warehouse as it found it.

    Raises:
        UnsupportedDialect: No connection is known for the profile's adapter.
        WarehouseUnavailable: The warehouse cannot be reached.
        MissingExtra: The engine's driver is not installed.
    """
    adapter = profile.adapter
    if adapter not in _CLASSES:
        raise UnsupportedDialect(
            f"No connection is known for the dbt adapter '{adapter}' of profile '{profile.name}'.",
            remedy=did_you_mean(adapter, ADAPTERS) or f"Supported: {', '.join(ADAPTERS)}.",
        )
    try:
        module = import_module(f"featurestore.warehouse.{adapter}")
    except ImportError as error:
        missing = error.name or adapter
        raise MissingExtra(missing, adapter, purpose="Reading the warehouse") from None
    engine: Any = getattr(module, _CLASSES[adapter])
    warehouse: Warehouse = engine.from_profile(profile, write=write)
    return warehouse
