"""The columns of a project as a graph: what each is made of, and what is made of it.

Example:
    ```python
    graph = build_lineage(load_manifest(Path("target/manifest.json")))
    graph.upstream(ColumnId("model.shop.plane_features", "seats"))
    ```
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING

from featurestore.lineage.display_names import column_id, kind_of, label_column, unknown_column
from featurestore.lineage.flows import ROWS, ColumnId, Flow, digest
from featurestore.project.manifest import Manifest
from featurestore.registry.build_registry import build_registry
from featurestore.registry.registry import Registry

if TYPE_CHECKING:
    from featurestore.lineage.models import Tracer
    from featurestore.project.result_cache import ResultCache

__all__ = [
    "ROWS",
    "ColumnId",
    "Edge",
    "LineageGraph",
    "build_lineage",
    "deciding",
    "feature_columns",
    "find_column",
]

_UNDECLARED = "no source or model of the project; declare it as a source"


@dataclass(frozen=True, slots=True, order=True)
class Edge:
    """One column depends on another.

    Attributes:
        source: The column read.
        target: The column made of it.
        direct: Whether its values are computed from the source's; else the source only decides
            which rows or values those are: by a filter, a join, a group or a window.
    """

    source: ColumnId
    target: ColumnId
    direct: bool = True


@dataclass(frozen=True)
class LineageGraph:
    """What a set of columns is made of, back to the sources.

    Attributes:
        edges: Every edge.
        untraced: Why something may be missing before a column, or before all columns of a node.
        texts: A digest of what each column computes, from the sources on; rows included.
    """

    edges: frozenset[Edge]
    untraced: Mapping[ColumnId | str, str] = field(default_factory=dict)
    texts: Mapping[ColumnId, str] = field(default_factory=dict)

    @property
    def columns(self) -> frozenset[ColumnId]:
        """Every column in the graph."""
        ends = {end for edge in self.edges for end in (edge.source, edge.target)}
        return frozenset(ends | self.texts.keys())

    def upstream(self, column: ColumnId, *, indirect: bool = False) -> frozenset[Edge]:
        """Return the edges that lead to a column, from the sources on.

        Args:
            column: Where they lead.
            indirect: Whether to follow what only decides about rows and values too.
        """
        return _walk(self._into, column, lambda edge: edge.source, indirect=indirect)

    def downstream(self, column: ColumnId, *, indirect: bool = False) -> frozenset[Edge]:
        """Return the edges that lead away from a column, as far as they lead."""
        return _walk(self._out_of, column, lambda edge: edge.target, indirect=indirect)

    def why_untraced(self, column: ColumnId) -> str:
        """Return why something may be missing before a column; empty where nothing is."""
        return self.untraced.get(column) or self.untraced.get(column.node) or ""

    @cached_property
    def _into(self) -> Mapping[ColumnId, list[Edge]]:
        return _grouped((edge.target, edge) for edge in self.edges)

    @cached_property
    def _out_of(self) -> Mapping[ColumnId, list[Edge]]:
        return _grouped((edge.source, edge) for edge in self.edges)


def _grouped(pairs: Iterable[tuple[ColumnId, Edge]]) -> Mapping[ColumnId, list[Edge]]:
    groups: defaultdict[ColumnId, list[Edge]] = defaultdict(list)
    for key, edge in pairs:
        groups[key].append(edge)
    return groups


def _walk(
    edges: Mapping[ColumnId, list[Edge]],
    start: ColumnId,
    far_end: Callable[[Edge], ColumnId],
    *,
    indirect: bool,
) -> frozenset[Edge]:
    found: set[Edge] = set()
    seen, waiting = {start}, [start]
    while waiting:
        for edge in edges.get(waiting.pop(), ()):
            if edge.direct or indirect:
                found.add(edge)
                if (end := far_end(edge)) not in seen:
                    seen.add(end)
                    waiting.append(end)
    return frozenset(found)


def build_lineage(
    manifest: Manifest,
    registry: Registry | None = None,
    columns: Iterable[ColumnId] | None = None,
    cache: ResultCache | None = None,
    progress: Callable[[str], None] | None = None,
    *,
    by_file: bool = False,
) -> LineageGraph:
    """Trace columns back to the sources.

    Args:
        manifest: dbt's manifest, with compiled SQL.
        registry: The manifest's registry, where it is at hand.
        columns: The columns to trace; by default every feature, key, timestamp and label of the
            project.
        cache: Where results are kept from run to run.
        progress: Told the name of each model that has been read.
        by_file: Compare the files of models only: no edges, but texts that change with a file.

    Returns:
        The graph of all that leads to the columns.
    """
    from featurestore.lineage.models import Tracer
    from featurestore.project.catalog_json import catalog_columns

    tracer = Tracer(manifest, catalog_columns(manifest.path), cache, progress, by_file=by_file)
    if columns is None:
        registry = registry or build_registry(manifest)
        labels = (label_column(manifest, s) for s in registry.feature_services.values())
        columns = [*feature_columns(registry), *(label for label in labels if label)]
    return _traced(tracer, list(columns))


def feature_columns(registry: Registry) -> list[ColumnId]:
    """Return the columns of all feature views: features, keys and timestamps."""
    return [
        ColumnId(view.unique_id, name.lower())
        for view in registry.feature_views.values()
        for name in (*(column.name for column in view.columns), *view.feature_names)
    ]


def _traced(tracer: Tracer, waiting: list[ColumnId]) -> LineageGraph:
    edges: set[Edge] = set()
    untraced: dict[ColumnId | str, str] = {}
    texts: dict[ColumnId, str] = {}
    seen = set(waiting)
    while waiting:
        column = waiting.pop()
        if kind_of(column.node) == "table":
            untraced[column.node] = _UNDECLARED
            continue
        texts[column], found, doubt = _parts(tracer, column)
        if doubt:
            untraced[column] = doubt
        for edge in found:
            edges.add(edge)
            if edge.source not in seen:
                seen.add(edge.source)
                waiting.append(edge.source)
    untraced.update(tracer.untraced)
    return LineageGraph(frozenset(edges), MappingProxyType(untraced), MappingProxyType(texts))


def _parts(tracer: Tracer, column: ColumnId) -> tuple[str, list[Edge], str]:
    """Return a column's text, the edges into it, and why there may be more."""
    rows = tracer.relation(column.node).rows
    flow = tracer.column(column)
    if flow is None:
        return "", [], "its SQL gives no such column"
    text = flow.text if tracer.is_leaf(column.node) else digest(flow.text, rows.text)
    edges = [Edge(source, column) for source in flow.direct]
    edges += [Edge(source, column, direct=False) for source in deciding(flow, rows.flow)]
    return text, [e for e in edges if e.source != column], "; ".join(sorted(flow.doubts))


def deciding(flow: Flow, rows: Flow) -> frozenset[ColumnId]:
    """Return what only decides: of relations of which it is only the rows, those."""
    others = (flow.indirect | rows.all) - flow.direct
    named = {source.node for source in flow.direct | others if source.column != ROWS}
    return frozenset(s for s in others if s.column != ROWS or s.node not in named)


def find_column(manifest: Manifest, text: str, cache: ResultCache | None = None) -> ColumnId:
    """Find a column by the name that people write.

    Args:
        manifest: dbt's manifest.
        text: `model.column` or `source.table.column`; the column `*` stands for the rows.
        cache: Where results are kept from run to run.

    Raises:
        RegistryError: There is no such model or source, or it has no such column.
    """
    from featurestore.lineage.models import Tracer
    from featurestore.project.catalog_json import catalog_columns

    column = column_id(manifest, text)
    tracer = Tracer(manifest, catalog_columns(manifest.path), cache)
    if tracer.column(column) is None:
        raise unknown_column(column, list(tracer.relation(column.node).columns))
    return column
