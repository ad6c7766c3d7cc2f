"""The warehouse that dbt builds in, behind one small protocol; one file per engine."""

from __future__ import annotations

from featurestore.errors import UnsupportedDialect, did_you_mean
from featurestore.profile import Profile
from featurestore.warehouse.protocol import Warehouse

__all__ = ["ADAPTERS", "Warehouse", "connect"]

ADAPTERS = ("duckdb",)
"""The dbt adapters whose warehouses can be connected to."""


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
    if profile.adapter == "duckdb":
        from featurestore.warehouse.duckdb import DuckDBWarehouse

        return DuckDBWarehouse.from_profile(profile, write=write)
    raise UnsupportedDialect(
        f"No connection is known for the dbt adapter '{profile.adapter}' of profile"
        f" '{profile.name}'.",
        remedy=did_you_mean(profile.adapter, ADAPTERS) or f"Supported: {', '.join(ADAPTERS)}.",
    )
