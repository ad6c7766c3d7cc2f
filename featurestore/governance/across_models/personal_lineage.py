"""Personal data by inheritance: the columns whose values descend from a marked column."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from featurestore.governance.across_models.marks import Marks
from featurestore.lineage.display_names import column_label, label_of
from featurestore.lineage.flows import ColumnId
from featurestore.lineage.graph import Edge, LineageGraph, trace_columns
from featurestore.project.catalog_json import catalog_columns
from featurestore.project.manifest import Manifest
from featurestore.project.result_cache import ResultCache

if TYPE_CHECKING:
    from featurestore.lineage.model_tracer import ModelTracer

__all__ = ["MarkOrigin", "PersonalLineage"]

_QUERY = "query"
"""The node of a query's own columns."""


@dataclass(frozen=True, slots=True)
class MarkOrigin:
    """A marked column upstream of another column.

    Attributes:
        column: The marked column; the column itself if it is marked.
        mark: The text of its mark.
        doubt: Why lineage cannot tell whether values descend from it; empty if they do.
    """

    column: ColumnId
    mark: str
    doubt: str = ""

    @property
    def name(self) -> str:
        """The marked column as people write it, `model.column`."""
        return column_label(self.column)

    @property
    def reference(self) -> str:
        """The marked column as an allowance names it, `model:column`."""
        return f"{label_of(self.column.node)}:{self.column.column}"


class PersonalLineage:
    """Traces columns to marked columns; models without a mark upstream are not traced.

    Args:
        manifest: dbt's manifest.
        marks: The marks in it.
        cache: Results of earlier runs.
    """

    def __init__(self, manifest: Manifest, marks: Marks, cache: ResultCache | None = None) -> None:
        self._manifest = manifest
        self._marks = marks
        self._cache = cache
        self._marked = frozenset(column.node for column in marks.personal)

    def of_columns(self, columns: Iterable[ColumnId]) -> dict[ColumnId, MarkOrigin]:
        """Return the origin of each column that is personal data, or may be."""
        listed = list(columns)
        below = self._below_marks({column.node for column in listed})
        graph = self._traced(column for column in listed if column.node in below)
        return self._origins(graph, below, listed)

    def of_query(self, sql: str, names: Iterable[str]) -> dict[str, MarkOrigin]:
        """Return the origin of each column of a query that is personal data, or may be.

        Args:
            sql: The query, in the warehouse's dialect.
            names: The names of its columns.
        """
        import sqlglot
        from sqlglot.errors import SqlglotError

        from featurestore.sql.dialects import grammar

        try:
            tree = sqlglot.parse_one(sql, dialect=grammar(self._manifest.dialect))
        except SqlglotError:
            return self._by_name(names)
        relation = self._tracer.query(tree)
        flows = {name: self._tracer.output(relation, name) for name in names}
        read = {name: flow for name, flow in flows.items() if flow is not None}
        sources = {source for flow in read.values() for source in flow.direct}
        below = self._below_marks({source.node for source in sources}) | {_QUERY}
        graph = self._traced(source for source in sources if source.node in below)
        edges = {
            Edge(source, ColumnId(_QUERY, name), counted=source in flow.counted)
            for name, flow in read.items()
            for source in flow.direct
        }
        doubts: dict[ColumnId | str, str] = {
            ColumnId(_QUERY, name): "; ".join(sorted(flow.doubts))
            for name, flow in read.items()
            if flow.doubts
        }
        whole = LineageGraph(graph.edges | edges, {**graph.untraced, **doubts})
        found = self._origins(whole, below, [ColumnId(_QUERY, name) for name in read])
        return {column.column: origin for column, origin in found.items()}

    def _by_name(self, names: Iterable[str]) -> dict[str, MarkOrigin]:
        """Return the columns that have the name of a marked one: no more is known of a query."""
        marked = {column.column: (column, mark) for column, mark in self._marks.personal.items()}
        return {name: MarkOrigin(*marked[name.lower()]) for name in names if name.lower() in marked}

    @cached_property
    def _tracer(self) -> ModelTracer:
        # Lazy, because its parser takes time to import, and no model may have to be read.
        from featurestore.lineage.model_tracer import ModelTracer

        return ModelTracer(self._manifest, catalog_columns(self._manifest.path), self._cache)

    def _traced(self, columns: Iterable[ColumnId]) -> LineageGraph:
        listed = list(columns)
        return trace_columns(self._tracer, listed) if listed else LineageGraph(frozenset())

    def _origins(
        self, graph: LineageGraph, below: set[str], columns: Iterable[ColumnId]
    ) -> dict[ColumnId, MarkOrigin]:
        found = ((column, self._origin(graph, below, column)) for column in columns)
        return {column: origin for column, origin in found if origin is not None}

    def _origin(self, graph: LineageGraph, below: set[str], column: ColumnId) -> MarkOrigin | None:
        """Return the nearest marked column whose value a column holds, or may hold."""
        seen, waiting = {column}, deque([column])
        doubtful: MarkOrigin | None = None
        while waiting:
            current = waiting.popleft()
            if current in self._marks.personal:
                return MarkOrigin(current, self._marks.personal[current])
            if current in self._marks.cleared:
                continue
            doubt = graph.why_untraced(current) if current.node in below else ""
            if doubt and doubtful is None:
                doubtful = self._doubtful(graph, current, doubt)
            for edge in graph.inputs(current):
                if edge.direct and not edge.counted and edge.source not in seen:
                    seen.add(edge.source)
                    waiting.append(edge.source)
        return doubtful

    def _doubtful(self, graph: LineageGraph, column: ColumnId, doubt: str) -> MarkOrigin | None:
        """Return a marked column that dbt's graph has upstream of a column that is not traced."""
        starts = {edge.source.node for edge in graph.inputs(column)} | {column.node}
        above = set(self._readers(starts)) | starts
        marked = sorted(one for one in self._marks.personal if one.node in above)
        return MarkOrigin(marked[0], self._marks.personal[marked[0]], doubt) if marked else None

    def _below_marks(self, starts: set[str]) -> set[str]:
        """Return the nodes upstream of some nodes, and these, that read a marked node, if far."""
        readers = self._readers(starts)
        found = set[str]()
        waiting = [node for node in self._marked if node in readers]
        while waiting:
            new = [reader for reader in readers.get(waiting.pop(), ()) if reader not in found]
            found.update(new)
            waiting += new
        return found

    def _readers(self, starts: Iterable[str]) -> Mapping[str, list[str]]:
        """Return the readers of every node upstream of some nodes."""
        readers: defaultdict[str, list[str]] = defaultdict(list)
        seen, waiting = set(starts), list(starts)
        while waiting:
            node = waiting.pop()
            for needed in self._inputs(node):
                readers[needed].append(node)
                if needed not in seen:
                    seen.add(needed)
                    waiting.append(needed)
        return readers

    def _inputs(self, node: str) -> list[str]:
        if not node.startswith(("model.", "snapshot.")) or node not in self._manifest:
            return []
        return self._manifest.compiled(node).depends_on.nodes
