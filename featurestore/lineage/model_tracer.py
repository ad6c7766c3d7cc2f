"""Traces the columns of each model, models in the order in which they are built."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from sqlglot import exp

from featurestore.errors import NotCompiled
from featurestore.lineage.dbt_specifics import (
    EPHEMERAL_PREFIX,
    with_snapshot_columns,
    without_ephemeral_ctes,
    without_incremental_filter,
)
from featurestore.lineage.flows import (
    ROWS,
    ColumnId,
    Flow,
    Relation,
    RowFlow,
    UnlistedColumns,
    digest_of,
    merged,
)
from featurestore.lineage.name_rules import NameRules, documented_name, spellings
from featurestore.lineage.relation_json import (
    relation_from_json,
    relation_to_json,
    unlisted_to_json,
)
from featurestore.lineage.relation_names import RelationNames
from featurestore.lineage.scopes import column_of, unreadable
from featurestore.project.manifest import Manifest
from featurestore.project.nodes import CompiledNode
from featurestore.project.result_cache import ResultCache, checksum
from featurestore.sql.compiled import parsed

__all__ = ["ModelTracer", "Progress"]

Progress = Callable[[str], None]
"""Receives the name of each model when it has been read."""

_VERSION = "5"
"""Part of the cache key. Raise it when tracing a query gives another result than before."""

_TRACED = ("model.", "snapshot.")
_INPUTS = (*_TRACED, "seed.", "source.")


class ModelTracer:
    """Traces the SQL of models, each once.

    Args:
        manifest: dbt's manifest, with compiled SQL.
        columns: The full list of columns of a source or seed by unique id, where it is known.
        cache: Results of earlier runs.
        progress: Receives the name of each model.
        by_file: Read no SQL: a model depends on the text of its file and on all its inputs.
    """

    def __init__(
        self,
        manifest: Manifest,
        columns: Mapping[str, Iterable[str]] | None = None,
        cache: ResultCache | None = None,
        progress: Progress | None = None,
        *,
        by_file: bool = False,
    ) -> None:
        self.manifest = manifest
        self.untraced: dict[str, str] = {}
        self._names = NameRules(manifest.dialect)
        self._relation_names = RelationNames(manifest, self._names)
        self._columns = columns or {}
        self._cache = cache
        self._progress = progress
        self._by_file = by_file
        self._relations: dict[str, Relation] = {}
        self._as_inputs: dict[str, Relation] = {}
        self._signatures: dict[str, str] = {}

    def relation(self, unique_id: str) -> Relation:
        """Return the inputs of a node's columns and rows.

        Args:
            unique_id: A model, snapshot, seed or source.
        """
        waiting = [unique_id]
        # An explicit stack: chains of models can be longer than Python's recursion limit.
        while waiting:
            node = waiting[-1]
            missing = [n for n in self._inputs_to_trace(node) if n not in self._relations]
            if missing:
                waiting += missing
                continue
            waiting.pop()
            # Two readers of one node put it on the stack twice.
            if node not in self._relations:
                self._relations[node] = self._traced(node)
        return self._relations[unique_id]

    def column(self, column: ColumnId) -> Flow | None:
        """Return the inputs of one column; None if the node has no such column."""
        relation = self.relation(column.node)
        if column.column == ROWS:
            return relation.rows.flow
        found = spellings(relation.columns, column.column)
        if len(found) > 1:
            flow = merged("either", [relation.columns[name] for name in found])
            reason = f"'{column.column}' may mean {' or '.join(found)}"
            return replace(flow, doubts=flow.doubts | {reason})
        return column_of(relation, found[0] if found else column.column)

    def query(self, tree: exp.Expr) -> Relation:
        """Return the inputs of a query that belongs to no model.

        A table's name that fits several nodes means all of them.
        """
        from featurestore.lineage.queries import trace_query

        def find_table(table: exp.Table) -> Relation | None:
            found = self._relation_names.all_ending_with(self._names.table(table))
            if len(found) == 1:
                return self._as_input(found[0])
            if not found:
                return self._undeclared(table)
            rows = RowFlow("several", frozenset(ColumnId(node, ROWS) for node in found))
            return Relation({}, rows, tuple(UnlistedColumns(node=node) for node in found))

        return trace_query(tree, self._names, find_table)

    def output(self, relation: Relation, name: str) -> Flow | None:
        """Return the inputs of a query's column by the warehouse's name for it."""
        found = column_of(relation, self._names.normalize(name))
        return column_of(relation, f'"{name}"') if found is None else found

    def is_leaf(self, unique_id: str) -> bool:
        """Return whether tracing ends at a node, because dbt does not compute it with SQL."""
        return not unique_id.startswith(_TRACED)

    def _node(self, unique_id: str) -> CompiledNode:
        return self.manifest.compiled(unique_id)

    def _inputs_to_trace(self, unique_id: str) -> list[str]:
        if self.is_leaf(unique_id) or unique_id in self._relations:
            return []
        nodes = self._node(unique_id).depends_on.nodes
        return [n for n in nodes if n.startswith(_INPUTS) and n in self.manifest]

    def _traced(self, unique_id: str) -> Relation:
        if self.is_leaf(unique_id):
            return self._leaf(unique_id)
        node = self._node(unique_id)
        relation = self._cached(node)
        for doubt in relation.doubts if relation.unlisted and not relation.columns else ():
            self.untraced[unique_id] = doubt
        if self._progress is not None:
            self._progress(node.qualified_name)
        return relation

    def _leaf(self, unique_id: str) -> Relation:
        known = self._columns.get(unique_id)
        documented = self._documented(unique_id)
        digest = unique_id
        if unique_id.startswith("seed."):
            own = self._node(unique_id).checksum
            digest = digest_of(unique_id, own.checksum if own else "")
        listed = dict.fromkeys(map(self._names.normalize, (*(known or ()), *documented)))
        columns = {name: Flow(f"{digest}.{name}") for name in listed}
        # The documentation may leave columns out; the catalog does not.
        unlisted = () if known else (UnlistedColumns(flow=Flow(digest)),)
        return Relation(columns, RowFlow(digest), unlisted)

    def _documented(self, unique_id: str) -> list[str]:
        sources = self.manifest.sources
        columns = (sources[unique_id] if unique_id in sources else self._node(unique_id)).columns
        return [column.name for column in columns.values()]

    def _cached(self, node: CompiledNode) -> Relation:
        if self._cache is None or not node.compiled_code:
            return self._read(node)
        key = self._cache_key(node)
        if (found := relation_from_json(self._cache.get(key))) is not None:
            return found
        relation = self._read(node)
        self._cache.put(key, relation_to_json(relation))
        return relation

    def _cache_key(self, node: CompiledNode) -> str:
        """Hash everything that decides a result: the SQL, the names in it, and their meaning."""
        upstream = [
            part
            for needed in sorted(self._traced_inputs(node))
            for part in (needed, self._signature(needed), self._relation_names.written(needed))
        ]
        sql = node.compiled_code or ""
        return checksum(_VERSION, self.manifest.dialect, node.unique_id, sql, *upstream)

    def _traced_inputs(self, node: CompiledNode) -> list[str]:
        return [n for n in node.depends_on.nodes if n in self._relations]

    def _signature(self, unique_id: str) -> str:
        if unique_id not in self._signatures:
            self._signatures[unique_id] = self._signed(self._relations[unique_id])
        return self._signatures[unique_id]

    def _signed(self, relation: Relation) -> str:
        parts = [f"{name} {flow.digest}" for name, flow in relation.columns.items()]
        # As JSON, which is sorted: the repr of a set differs from process to process.
        unlisted = json.dumps(unlisted_to_json(relation))
        return digest_of(relation.rows.digest, *parts, unlisted)

    def _read(self, node: CompiledNode) -> Relation:
        if self._by_file:
            return self._unread(node, "compared by its file")
        if node.original_file_path.endswith(".py"):
            return self._unread(node, "a Python model: only SQL can be traced")
        try:
            return self._query(node, parsed(node, self.manifest.dialect))
        except NotCompiled as error:
            return self._unread(node, _reason(error, node))
        except RecursionError:
            return self._unread(node, "its SQL is nested too deeply")

    def _query(self, node: CompiledNode, tree: exp.Expr) -> Relation:
        from featurestore.lineage.queries import trace_query

        own = self._names.relation(node.relation_name or "")
        by_name = self._relation_names.seen_by(node)
        if node.config.materialized == "incremental" and own:
            tree = without_incremental_filter(tree, lambda table: self._names.table(table) == own)

        def find_table(table: exp.Table) -> Relation | None:
            path = self._names.table(table)
            # An incremental model that reads its own table adds no input: its old rows come from
            # the same SQL.
            if path == own and own:
                return Relation({}, RowFlow("this"), (UnlistedColumns(flow=Flow("this")),))
            found = by_name.get(path) or self._relation_names.ending_with(path)
            return self._undeclared(table) if found is None else self._as_input(found)

        ctes = {
            f"{EPHEMERAL_PREFIX}{self._node(n).name}": self._as_input(n)
            for n in node.depends_on.nodes
            if n.startswith("model.")
            and n in self.manifest
            and self._node(n).config.materialized == "ephemeral"
        }
        relation = trace_query(without_ephemeral_ctes(tree, ctes), self._names, find_table, ctes)
        return with_snapshot_columns(relation) if node.resource_type == "snapshot" else relation

    def _undeclared(self, table: exp.Table) -> Relation | None:
        """Return a table that the project does not declare; None for a table function."""
        if not isinstance(table.this, exp.Identifier):
            return None
        name = ".".join(self._names.table(table))
        rows = RowFlow(name, frozenset({ColumnId(name, ROWS)}))
        return Relation({}, rows, (UnlistedColumns(node=name, digest=name),))

    def _as_input(self, unique_id: str) -> Relation:
        """Return a node as its readers see it: its columns are inputs under its own id."""
        if unique_id not in self._as_inputs:
            self._as_inputs[unique_id] = self._read_from(unique_id)
        return self._as_inputs[unique_id]

    def _read_from(self, unique_id: str) -> Relation:
        relation = self.relation(unique_id)
        # A quoted name has the id that its documentation gives, unless two columns share that.
        ids = {name: documented_name(name) for name in relation.columns}
        shared = Counter(ids.values())
        columns = {
            name: Flow(
                flow.digest,
                frozenset({ColumnId(unique_id, name if shared[ids[name]] > 1 else ids[name])}),
            )
            for name, flow in relation.columns.items()
        }
        rows = RowFlow(relation.rows.digest, frozenset({ColumnId(unique_id, ROWS)}))
        digests = [one.flow.digest if one.flow else one.digest for one in relation.unlisted]
        if not digests:
            return Relation(columns, rows)
        digest = digests[0] if len(digests) == 1 else digest_of(*digests)
        return Relation(columns, rows, (UnlistedColumns(node=unique_id, digest=digest),))

    def _unread(self, node: CompiledNode, reason: str) -> Relation:
        """Return a model whose SQL is not traced: each column depends on all its inputs' rows."""
        text = digest_of(node.raw_code or node.unique_id)
        inputs = [self._as_input(n).rows for n in self._traced_inputs(node)]
        digest = digest_of(text, *(rows.digest for rows in inputs))
        sources = frozenset[ColumnId]().union(*(rows.sources for rows in inputs))
        return unreadable(reason, text, RowFlow(digest, sources))


def _reason(error: NotCompiled, node: CompiledNode) -> str:
    if not node.compiled_code:
        return "not compiled; run `dbt compile`"
    return f"its SQL cannot be read: {error.message.rpartition(': ')[2]}"
