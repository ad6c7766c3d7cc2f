"""Read estimates from DuckDB's query plans and column statistics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = ["cardinality", "is_table"]

_WHOLE_SCAN = {"Table", "Type", "Projections", "Estimated Cardinality"}
"""The keys that a plan has for a scan of all rows; a filter or a sample adds others."""


def cardinality(nodes: Sequence[dict[str, Any]]) -> int | None:
    """Return the estimate nearest to the root of a plan; projections may lack one."""
    for node in nodes:
        estimate = node.get("extra_info", {}).get("Estimated Cardinality")
        if estimate is not None:
            return int(estimate)
        below = cardinality(node.get("children", ()))
        if below is not None:
            return below
    return None


def is_table(nodes: Sequence[dict[str, Any]]) -> bool:
    """Return whether a plan only reads a whole table, without a filter or a sample."""
    if [str(node.get("name", "")).strip() for node in nodes] != ["SEQ_SCAN"]:
        return False
    return set(nodes[0].get("extra_info", ())) <= _WHOLE_SCAN
