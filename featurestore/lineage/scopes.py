"""The meaning of a name at one place of a query: relations in view, and aliases of the SELECT."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from sqlglot import exp

from featurestore.lineage.flows import (
    ColumnId,
    Flow,
    Relation,
    RowFlow,
    UnlistedColumns,
    digest_of,
    merged,
)
from featurestore.lineage.name_rules import NameRules, documented_name

__all__ = ["NO_ROWS", "Scope", "ScopeContext", "column_of", "unreadable"]

NO_ROWS = RowFlow("one row")


@dataclass(frozen=True)
class ScopeContext:
    """The parts of a scope that are the same for a whole query.

    `evaluate` and `read` are values, because an expression contains queries, a query contains
    expressions, and both need a scope: three modules that would import each other.

    Attributes:
        names: How names are compared.
        find_table: Finds a relation outside the query; None for a table function that is not a
            source of the project.
        evaluate: Reads an expression.
        read: Reads a query.
    """

    names: NameRules
    find_table: Callable[[exp.Table], Relation | None]
    evaluate: Callable[[exp.Expr, Scope], Flow]
    read: Callable[[exp.Expr, Scope], Relation]


def unreadable(reason: str, text: str, rows: RowFlow) -> Relation:
    """Return a relation whose columns all depend on all rows that it reads.

    Args:
        reason: Why its columns cannot be traced.
        text: The text that defines it.
        rows: The rows that it reads.
    """
    digest = digest_of("unknown", text, rows.digest)
    flow = Flow(digest, rows.sources, rows.indirect, frozenset({reason}))
    return Relation({}, rows, (UnlistedColumns(flow=flow),), doubts=frozenset({reason}))


def column_of(relation: Relation, name: str, *, qualified: bool = True) -> Flow | None:
    """Return the inputs of a column of a relation; None if it has no such column.

    Args:
        relation: The relation.
        name: The normalized name of the column.
        qualified: Whether the query names the relation, as in `relation.name`.
    """
    if name in relation.columns:
        return relation.columns[name]
    # The documentation of a source names a column without its quotes.
    if documented_name(name) in relation.columns:
        return relation.columns[documented_name(name)]
    found = [
        _unlisted_column(columns, name)
        for columns in relation.unlisted
        if name not in columns.hidden and (qualified or not columns.loose)
    ]
    if not found:
        return None
    flow = found[0] if len(found) == 1 else merged("rest", found)
    if len(found) > 1 and relation.alternatives:
        origins = " or ".join(sorted({one.node for one in relation.unlisted if one.node}))
        flow = _doubting(flow, f"'{name}' may come from {origins}: their columns are not known")
    return flow


def _unlisted_column(columns: UnlistedColumns, name: str) -> Flow:
    if columns.flow is not None:
        return columns.flow
    source = frozenset({ColumnId(columns.node, documented_name(name))})
    return Flow(f"{columns.digest or columns.node}.{name}", source)


def _doubting(flow: Flow, reason: str) -> Flow:
    return replace(flow, doubts=flow.doubts | {reason})


@dataclass
class Scope:
    """One SELECT while it is read.

    Attributes:
        context: The parts that are the same for the whole query.
        ctes: The CTEs in view.
        parent: The enclosing SELECT, for correlated subqueries.
        relations: The relations of FROM and JOIN, by alias.
        shared: The columns that USING merged, which are named without a relation.
        aliases: The expressions of the SELECT, by their alias.
        windows: The named windows.
        rows: The rows of the relations that are read so far.
    """

    context: ScopeContext
    ctes: Mapping[str, Relation]
    parent: Scope | None = None
    relations: dict[str, Relation] = field(default_factory=dict)
    shared: dict[str, Flow] = field(default_factory=dict)
    aliases: dict[str, exp.Expr] = field(default_factory=dict)
    windows: dict[str, exp.Expr] = field(default_factory=dict)
    rows: RowFlow = NO_ROWS
    _reading: set[str] = field(default_factory=set)

    @property
    def names(self) -> NameRules:
        """How names are compared."""
        return self.context.names

    def find_table(self, table: exp.Table) -> Relation | None:
        """Find a relation outside the query."""
        return self.context.find_table(table)

    def evaluate(self, node: exp.Expr, scope: Scope) -> Flow:
        """Read an expression."""
        return self.context.evaluate(node, scope)

    def read(self, query: exp.Expr, scope: Scope) -> Relation:
        """Read a query."""
        return self.context.read(query, scope)

    def column(self, column: exp.Column) -> Flow:
        """Return the inputs of a column of any relation in view."""
        path = [self.names.normalize(part) for part in column.parts]
        # The longest reading first: a relation's alias wins over a struct of the same name.
        for length in range(len(path), 0, -1):
            # In `a.b.c` the column may be `c`, or `b` or `a`: a struct with fields.
            found = self._find(path[:length])
            if found is not None:
                return found
        name = ".".join(path)
        return Flow(
            digest_of("lost", name), doubts=frozenset({f"no relation in view has '{name}'"})
        )

    def _find(self, path: list[str]) -> Flow | None:
        found = self._qualified(*path[-2:]) if len(path) > 1 else self._plain(path[0])
        if found is None and self.parent is not None:
            return self.parent._find(path)  # noqa: SLF001 - the same class
        return found

    def _qualified(self, relation: str, name: str) -> Flow | None:
        if relation not in self.relations:
            return None
        return column_of(self.relations[relation], name)

    def _plain(self, name: str) -> Flow | None:
        if name in self.shared:
            return self.shared[name]
        known = [r.columns[name] for r in self.relations.values() if name in r.columns]
        if known:
            return known[0] if len(known) == 1 else self._several(name, known)
        if name in self.aliases and not self._shadows(name):
            return self._alias(name)
        return self._from_open(name) or self._whole(name) or self._alias(name)

    def _several(self, name: str, flows: list[Flow]) -> Flow:
        # Equal digests mean one computation, as for a self-join's key: no doubt is needed.
        if len({flow.digest for flow in flows}) == 1:
            return flows[0]
        return _doubting(merged("either", flows), f"'{name}' is in more than one relation")

    def _shadows(self, name: str) -> bool:
        """Return whether an alias hides a column of the same name that some relation must have.

        In `cast(x as int) as x` the inner x cannot be the alias, so a later x is the column too.
        """
        columns = self.aliases[name].find_all(exp.Column)
        own = any(self.names.normalize(c.this) == name and not c.table for c in columns)
        return own and any(relation.unlisted for relation in self.relations.values())

    def _alias(self, name: str) -> Flow | None:
        if name not in self.aliases or name in self._reading:
            return None
        # An alias may use another alias, but in `x + 1 as x` the inner x is not the alias.
        self._reading.add(name)
        try:
            return self.evaluate(self.aliases[name], self)
        finally:
            self._reading.discard(name)

    def _from_open(self, name: str) -> Flow | None:
        flows = {
            alias: flow
            for alias, relation in self.relations.items()
            if (flow := column_of(relation, name, qualified=False)) is not None
        }
        if len(flows) <= 1:
            return next(iter(flows.values()), None)
        origins = " or ".join(flows)
        return _doubting(
            merged("either", flows.values()),
            f"'{name}' may come from {origins}: their columns are not known",
        )

    def _whole(self, name: str) -> Flow | None:
        """Return a whole relation as one value, as in `select t from t`."""
        if name not in self.relations:
            return None
        relation = self.relations[name]
        flows = [*relation.columns.values(), relation.rows.flow]
        return merged("whole", flows)
