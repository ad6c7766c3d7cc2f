"""Personal data by inheritance: the columns whose values descend from a marked column."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from featurestore.governance.across_models.marks import Marks
from featurestore.governance.across_models.node_graph import NodeGraph
from featurestore.lineage.display_names import column_label, label_of
from featurestore.lineage.flows import ROWS, ColumnId, Flow
from featurestore.project.catalog_json import catalog_columns
from featurestore.project.manifest import Manifest
from featurestore.project.result_cache import ResultCache

if TYPE_CHECKING:
    from featurestore.lineage.model_tracer import ModelTracer

__all__ = ["MarkOrigin", "PersonalLineage"]


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
    """Traces columns to marked columns, each column once; models without a mark upstream are not.

    Args:
        manifest: dbt's manifest.
        marks: The marks in it.
        cache: Results of earlier runs.
    """

    def __init__(self, manifest: Manifest, marks: Marks, cache: ResultCache | None = None) -> None:
        self._marks = marks
        self._graph = NodeGraph(manifest)
        self._below: frozenset[str] = frozenset()
        self._known: dict[ColumnId, MarkOrigin | None] = {}
        self._manifest = manifest
        self._cache = cache

    def of_columns(self, columns: Iterable[ColumnId]) -> dict[ColumnId, MarkOrigin]:
        """Return the origin of each column that is personal data, or may be."""
        listed = list(columns)
        self._find_below({column.node for column in listed})
        found = ((column, self._origin(column)) for column in listed)
        return {column: origin for column, origin in found if origin is not None}

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
        traced = ((name, self._tracer.output(relation, name)) for name in names)
        flows = {name: flow for name, flow in traced if flow is not None}
        sources = {source for flow in flows.values() for source in flow.direct}
        self.of_columns(sources)
        found = (
            (name, self._of_flow(flow, {source.node for source in flow.direct}))
            for name, flow in flows.items()
        )
        return {name: origin for name, origin in found if origin is not None}

    def _by_name(self, names: Iterable[str]) -> dict[str, MarkOrigin]:
        """Return the columns that have the name of a marked one: no more is known of a query."""
        marked = {column.column: (column, mark) for column, mark in self._marks.personal.items()}
        return {name: MarkOrigin(*marked[name.lower()]) for name in names if name.lower() in marked}

    @cached_property
    def _tracer(self) -> ModelTracer:
        # Lazy, because its parser takes time to import, and no model may have to be read.
        from featurestore.lineage.model_tracer import ModelTracer

        return ModelTracer(self._manifest, catalog_columns(self._manifest.path), self._cache)

    def _find_below(self, nodes: set[str]) -> None:
        marked = {column.node for column in self._marks.personal}
        self._below |= self._graph.readers_of(marked, nodes)

    def _origin(self, column: ColumnId) -> MarkOrigin | None:
        """Return the marked column whose value a column holds, or may hold."""
        opened: set[ColumnId] = set()
        waiting = [column]
        # An explicit stack: chains of models can be longer than Python's recursion limit.
        while waiting:
            current = waiting[-1]
            flow = self._flow(current)
            if current not in opened and current not in self._known and flow is not None:
                opened.add(current)
                # An open column is not asked again: an incremental model may read itself.
                new = (one for one in _shown(flow) if one not in self._known)
                waiting += (one for one in new if one not in opened)
                continue
            waiting.pop()
            if current not in self._known:
                self._known[current] = self._decided(current, flow)
        return self._known[column]

    def _flow(self, column: ColumnId) -> Flow | None:
        """Return the inputs of a column that is not marked itself and has a mark upstream."""
        named = _as_documented(column)
        if named in self._marks.personal or named in self._marks.cleared:
            return None
        return self._tracer.column(column) if column.node in self._below else None

    def _decided(self, column: ColumnId, flow: Flow | None) -> MarkOrigin | None:
        named = _as_documented(column)
        if named in self._marks.personal:
            return MarkOrigin(named, self._marks.personal[named])
        if named in self._marks.cleared or column.node not in self._below:
            return None
        if flow is None:
            return self._doubtful({column.node}, "its SQL has no such column")
        return self._of_flow(flow, {column.node})

    def _of_flow(self, flow: Flow, nodes: set[str]) -> MarkOrigin | None:
        """Return the origin of a value whose inputs are known, of the given nodes."""
        known = [self._known.get(source) for source in sorted(_shown(flow))]
        origins = [origin for origin in known if origin is not None]
        certain = [origin for origin in origins if not origin.doubt]
        if certain:
            return certain[0]
        if flow.doubts:
            return self._doubtful(nodes, "; ".join(sorted(flow.doubts)))
        return origins[0] if origins else None

    def _doubtful(self, nodes: set[str], doubt: str) -> MarkOrigin | None:
        """Return a marked column that dbt's graph has at or upstream of some nodes."""
        above = self._graph.upstream(nodes)
        marked = sorted(one for one in self._marks.personal if one.node in above)
        return MarkOrigin(marked[0], self._marks.personal[marked[0]], doubt) if marked else None


def _shown(flow: Flow) -> frozenset[ColumnId]:
    """Return the columns whose values a value shows."""
    return frozenset(one for one in flow.direct - flow.counted if one.column != ROWS)


def _as_documented(column: ColumnId) -> ColumnId:
    """Return a column under the name that marks have, in lower case and without quotes."""
    return ColumnId(column.node, column.column.strip('"').lower())
