"""The columns of the warehouse's tables, as `dbt docs generate` recorded them in catalog.json."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["catalog_columns"]


def catalog_columns(manifest: Path) -> Mapping[str, list[str]]:
    """Return the columns of each source and seed by unique id; empty without a readable catalog.

    Args:
        manifest: The path of dbt's manifest; the catalog is in the same folder.
    """
    try:
        catalog = json.loads(manifest.with_name("catalog.json").read_bytes())
        tables = {**catalog.get("sources", {}), **catalog.get("nodes", {})}
        return {name: _names(table) for name, table in tables.items() if _names(table)}
    except (OSError, ValueError, AttributeError):
        return {}


def _names(table: Mapping[str, Any]) -> list[str]:
    return [str(name) for name in table.get("columns") or ()]
