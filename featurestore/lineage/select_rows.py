"""The rows of a SELECT: the clauses that filter, group, deduplicate and limit them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sqlglot import exp

from featurestore.lineage.expression_flow import evaluate, is_aggregate, spreads
from featurestore.lineage.flows import Flow, Relation, RowFlow, digest_of, merged
from featurestore.lineage.scopes import Scope

__all__ = ["filtered_rows", "limited", "selected_rows"]


def filtered_rows(word: str, condition: exp.Expr, scope: Scope) -> RowFlow:
    """Return the rows of a scope that a condition keeps."""
    return scope.rows.narrowed(word, [evaluate(condition, scope)])


def selected_rows(query: exp.Select, columns: Mapping[str, Flow], scope: Scope) -> RowFlow:
    """Return the rows that GROUP BY, HAVING, QUALIFY and DISTINCT keep of the rows of FROM."""
    rows = scope.rows
    group = query.args.get("group")
    if group is not None:
        rows = rows.narrowed("group", _keys(group, query, scope))
    elif any(is_aggregate(item) for item in query.expressions):
        # Without GROUP BY there is one row, and no column decides whether it exists.
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
            return rows.distinct(columns)
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


def limited(query: exp.Expr, relation: Relation, scope: Scope) -> Relation:
    """Return a relation after LIMIT, OFFSET and SAMPLE; an ORDER BY counts only with them."""
    limits = [query.args[word] for word in ("limit", "offset", "sample") if query.args.get(word)]
    # Without a limit, ORDER BY changes no row, so it must not change the digest.
    if not limits:
        return relation
    inside = scope if isinstance(query, exp.Select) else None
    order = [_ordered(item, relation, inside) for item in _order_of(query)]
    limit_text = Flow(digest_of(*(limit.sql(comments=False) for limit in limits)))
    return replace(relation, rows=relation.rows.narrowed("limit", [*order, limit_text]))


def _ordered(item: exp.Expr, relation: Relation, scope: Scope | None) -> Flow:
    inner = item.this
    if isinstance(inner, exp.Column) and inner.name.lower() in relation.columns:
        return merged(str(item.args.get("desc")), [relation.columns[inner.name.lower()]])
    if scope is None or isinstance(inner, exp.Literal):
        return merged(item.sql(comments=False), relation.columns.values())
    return evaluate(item, scope)
