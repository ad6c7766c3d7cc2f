"""What a name means at one place of a query: relations in view, and aliases of the SELECT."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sqlglot import exp

from featurestore.lineage.flows import ColumnId, Flow, Relation, Rest, RowFlow, digest, merged
from featurestore.lineage.name_matching import Names

__all__ = ["NO_ROWS", "Scope", "ScopeContext", "column_of", "unknown"]

NO_ROWS = RowFlow("one row")
_HIDING = 2


@dataclass(frozen=True)
class ScopeContext:
    """What is the same all over a query.

    Attributes:
        names: How names are compared.
        bases: Finds the relation that a name stands for outside the query; None where a table
            function is no source of the project.
        evaluate: Reads an expression.
        read: Reads a query. It and `evaluate` lead to each other, and both to here.
    """

    names: Names
    bases: Callable[[exp.Table], Relation | None]
    evaluate: Callable[[exp.Expr, Scope], Flow]
    read: Callable[[exp.Expr, Scope], Relation]


def unknown(reason: str, text: str, rows: RowFlow) -> Relation:
    """Return a relation of which nothing is known but what it reads."""
    flow = Flow(digest("unknown", text, rows.text), rows.bases, rows.indirect, frozenset({reason}))
    return Relation({}, rows, (Rest(flow=flow),), doubts=frozenset({reason}))


def column_of(relation: Relation, name: str, *, qualified: bool = True) -> Flow | None:
    """Return what a column of a relation is made of; None if there is no such column."""
    if name in relation.columns:
        return relation.columns[name]
    found = [
        _from_rest(rest, name)
        for rest in relation.rest
        if name not in rest.hidden and (qualified or not rest.loose)
    ]
    if not found:
        return None
    flow = found[0] if len(found) == 1 else merged("rest", found)
    if len(found) >= _HIDING and relation.alternatives:
        origins = " or ".join(sorted({rest.node for rest in relation.rest if rest.node}))
        flow = _doubting(flow, f"'{name}' may come from {origins}: their columns are not known")
    return flow


def _from_rest(rest: Rest, name: str) -> Flow:
    if rest.flow is not None:
        return rest.flow
    return Flow(f"{rest.text or rest.node}.{name}", frozenset({ColumnId(rest.node, name)}))


def _doubting(flow: Flow, reason: str) -> Flow:
    return Flow(flow.text, flow.direct, flow.indirect, flow.doubts | {reason})


@dataclass
class Scope:
    """One SELECT while it is read.

    Attributes:
        context: What is the same all over the query.
        ctes: The CTEs in view.
        parent: The SELECT around it, for correlated subqueries.
        relations: Those of FROM and JOIN, by alias.
        shared: The columns that USING made one, which need no relation's name.
        aliases: The expressions of the SELECT, by their alias.
        windows: The named windows.
        rows: The rows as they are read so far.
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
    def names(self) -> Names:
        """How names are compared."""
        return self.context.names

    def bases(self, table: exp.Table) -> Relation | None:
        """Find what is outside the query."""
        return self.context.bases(table)

    def evaluate(self, node: exp.Expr, scope: Scope) -> Flow:
        """Read an expression."""
        return self.context.evaluate(node, scope)

    def read(self, query: exp.Expr, scope: Scope) -> Relation:
        """Read a query."""
        return self.context.read(query, scope)

    def column(self, column: exp.Column) -> Flow:
        """Return what a column is made of, wherever it is from."""
        path = [self.names.of(part) for part in column.parts]
        for length in range(len(path), 0, -1):
            # In `a.b.c` the column may be the last name, or a struct of which the rest are fields.
            found = self._find(path[:length])
            if found is not None:
                return found
        name = ".".join(path)
        return Flow(digest("lost", name), doubts=frozenset({f"no relation in view has '{name}'"}))

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
        if len({flow.text for flow in flows}) == 1:
            return flows[0]
        return _doubting(merged("either", flows), f"'{name}' is in more than one relation")

    def _shadows(self, name: str) -> bool:
        """Whether an alias has the name of a column that some relation must have.

        In `cast(x as int) as x` the inner x cannot be the alias, so a later x is the column too.
        """
        columns = self.aliases[name].find_all(exp.Column)
        own = any(self.names.of(c.this) == name and not c.table for c in columns)
        return own and any(relation.rest for relation in self.relations.values())

    def _alias(self, name: str) -> Flow | None:
        if name not in self.aliases or name in self._reading:
            return None
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
        """Return a relation as one value, as in `select t from t`."""
        if name not in self.relations:
            return None
        relation = self.relations[name]
        flows = [*relation.columns.values(), relation.rows.flow]
        return merged("whole", flows)
