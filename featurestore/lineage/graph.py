"""The columns of a project as a graph: the inputs and the dependents of each.

Example:
    ```python
    graph = build_lineage(load_manifest(Path("target/manifest.json")))
    graph.upstream(ColumnId("model.shop.plane_features", "seats"))
    ```
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING

from featurestore.lineage.display_names import (
    SERVICE_PREFIX,
    column_id,
    kind_of,
    label_column,
    unknown_column,
)
from featurestore.lineage.flows import ROWS, ColumnId, Flow, digest_of
from featurestore.project.manifest import Manifest
from featurestore.registry.build_registry import build_registry
from featurestore.registry.registry import Registry
from featurestore.registry.service_names import feature_names

if TYPE_CHECKING:
    from featurestore.lineage.model_tracer import ModelTracer
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

_UNDECLARED = "not a source or model of the project; declare it as a source"


@dataclass(frozen=True, slots=True, order=True)
class Edge:
    """One column depends on another.

    Attributes:
        source: The input column.
        target: The column that depends on it.
        direct: Whether the target's values are computed from the source's. Otherwise the source
            only decides which rows or values those are: by a filter, a join, a group or a window.
    """

    source: ColumnId
    target: ColumnId
    direct: bool = True


@dataclass(frozen=True)
class LineageGraph:
    """The inputs of a set of columns, back to the sources.

    Attributes:
        edges: Every edge.
        untraced: Why inputs of a column, or of all columns of a node, may be missing.
        digests: A digest of each column's computation since the sources, its rows included.
    """

    edges: frozenset[Edge]
    untraced: Mapping[ColumnId | str, str] = field(default_factory=dict)
    digests: Mapping[ColumnId, str] = field(default_factory=dict)

    @property
    def columns(self) -> frozenset[ColumnId]:
        """Every column in the graph."""
        ends = {end for edge in self.edges for end in (edge.source, edge.target)}
        return frozenset(ends | self.digests.keys())

    def upstream(
        self, column: ColumnId | Iterable[ColumnId], *, indirect: bool = False
    ) -> frozenset[Edge]:
        """Return the edges between a column, or several together, and the sources.

        Args:
            column: The column or columns.
            indirect: Whether to follow edges that only decide about rows and values too.
        """
        return _walk(self._into, column, lambda edge: edge.source, indirect=indirect)

    def downstream(
        self, column: ColumnId | Iterable[ColumnId], *, indirect: bool = False
    ) -> frozenset[Edge]:
        """Return the edges between a column, or several together, and all their dependents."""
        return _walk(self._out_of, column, lambda edge: edge.target, indirect=indirect)

    def why_untraced(self, column: ColumnId) -> str:
        """Return why inputs of a column may be missing; empty if none are."""
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
    start: ColumnId | Iterable[ColumnId],
    far_end: Callable[[Edge], ColumnId],
    *,
    indirect: bool,
) -> frozenset[Edge]:
    found: set[Edge] = set()
    waiting = [start] if isinstance(start, ColumnId) else list(start)
    seen = set(waiting)
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
        registry: The manifest's registry; by default it is built.
        columns: The columns to trace; by default every feature, key, timestamp and label of the
            project.
        cache: Results of earlier runs.
        progress: Receives the name of each model that has been read.
        by_file: Compare only the files of models: the graph has no edges, and a digest changes
            with a file.

    Returns:
        The graph of the columns and everything upstream; by default also the on-demand features of
        services, whose node is `service:<name>`.
    """
    from featurestore.lineage.model_tracer import ModelTracer
    from featurestore.project.catalog_json import catalog_columns

    tracer = ModelTracer(manifest, catalog_columns(manifest.path), cache, progress, by_file=by_file)
    if columns is None:
        registry = registry or build_registry(manifest)
        labels = (label_column(manifest, s) for s in registry.feature_services.values())
        columns = [*feature_columns(registry), *(label for label in labels if label)]
        traced = _traced(tracer, list(columns))
        computed = frozenset() if by_file else frozenset(_computed(registry))
        return replace(traced, edges=traced.edges | computed)
    return _traced(tracer, list(columns))


def _computed(registry: Registry) -> Iterator[Edge]:
    """Yield the edges into on-demand features, which are columns of their service."""
    for service in registry.feature_services.values():
        node = f"{SERVICE_PREFIX}{service.name}"
        names = feature_names(service.members)
        for feature in service.on_demand:
            for name in feature.inputs:
                source = ColumnId(node, name.lower())
                if name in names:
                    member, own = names[name]
                    source = ColumnId(registry.view(member.view).unique_id, own.lower())
                yield Edge(source, ColumnId(node, feature.name.lower()))


def feature_columns(registry: Registry) -> list[ColumnId]:
    """Return the columns of all feature views: features, keys and timestamps."""
    return [
        ColumnId(view.unique_id, name.lower())
        for view in registry.feature_views.values()
        for name in (*(column.name for column in view.columns), *view.feature_names)
    ]


def _traced(tracer: ModelTracer, waiting: list[ColumnId]) -> LineageGraph:
    edges: set[Edge] = set()
    untraced: dict[ColumnId | str, str] = {}
    digests: dict[ColumnId, str] = {}
    seen = set(waiting)
    while waiting:
        column = waiting.pop()
        if kind_of(column.node) == "table":
            untraced[column.node] = _UNDECLARED
            continue
        digests[column], found, doubt = _parts(tracer, column)
        if doubt:
            untraced[column] = doubt
        for edge in found:
            edges.add(edge)
            if edge.source not in seen:
                seen.add(edge.source)
                waiting.append(edge.source)
    untraced.update(tracer.untraced)
    return LineageGraph(frozenset(edges), MappingProxyType(untraced), MappingProxyType(digests))


def _parts(tracer: ModelTracer, column: ColumnId) -> tuple[str, list[Edge], str]:
    """Return a column's digest, the edges into it, and why there may be more."""
    rows = tracer.relation(column.node).rows
    flow = tracer.column(column)
    if flow is None:
        return "", [], "its SQL has no such column"
    # A filter changes each column of a model, though no expression of it changed.
    digest = flow.digest if tracer.is_leaf(column.node) else digest_of(flow.digest, rows.digest)
    edges = [Edge(source, column) for source in flow.direct]
    edges += [Edge(source, column, direct=False) for source in deciding(flow, rows.flow)]
    return digest, [e for e in edges if e.source != column], "; ".join(sorted(flow.doubts))


def deciding(flow: Flow, rows: Flow) -> frozenset[ColumnId]:
    """Return the indirect inputs: of each relation its columns, or its rows if it has no others."""
    others = (flow.indirect | rows.all) - flow.direct
    named = {source.node for source in flow.direct | others if source.column != ROWS}
    return frozenset(s for s in others if s.column != ROWS or s.node not in named)


def find_column(manifest: Manifest, text: str, cache: ResultCache | None = None) -> ColumnId:
    """Find a column by the name that people use.

    Args:
        manifest: dbt's manifest.
        text: `model.column` or `source.table.column`; the column `*` means the rows.
        cache: Results of earlier runs.

    Raises:
        RegistryError: The model or source is unknown, or has no such column.
    """
    from featurestore.lineage.model_tracer import ModelTracer
    from featurestore.project.catalog_json import catalog_columns

    column = column_id(manifest, text)
    tracer = ModelTracer(manifest, catalog_columns(manifest.path), cache)
    if tracer.column(column) is None:
        raise unknown_column(column, list(tracer.relation(column.node).columns))
    return column
