"""What the columns of each model are made of, models read in the order in which they are built."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cached_property

from sqlglot import exp

from featurestore.errors import NotCompiled
from featurestore.lineage.flows import ROWS, ColumnId, Flow, Relation, Rest, RowFlow, digest
from featurestore.lineage.incremental import without_own_rows
from featurestore.lineage.name_matching import Names
from featurestore.lineage.scopes import column_of, unknown
from featurestore.lineage.stored import dumped, loaded
from featurestore.project.manifest import Manifest
from featurestore.project.nodes import CompiledNode
from featurestore.project.result_cache import ResultCache, checksum
from featurestore.sql.compiled import parsed

__all__ = ["Progress", "Tracer"]

Progress = Callable[[str], None]
"""Told the name of each model when it has been read."""

_VERSION = "2"
_EPHEMERAL = "__dbt__cte__"
_SNAPSHOT_COLUMNS = ("dbt_scd_id", "dbt_updated_at", "dbt_valid_from", "dbt_valid_to")


class Tracer:
    """Reads the SQL of models, each once.

    Args:
        manifest: dbt's manifest, with compiled SQL.
        columns: The full list of columns of a source or seed by unique id, where it is known.
        cache: Where results are kept from run to run.
        progress: Told of each model.
        by_file: Read no SQL: a model is what its file says, and all that it depends on.
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
        self.names = Names(manifest.dialect)
        self.untraced: dict[str, str] = {}
        self._columns = columns or {}
        self._cache = cache
        self._progress = progress
        self._by_file = by_file
        self._relations: dict[str, Relation] = {}

    def relation(self, unique_id: str) -> Relation:
        """Return what the columns of a node are made of.

        Args:
            unique_id: A model, snapshot, seed or source.
        """
        waiting = [unique_id]
        # By a stack of our own: chains of models are longer than Python's.
        while waiting:
            node = waiting[-1]
            missing = [n for n in self._needs(node) if n not in self._relations]
            if missing:
                waiting += missing
                continue
            waiting.pop()
            if node not in self._relations:
                self._relations[node] = self._traced(node)
        return self._relations[unique_id]

    def column(self, column: ColumnId) -> Flow | None:
        """Return what one column is made of; None if the node has no such column."""
        relation = self.relation(column.node)
        if column.column == ROWS:
            return relation.rows.flow
        found = column_of(relation, column.column)
        return column_of(relation, f'"{column.column}"') if found is None else found

    def is_leaf(self, unique_id: str) -> bool:
        """Whether a node is where tracing ends, since dbt does not compute it by SQL."""
        return not unique_id.startswith(("model.", "snapshot."))

    def node(self, unique_id: str) -> CompiledNode:
        """Return a model, snapshot or seed with its SQL."""
        return self.manifest.compiled(unique_id)

    def _needs(self, unique_id: str) -> list[str]:
        if self.is_leaf(unique_id) or unique_id in self._relations:
            return []
        wanted = ("model.", "snapshot.", "seed.", "source.")
        nodes = self.node(unique_id).depends_on.nodes
        return [n for n in nodes if n.startswith(wanted) and n in self.manifest]

    def _traced(self, unique_id: str) -> Relation:
        if self.is_leaf(unique_id):
            return self._leaf(unique_id)
        node = self.node(unique_id)
        relation = self._cached(node)
        for doubt in relation.doubts if relation.rest and not relation.columns else ():
            self.untraced[unique_id] = doubt
        if self._progress is not None:
            self._progress(node.qualified_name)
        return relation

    def _leaf(self, unique_id: str) -> Relation:
        known = self._columns.get(unique_id)
        documented = self._documented(unique_id)
        text = unique_id
        if unique_id.startswith("seed."):
            own = self.node(unique_id).checksum
            text = digest(unique_id, own.checksum if own else "")
        columns = {
            name: Flow(f"{text}.{name}")
            for name in dict.fromkeys(map(self.names.of, (*(known or ()), *documented)))
        }
        return Relation(columns, RowFlow(text), () if known else (Rest(flow=Flow(text)),))

    def _documented(self, unique_id: str) -> list[str]:
        sources = self.manifest.sources
        columns = (sources[unique_id] if unique_id in sources else self.node(unique_id)).columns
        return [column.name for column in columns.values()]

    def _cached(self, node: CompiledNode) -> Relation:
        if self._cache is None or not node.compiled_code:
            return self._read(node)
        key = self._key(node)
        if (found := loaded(self._cache.get(key))) is not None:
            return found
        relation = self._read(node)
        self._cache.put(key, dumped(relation))
        return relation

    def _key(self, node: CompiledNode) -> str:
        """Hash all that decides a result: the SQL, the names in it, and what they stand for."""
        upstream = [
            part
            for needed in sorted(self._needs_of(node))
            for part in (needed, self._signature(needed), self._relation_names.get(needed, ""))
        ]
        sql = node.compiled_code or ""
        return checksum(_VERSION, self.manifest.dialect, node.unique_id, sql, *upstream)

    def _needs_of(self, node: CompiledNode) -> list[str]:
        return [n for n in node.depends_on.nodes if n in self._relations]

    def _signature(self, unique_id: str) -> str:
        relation = self._relations[unique_id]
        parts = [f"{name} {flow.text}" for name, flow in relation.columns.items()]
        return digest(relation.rows.text, *parts, *(str(rest) for rest in relation.rest))

    def _read(self, node: CompiledNode) -> Relation:
        if self._by_file:
            return self._unread(node, "compared by its file")
        if node.original_file_path.endswith(".py"):
            return self._unread(node, "a Python model: only SQL can be followed")
        try:
            tree = parsed(node, self.manifest.dialect)
            return self._query(node, tree)
        except NotCompiled as error:
            return self._unread(node, _why(error, node))
        except RecursionError:
            return self._unread(node, "its SQL is nested too deeply")

    def _query(self, node: CompiledNode, tree: exp.Expr) -> Relation:
        from featurestore.lineage.queries import trace_query

        own = self.names.relation(node.relation_name or "")
        by_name = self._by_name(node)
        if node.config.materialized == "incremental" and own:
            tree = without_own_rows(tree, lambda table: self.names.table(table) == own)

        def base(table: exp.Table) -> Relation | None:
            path = self.names.table(table)
            if path == own and own:
                return Relation({}, RowFlow("this"), (Rest(flow=Flow("this")),))
            return self._base(by_name.get(path) or self._by_end(path), table)

        ctes = {
            f"{_EPHEMERAL}{self.node(n).name}": self._as_base(n)
            for n in node.depends_on.nodes
            if n.startswith("model.")
            and n in self.manifest
            and self.node(n).config.materialized == "ephemeral"
        }
        relation = trace_query(_without_ephemeral(tree, ctes), self.names, base, ctes)
        return _with_snapshot_columns(relation) if node.resource_type == "snapshot" else relation

    def _base(self, unique_id: str | None, table: exp.Table) -> Relation | None:
        if unique_id is not None:
            return self._as_base(unique_id)
        if not isinstance(table.this, exp.Identifier):
            return None
        name = ".".join(self.names.table(table))
        return Relation(
            {}, RowFlow(name, frozenset({ColumnId(name, ROWS)})), (Rest(node=name, text=name),)
        )

    def _as_base(self, unique_id: str) -> Relation:
        """Return a node as those who read it see it: columns under its own id."""
        relation = self.relation(unique_id)
        columns = {
            name: Flow(flow.text, frozenset({ColumnId(unique_id, name)}))
            for name, flow in relation.columns.items()
        }
        rows = RowFlow(relation.rows.text, frozenset({ColumnId(unique_id, ROWS)}))
        rest = (Rest(node=unique_id, text=_rest_text(relation.rest)),) if relation.rest else ()
        return Relation(columns, rows, rest)

    def _unread(self, node: CompiledNode, reason: str) -> Relation:
        text = digest(node.raw_code or node.unique_id)
        bases = [self._as_base(n).rows for n in self._needs_of(node)]
        rows = RowFlow(digest(text, *(b.text for b in bases)))
        rows = replace(rows, bases=frozenset[ColumnId]().union(*(b.bases for b in bases)))
        return unknown(reason, text, rows)

    def _by_name(self, node: CompiledNode) -> dict[tuple[str, ...], str]:
        """Return what each name means in a model; what it depends on goes before the others."""
        near = {
            self.names.relation(text): needed
            for needed in node.depends_on.nodes
            if (text := self._relation_names.get(needed))
        }
        return {**self._everywhere, **near}

    @cached_property
    def _relation_names(self) -> dict[str, str]:
        sources = {s.unique_id: s.relation_name for s in self.manifest.sources.values()}
        models = {m.unique_id: m.relation_name for m in self.manifest.models()}
        return {key: name for key, name in {**sources, **models}.items() if name}

    @cached_property
    def _everywhere(self) -> dict[tuple[str, ...], str]:
        return {self.names.relation(name): key for key, name in self._relation_names.items()}

    def _by_end(self, path: tuple[str, ...]) -> str | None:
        """Find a relation whose name is written without its database or schema, if one fits."""
        ends = {key for name, key in self._everywhere.items() if name[-len(path) :] == path}
        return ends.pop() if len(ends) == 1 else None


