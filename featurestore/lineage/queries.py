"""The inputs of the columns and rows of a query."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from sqlglot import exp

from featurestore.lineage.expression_flow import evaluate
from featurestore.lineage.flows import Relation, digest_of
from featurestore.lineage.from_clause import read_table, renamed
from featurestore.lineage.joins import join_table
from featurestore.lineage.name_rules import NameRules
from featurestore.lineage.scopes import NO_ROWS, Scope, ScopeContext, unreadable
from featurestore.lineage.select_list import selected_columns
from featurestore.lineage.select_rows import filtered_rows, limited, selected_rows
from featurestore.lineage.set_operations import combined

__all__ = ["trace_query"]

_ROUNDS = 5
"""How often a recursive CTE is read: each round only adds inputs, and chains are short."""


def trace_query(
    query: exp.Expr,
    names: NameRules,
    find_table: Callable[[exp.Table], Relation | None],
    ctes: Mapping[str, Relation] | None = None,
) -> Relation:
    """Return the inputs of a query's columns and rows.

    Args:
        query: The parsed query.
        names: How names are compared.
        find_table: Finds the relations outside the query.
        ctes: CTEs in view.
    """
    return _read(query, Scope(ScopeContext(names, find_table, evaluate, _read), ctes or {}))


def _read(query: exp.Expr, outer: Scope) -> Relation:
    """Read a query within a scope, which a correlated subquery may use."""
    scope = replace(outer, ctes=_with(query, outer))
    if isinstance(query, exp.Subquery):
        inner = _read(query.this, scope) if isinstance(query.this, exp.Query) else None
        return inner or _unreadable(query, scope)
    if isinstance(query, exp.SetOperation):
        sides = _read(query.left, scope), _read(query.right, scope)
        return limited(query, combined(query, *sides), scope)
    if isinstance(query, exp.Select):
        return _select(query, scope)
    if isinstance(query, exp.Values | exp.Table):
        return read_table(query, scope)[1]
    return _unreadable(query, scope)


def _unreadable(query: exp.Expr, scope: Scope) -> Relation:
    """Return a statement of an unsupported kind: all of it depends on every table in it."""
    rows = NO_ROWS
    for table in query.find_all(exp.Table):
        rows = rows.combined_with(read_table(table, scope)[1].rows, "read")
    word = query.key.upper()
    return unreadable(f"{word} is not followed", query.sql(comments=False), rows)


def _with(query: exp.Expr, scope: Scope) -> Mapping[str, Relation]:
    found = query.args.get("with_")
    if found is None:
        return scope.ctes
    ctes = dict(scope.ctes)
    for cte in found.expressions:
        name = scope.names.normalize(cte.args["alias"].this)
        inner = replace(scope, ctes=ctes)
        if found.recursive and _reads(cte.this, name, scope.names):
            ctes[name] = _recursive(cte, name, inner)
        else:
            ctes[name] = renamed(_read(cte.this, inner), cte.args["alias"], scope.names)
    return ctes


def _reads(query: exp.Expr, name: str, names: NameRules) -> bool:
    return any(names.table(table) == (name,) for table in query.find_all(exp.Table))


def _recursive(cte: exp.CTE, name: str, scope: Scope) -> Relation:
    """Read the anchor, then add the inputs of each round until nothing new is found."""
    alias = cte.args["alias"]
    if not isinstance(cte.this, exp.SetOperation):
        return _read(cte.this, scope)
    known = renamed(_read(cte.this.left, scope), alias, scope.names)
    digest = digest_of(
        "recursive", known.rows.digest, *(flow.digest for flow in known.columns.values())
    )
    for _ in range(_ROUNDS):
        # The digests stay fixed; otherwise each round would make new ones.
        columns = {
            key: replace(flow, digest=f"{digest}.{key}") for key, flow in known.columns.items()
        }
        seen = replace(known, columns=columns, rows=replace(known.rows, digest=digest))
        ctes = {**scope.ctes, name: seen}
        found = renamed(_read(cte.this, replace(scope, ctes=ctes)), alias, scope.names)
        if _inputs(found) == _inputs(known):
            return found
        known = found
    return known


def _inputs(relation: Relation) -> object:
    return ({key: flow.all for key, flow in relation.columns.items()}, relation.rows.indirect)


def _select(query: exp.Select, outer: Scope) -> Relation:
    scope = Scope(outer.context, outer.ctes, _around(outer))
    _read_from(query, scope)
    scope.windows = {
        scope.names.normalize(window.this): window for window in query.args.get("windows") or ()
    }
    scope.aliases = {
        scope.names.normalize(item.args["alias"]): item.this
        for item in query.expressions
        if isinstance(item, exp.Alias)
    }
    if where := query.args.get("where"):
        scope.rows = filtered_rows("where", where.this, scope)
    found = selected_columns(query.expressions, scope)
    rows = selected_rows(query, found.columns, scope)
    relation = Relation(found.columns, rows, found.unlisted, found.alternatives, scope.rows.doubts)
    return limited(query, relation, scope)


def _around(outer: Scope) -> Scope | None:
    return outer if outer.relations else outer.parent


def _read_from(query: exp.Select, scope: Scope) -> None:
    tables = [source.this for source in [query.args.get("from_")] if source]
    for number, table in enumerate(tables):
        alias, relation = read_table(table, scope)
        scope.relations[alias or f"_{number}"] = relation
        scope.rows = relation.rows
        for join in _inner_joins(table):
            join_table(join, scope)
    for join in query.args.get("joins") or ():
        join_table(join, scope)
        for inner in _inner_joins(join.this):
            join_table(inner, scope)
    for lateral in query.args.get("laterals") or ():
        join_table(exp.Join(this=lateral), scope)


def _inner_joins(table: exp.Expr) -> list[exp.Join]:
    """Return the joins of `(a join b)`: sqlglot keeps them at the table or at the parentheses."""
    own = list(table.args.get("joins") or ())
    within = table.this if isinstance(table, exp.Subquery) else None
    return [*(_inner_joins(within) if isinstance(within, exp.Table) else ()), *own]
