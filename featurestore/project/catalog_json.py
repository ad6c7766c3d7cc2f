"""The columns that the warehouse's tables really have, as `dbt docs generate` wrote them down."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["catalog_columns"]


def catalog_columns(manifest: Path) -> Mapping[str, list[str]]:
    """Return the columns of each source and seed by unique id; none where there is no catalog.

    Args:
        manifest: dbt's manifest, beside which the catalog lies.
    """
    try:
        catalog = json.loads(manifest.with_name("catalog.json").read_bytes())
        tables = {**catalog.get("sources", {}), **catalog.get("nodes", {})}
        return {name: _names(table) for name, table in tables.items() if _names(table)}
    except (OSError, ValueError, AttributeError):
        return {}


def _names(table: Mapping[str, Any]) -> list[str]:
    return [str(name) for name in table.get("columns") or ()]
