"""The lineage of all features as one table of edges, from which the page draws each picture.

Features share most of what lies behind them. A picture per feature would repeat it: the size of the
table grows with the edges of the project, that of the pictures with their number times the depth.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from featurestore.lineage.display_names import SERVICE_PREFIX, kind_of
from featurestore.lineage.graph import ROWS, ColumnId, Edge, LineageGraph
from featurestore.lineage.picture_layout import box_name
from featurestore.registry.registry import Registry

__all__ = ["LineageTable", "lineage_table"]


@dataclass(frozen=True, slots=True)
class LineageTable:
    """Each table behind the features, each feature view and each feature service.

    Attributes:
        entries: One per table, sorted by id, each with a `label`, a `kind` and `columns`. `inputs`
            has one list per column: pairs of numbers, of an entry and of one of its columns.
            `doubts` says by a column's number why inputs of it may be missing.
        numbers: The number of each entry, by id.
    """

    entries: Sequence[Mapping[str, Any]]
    numbers: Mapping[str, int]


def lineage_table(registry: Registry, graph: LineageGraph) -> LineageTable:
    """Return the lineage of all features.

    Args:
        registry: The project's definitions.
        graph: The lineage of all features.
    """
    features = [
        ColumnId(view.unique_id, feature.name.lower())
        for view in registry.feature_views.values()
        for feature in view.features
    ]
    edges = graph.upstream(features)
    columns = _columns(features, edges)
    services = [f"{SERVICE_PREFIX}{name}" for name in registry.feature_services]
    nodes = {node: number for number, node in enumerate(sorted([*columns, *services]))}
    places = {
        ColumnId(node, name): (nodes[node], number)
        for node, names in columns.items()
        for number, name in enumerate(names)
    }
    into = _inputs(edges, places)
    views = {view.unique_id for view in registry.feature_views.values()}
    entries = [_entry(node, columns.get(node, []), into, views, graph) for node in nodes]
    return LineageTable(entries, nodes)


def _columns(features: Iterable[ColumnId], edges: Iterable[Edge]) -> dict[str, list[str]]:
    found: defaultdict[str, set[str]] = defaultdict(set)
    for column in (*features, *(edge.source for edge in edges)):
        found[column.node].add(column.column)
    return {node: sorted(names, key=lambda c: (c == ROWS, c)) for node, names in found.items()}


def _inputs(
    edges: Iterable[Edge], places: Mapping[ColumnId, tuple[int, int]]
) -> Mapping[ColumnId, list[int]]:
    found: defaultdict[ColumnId, list[int]] = defaultdict(list)
    for edge in sorted(edges):
        found[edge.target] += places[edge.source]
    return found


def _entry(
    node: str,
    columns: list[str],
    into: Mapping[ColumnId, list[int]],
    views: set[str],
    graph: LineageGraph,
) -> dict[str, Any]:
    ids = [ColumnId(node, name) for name in columns]
    is_service = node.startswith(SERVICE_PREFIX)
    inputs = [into.get(one, []) for one in ids]
    doubts = {n: why for n, one in enumerate(ids) if (why := graph.why_untraced(one))}
    entry = {
        "label": box_name(node),
        "kind": "service" if is_service else "view" if node in views else kind_of(node),
        "columns": columns,
        "inputs": inputs if any(inputs) else [],
        "doubts": doubts,
    }
    return {key: value for key, value in entry.items() if value}
