"""The lineage of one column as a tree to read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from featurestore.lineage.display_names import column_label, kind_of
from featurestore.lineage.flows import ColumnId
from featurestore.lineage.graph import Edge, LineageGraph

__all__ = ["Branch", "upstream_tree"]


@dataclass
class Branch:
    """One line of a tree.

    Attributes:
        label: The text of the line.
        notes: Remarks after the text.
        warning: Why inputs may be missing below this line.
        branches: The lines below it.
    """

    label: str
    notes: tuple[str, ...] = ()
    warning: str = ""
    branches: list[Branch] = field(default_factory=list)


def upstream_tree(graph: LineageGraph, column: ColumnId, *, indirect: bool = False) -> Branch:
    """Return a column with its inputs below it, back to the sources.

    A column that occurs again refers to its first occurrence for its inputs.

    Args:
        graph: The lineage.
        column: The column at the root.
        indirect: Whether to include columns that only decide about rows and values.
    """
    edges = graph.upstream(column, indirect=indirect)
    return _branch(graph, column, edges, direct=True, seen=set())


def _branch(
    graph: LineageGraph,
    column: ColumnId,
    edges: frozenset[Edge],
    *,
    direct: bool,
    seen: set[ColumnId],
) -> Branch:
    into = sorted((edge for edge in edges if edge.target == column), key=_order)
    repeated = column in seen and bool(into)
    notes = [kind_of(column.node), *([] if direct else ["decides"])]
    branch = Branch(
        column_label(column),
        (*notes, *(["see above"] if repeated else ())),
        _warning(graph, column),
    )
    if not repeated:
        seen.add(column)
        branch.branches = list(_below(graph, into, edges, seen))
    return branch


def _below(
    graph: LineageGraph, into: list[Edge], edges: frozenset[Edge], seen: set[ColumnId]
) -> Iterator[Branch]:
    for edge in into:
        yield _branch(graph, edge.source, edges, direct=edge.direct, seen=seen)


def _order(edge: Edge) -> tuple[bool, ColumnId]:
    return not edge.direct, edge.source


def _warning(graph: LineageGraph, column: ColumnId) -> str:
    why = graph.why_untraced(column)
    return f"could not trace: {why}" if why else ""
