"""What the columns and rows of a query are made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from sqlglot import exp

from featurestore.lineage.expression_flow import evaluate, is_aggregate, spreads
from featurestore.lineage.flows import Flow, Relation, RowFlow, digest, merged
from featurestore.lineage.name_matching import Names
from featurestore.lineage.scopes import NO_ROWS, Scope, ScopeContext, column_of, unknown
from featurestore.lineage.stars import selected
from featurestore.lineage.tables import join_table, read_table, renamed

__all__ = ["trace_query"]

_ROUNDS = 5
"""How often a recursive CTE is read: each round can only add, and chains of columns are short."""


def trace_query(
    query: exp.Expr,
    names: Names,
    bases: Callable[[exp.Table], Relation | None],
    ctes: Mapping[str, Relation] | None = None,
) -> Relation:
    """Return what a query's columns and rows are made of.

    Args:
        query: The parsed query.
        names: How names are compared.
        bases: Finds the relations that are not part of the query.
        ctes: CTEs that are in view.
    """
    return _read(query, Scope(ScopeContext(names, bases, evaluate, _read), ctes or {}))


def _read(query: exp.Expr, outer: Scope) -> Relation:
    """Read a query that stands within a scope, which a correlated subquery may look into."""
    scope = replace(outer, ctes=_with(query, outer))
    if isinstance(query, exp.Subquery):
        inner = _read(query.this, scope) if isinstance(query.this, exp.Query) else None
        return inner or _unreadable(query, scope)
    if isinstance(query, exp.SetOperation):
        return _limited(query, _united(query, scope), scope)
    if isinstance(query, exp.Select):
        return _select(query, scope)
    if isinstance(query, exp.Values | exp.Table):
        return read_table(query, scope)[1]
    return _unreadable(query, scope)


def _unreadable(query: exp.Expr, scope: Scope) -> Relation:
    """Return what a statement that is not followed reads, and that it is not."""
    rows = NO_ROWS
    for table in query.find_all(exp.Table):
        rows = rows.beside(read_table(table, scope)[1].rows, "read")
    word = query.key.upper()
    return unknown(f"{word} is not followed", query.sql(comments=False), rows)


def _with(query: exp.Expr, scope: Scope) -> Mapping[str, Relation]:
    found = query.args.get("with_")
    if found is None:
        return scope.ctes
    ctes = dict(scope.ctes)
    for cte in found.expressions:
        name = scope.names.of(cte.args["alias"].this)
        inner = replace(scope, ctes=ctes)
        if found.recursive and _reads(cte.this, name, scope.names):
            ctes[name] = _recursive(cte, name, inner)
        else:
            ctes[name] = renamed(_read(cte.this, inner), cte.args["alias"], scope.names)
    return ctes


def _reads(query: exp.Expr, name: str, names: Names) -> bool:
    return any(names.table(table) == (name,) for table in query.find_all(exp.Table))


def _recursive(cte: exp.CTE, name: str, scope: Scope) -> Relation:
    """Start from the anchor, and add what each round adds until nothing new is found."""
    alias = cte.args["alias"]
    if not isinstance(cte.this, exp.SetOperation):
        return _read(cte.this, scope)
    known = renamed(_read(cte.this.left, scope), alias, scope.names)
    text = digest("recursive", known.rows.text, *(flow.text for flow in known.columns.values()))
    for _ in range(_ROUNDS):
        # The texts are fixed, or each round would make new ones.
        columns = {key: replace(flow, text=f"{text}.{key}") for key, flow in known.columns.items()}
        seen = replace(known, columns=columns, rows=replace(known.rows, text=text))
        ctes = {**scope.ctes, name: seen}
        found = renamed(_read(cte.this, replace(scope, ctes=ctes)), alias, scope.names)
        if _inputs(found) == _inputs(known):
            return found
        known = found
    return known


def _inputs(relation: Relation) -> object:
    return ({key: flow.all for key, flow in relation.columns.items()}, relation.rows.indirect)


def _united(query: exp.SetOperation, scope: Scope) -> Relation:
    left, right = _read(query.left, scope), _read(query.right, scope)
    word = f"{query.key} {'distinct' if query.args.get('distinct') else 'all'}"
    rows = left.rows.beside(right.rows, word)
    if isinstance(query, exp.Union):
        relation = _stacked(left, right, rows, by_name=bool(query.args.get("by_name")))
    else:
        rows = replace(rows, bases=left.rows.bases).narrowed("of", right.columns.values())
        rows = replace(rows, indirect=rows.indirect | right.rows.bases)
        relation = replace(left, rows=rows)
    if query.args.get("distinct"):
        return replace(relation, rows=relation.rows.made_distinct(relation.columns))
    return relation


def _stacked(left: Relation, right: Relation, rows: RowFlow, *, by_name: bool) -> Relation:
    """Lay one relation under the other: column by column, by name where SQL or we must."""
    doubts = left.doubts | right.doubts
    if not (left.rest or right.rest or by_name):
        pairs = zip(left.columns.items(), right.columns.values(), strict=False)
        columns = {name: merged("union", (one, two)) for (name, one), two in pairs}
        return Relation(columns, rows, doubts=doubts)
    listed = dict.fromkeys((*left.columns, *right.columns))
    doubt = frozenset[str]() if by_name or _alike(left, right) else _BY_POSITION
    columns = {
        name: replace(flow, doubts=flow.doubts | doubt)
        for name in listed
        for flow in [_either(name, left, right)]
    }
    rest = (*left.rest, *right.rest)
    return Relation(columns, rows, rest, alternatives=False, doubts=doubts)


_BY_POSITION = frozenset({"a UNION takes columns by position, and those of one side are not known"})


def _alike(left: Relation, right: Relation) -> bool:
    """Whether both sides are whole tables whose columns are not known: then names do as well."""
    return bool(left.rest and right.rest)


def _either(name: str, left: Relation, right: Relation) -> Flow:
    found = (column_of(left, name), column_of(right, name))
    return merged("union", [flow for flow in found if flow is not None])


def _select(query: exp.Select, outer: Scope) -> Relation:
    scope = Scope(outer.context, outer.ctes, _around(outer))
    _read_from(query, scope)
    scope.windows = {
        scope.names.of(window.this): window for window in query.args.get("windows") or ()
    }
    scope.aliases = {
        scope.names.of(item.args["alias"]): item.this
        for item in query.expressions
        if isinstance(item, exp.Alias)
    }
    if where := query.args.get("where"):
        scope.rows = _filtered("where", where.this, scope)
    found = selected(query.expressions, scope)
    rows = _rows(query, found.columns, scope)
    relation = Relation(found.columns, rows, found.rest, found.alternatives, scope.rows.doubts)
    return _limited(query, relation, scope)


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
    """Return the joins of `(a join b)`, which stand with the table or the parentheses."""
    own = list(table.args.get("joins") or ())
    within = table.this if isinstance(table, exp.Subquery) else None
    return [*(_inner_joins(within) if isinstance(within, exp.Table) else ()), *own]


def _filtered(word: str, condition: exp.Expr, scope: Scope) -> RowFlow:
    return scope.rows.narrowed(word, [evaluate(condition, scope)])


def _rows(query: exp.Select, columns: Mapping[str, Flow], scope: Scope) -> RowFlow:
    """Return the rows that GROUP BY, HAVING, QUALIFY and DISTINCT leave of those of FROM."""
    rows = scope.rows
    group = query.args.get("group")
    if group is not None:
        rows = rows.narrowed("group", _keys(group, query, scope))
    elif any(is_aggregate(item) for item in query.expressions):
        rows = rows.narrowed("aggregate")
    for word in ("having", "qualify"):
        if condition := query.args.get(word):
            rows = rows.narrowed(word, [evaluate(condition.this, scope)])
    if many := [item for item in query.expressions if spreads(item)]:
        rows = rows.narrowed("spread", [evaluate(item, scope) for item in many])
    distinct = query.args.get("distinct")
    if distinct is not None:
        on = distinct.args.get("on")
        if on is None:
            return rows.made_distinct(columns)
        deciding = (*on.expressions, *_order_of(query))
        rows = rows.narrowed("distinct on", [evaluate(item, scope) for item in deciding])
    return rows


def _keys(group: exp.Group, query: exp.Select, scope: Scope) -> list[Flow]:
    if group.args.get("all"):
        plain = [item for item in query.expressions if not is_aggregate(item)]
        return [evaluate(item, scope) for item in plain]
    keys = [_by_position(key, query) for key in group.expressions]
    for kind in ("cube", "rollup", "grouping_sets"):
        keys += group.args.get(kind) or ()
    return [evaluate(key, scope) for key in keys]


def _by_position(key: exp.Expr, query: exp.Select) -> exp.Expr:
    if isinstance(key, exp.Literal) and not key.is_string and key.name.isdigit():
        position = int(key.name)
        if 0 < position <= len(query.expressions):
            chosen: exp.Expr = query.expressions[position - 1]
            return chosen
    return key


def _order_of(query: exp.Expr) -> list[exp.Expr]:
    order = query.args.get("order")
    return [] if order is None else list(order.expressions)


def _limited(query: exp.Expr, relation: Relation, scope: Scope) -> Relation:
    """An ORDER BY matters only where a LIMIT cuts off what comes later."""
    limits = [query.args[word] for word in ("limit", "offset", "sample") if query.args.get(word)]
    if not limits:
        return relation
    inside = scope if isinstance(query, exp.Select) else None
    order = [_ordered(item, relation, inside) for item in _order_of(query)]
    texts = Flow(digest(*(limit.sql(comments=False) for limit in limits)))
    return replace(relation, rows=relation.rows.narrowed("limit", [*order, texts]))


def _ordered(item: exp.Expr, relation: Relation, scope: Scope | None) -> Flow:
    inner = item.this
    if isinstance(inner, exp.Column) and inner.name.lower() in relation.columns:
        return merged(str(item.args.get("desc")), [relation.columns[inner.name.lower()]])
    if scope is None or isinstance(inner, exp.Literal):
        return merged(item.sql(comments=False), relation.columns.values())
    return evaluate(item, scope)
