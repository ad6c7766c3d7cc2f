"""The features, keys and labels that depend on a column, as `lineage --upstream` writes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from featurestore.cli.output import note, print_columns
from featurestore.errors import did_you_mean

if TYPE_CHECKING:
    from featurestore.lineage.dependents import Dependent
    from featurestore.lineage.flows import ColumnId
    from featurestore.lineage.graph import LineageGraph
    from featurestore.project.manifest import Manifest

__all__ = ["hit_json", "hits_by_service", "print_hits"]

_COLUMNS: dict[str, Callable[[Dependent], object]] = {
    "depends on it": lambda hit: hit.name,
    "kind": lambda hit: hit.kind,
    "how": lambda hit: hit.how,
    "services": lambda hit: ", ".join(hit.services),
    "owner": lambda hit: hit.owner,
}
_WITH_REASON = {**_COLUMNS, "reason": lambda hit: hit.reason}


def print_hits(
    graph: LineageGraph, column: ColumnId, hits: Sequence[Dependent], *, name: str, indirect: bool
) -> None:
    """Write the direct dependents, and the indirect ones if asked for.

    Args:
        graph: The lineage of the project.
        column: The column that the hits depend on.
        hits: All dependents.
        name: The column as the user named it.
        indirect: Whether to write the indirect dependents too.
    """
    shown = [hit for hit in hits if indirect or hit.how != "indirect"]
    hidden = len(hits) - len(shown)
    if shown:
        print_columns(_WITH_REASON if any(hit.reason for hit in shown) else _COLUMNS, shown)
    else:
        note(f"No feature, key or label is computed from {name}. {_nearest(graph, column)}".strip())
    if hidden:
        note(f"It decides about rows or values of {hidden} more; see them with --indirect.")


def _nearest(graph: LineageGraph, column: ColumnId) -> str:
    """Suggest a column: those of an undeclared source are only known by their use."""
    used = [one.column for one in graph.columns if one.node == column.node]
    return "" if column.column in used else did_you_mean(column.column, used)


def hits_by_service(manifest: Manifest, hits: Sequence[Dependent]) -> dict[str, list[ColumnId]]:
    """Return the dependent columns that each service uses."""
    from featurestore.lineage.dependents import ON_DEMAND
    from featurestore.lineage.display_names import column_id

    found: dict[str, list[ColumnId]] = {}
    # An on-demand feature is a column of its service already.
    for hit in (hit for hit in hits if hit.kind != ON_DEMAND):
        column = column_id(manifest, hit.name.replace(":", "."))
        for service in hit.services:
            found.setdefault(service, []).append(column)
    return found


def hit_json(hit: Dependent) -> dict[str, object]:
    """Return a dependent as plain values."""
    return {
        "name": hit.name,
        "kind": hit.kind,
        "how": hit.how,
        "services": list(hit.services),
        "owner": hit.owner or None,
        "reason": hit.reason or None,
    }