def _rest_text(rests: tuple[Rest, ...]) -> str:
    """Return what stands for columns that are handed on without being named."""
    texts = [rest.flow.text if rest.flow else rest.text for rest in rests]
    return texts[0] if len(texts) == 1 else digest(*texts)


def _why(error: NotCompiled, node: CompiledNode) -> str:
    if not node.compiled_code:
        return "not compiled; run `dbt compile`"
    return f"its SQL cannot be read: {error.message.rpartition(': ')[2]}"


def _without_ephemeral(tree: exp.Expr, ctes: Mapping[str, Relation]) -> exp.Expr:
    """Drop the CTEs that dbt put in for ephemeral models: those are nodes of their own."""
    found = tree.args.get("with_")
    if found is None or not ctes:
        return tree
    kept = [cte for cte in found.expressions if cte.alias not in ctes]
    if kept:
        found.set("expressions", kept)
    else:
        tree.set("with_", None)
    return tree


def _with_snapshot_columns(relation: Relation) -> Relation:
    """Add the columns with which dbt tells the versions of a row apart."""
    doubt = frozenset({"written by dbt's snapshot"})
    rows = relation.rows.flow
    own = {
        name: Flow(digest(name, rows.text), indirect=rows.all, doubts=doubt)
        for name in _SNAPSHOT_COLUMNS
    }
    return replace(relation, columns={**own, **relation.columns})
