"""The inputs of an expression."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from sqlglot import exp

from featurestore.lineage.flows import Flow, digest_of, merged
from featurestore.lineage.scopes import Scope

__all__ = ["evaluate", "is_aggregate", "spreads"]

_ORDERED_BY = (exp.ArgMax, exp.ArgMin)
_COUNTS = (exp.Count, exp.CountIf, exp.ApproxDistinct)


def evaluate(node: exp.Expr, scope: Scope) -> Flow:
    """Return the inputs of an expression.

    Args:
        node: The expression.
        scope: The meaning of the names in it.
    """
    for kinds, rule in _RULES:
        if isinstance(node, kinds):
            return rule(node, scope)
    return _operation(node, scope)


def is_aggregate(node: exp.Expr) -> bool:
    """Return whether an expression aggregates rows, by GROUP BY or all of them."""
    if isinstance(node, exp.Window | exp.Query):
        return False
    if isinstance(node, exp.AggFunc):
        return True
    return any(is_aggregate(child) for child in _children(node))


def spreads(node: exp.Expr) -> bool:
    """Return whether an expression of a SELECT makes several rows of one row."""
    if isinstance(node, exp.Query):
        return False
    return isinstance(node, exp.Explode | exp.Unnest | exp.Posexplode) or any(
        spreads(child) for child in _children(node)
    )


def _children(node: exp.Expr) -> Iterator[exp.Expr]:
    for value in node.args.values():
        for item in value if isinstance(value, list) else (value,):
            if isinstance(item, exp.Expr):
                yield item


def _operation(node: exp.Expr, scope: Scope) -> Flow:
    parts: list[str] = []
    flows: list[Flow] = []
    for name, value in node.args.items():
        for item in value if isinstance(value, list) else (value,):
            if item is None or item is False:
                continue
            flow = evaluate(item, scope) if isinstance(item, exp.Expr) else _plain(item)
            # Optional arguments may be missing, so their names belong to the digest.
            parts.append(name)
            flows.append(flow)
    name = node.name.lower() if isinstance(node, exp.Anonymous) else ""
    return merged(f"{node.key} {name} {' '.join(parts)}", flows)


def _plain(value: Any) -> Flow:
    return Flow(str(value).lower())


def _inner(node: exp.Expr, scope: Scope) -> Flow:
    return evaluate(node.this, scope)


def _column(node: exp.Expr, scope: Scope) -> Flow:
    if isinstance(node.this, exp.Star):
        return merged("star", [scope.rows.flow])
    return scope.column(node) if isinstance(node, exp.Column) else _operation(node, scope)


def _literal(node: exp.Expr, scope: Scope) -> Flow:
    del scope
    return Flow(digest_of(node.key, str(node.args.get("is_string")), node.name))


def _identifier(node: exp.Expr, scope: Scope) -> Flow:
    return Flow(scope.names.normalize(node))


def _type(node: exp.Expr, scope: Scope) -> Flow:
    return Flow(node.sql(scope.names.dialect, comments=False).lower())


def _star(node: exp.Expr, scope: Scope) -> Flow:
    del node
    return scope.rows.flow


def _positional(node: exp.Expr, scope: Scope) -> Flow:
    """Return the column that `#3` names by its place in FROM."""
    relations = [*scope.relations.values()]
    columns = [flow for relation in relations for flow in relation.columns.values()]
    if any(relation.unlisted for relation in relations) or int(node.name) > len(columns):
        doubt = f"#{node.name} names a column by its place, and the columns are not known"
        return replace(
            merged(f"place {node.name}", [scope.rows.flow]), doubts=scope.rows.doubts | {doubt}
        )
    return columns[int(node.name) - 1]


def _subquery(node: exp.Expr, scope: Scope) -> Flow:
    relation = scope.read(node, scope)
    unlisted = [one.flow for one in relation.unlisted if one.flow]
    values = list(relation.columns.values()) or unlisted
    flow = merged("subquery", [*values, relation.rows.flow.as_deciding()])
    return replace(flow, doubts=flow.doubts | relation.doubts)


def _exists(node: exp.Expr, scope: Scope) -> Flow:
    return merged("exists", [scope.read(node.this, scope).rows.flow])


def _count(node: exp.Expr, scope: Scope) -> Flow:
    return _operation(node, scope).as_counted()


def _is(node: exp.Expr, scope: Scope) -> Flow:
    flow = _operation(node, scope)
    return flow.as_counted() if isinstance(node.args["expression"], exp.Null) else flow


def _window(node: exp.Expr, scope: Scope) -> Flow:
    """Return the function's arguments as direct inputs, and those of the window as indirect."""
    function = evaluate(node.this, scope)
    # row_number() and count(*) have no arguments: the rows themselves are their input.
    if not function.all:
        function = merged("rows", [function, scope.rows.flow])
    parts = _window_parts(node, scope)
    # The rows count: a filter before a window gives another value than the same filter after it.
    place = Flow(scope.rows.digest, doubts=scope.rows.doubts)
    return merged("window", [function, *(part.as_deciding() for part in parts), place])


def _window_parts(node: exp.Expr, scope: Scope) -> list[Flow]:
    parts: list[Flow] = []
    named = node.args.get("alias") or (
        node.this if isinstance(node.this, exp.Identifier) and node.args.get("first") else None
    )
    if named is not None:
        spec = scope.windows.get(scope.names.normalize(named))
        parts += [] if spec is None else _window_parts(spec, scope)
    for name in ("partition_by", "order", "spec"):
        value = node.args.get(name)
        for item in value if isinstance(value, list) else (value,):
            if item is not None:
                flow = evaluate(item, scope)
                parts.append(replace(flow, digest=digest_of(name, flow.digest)))
    return parts


def _value_and_deciding(node: exp.Expr, scope: Scope) -> Flow:
    """Return the first argument as direct input, and the others as indirect."""
    others = [
        evaluate(part, scope).as_deciding() for part in _children(node) if part is not node.this
    ]
    return merged(node.key, [evaluate(node.this, scope), *others])


def _within_group(node: exp.Expr, scope: Scope) -> Flow:
    """Return the inputs of an ordered-set aggregate.

    In `percentile_cont(0.5) within group (order by x)`, x is the value; in `listagg` it only
    decides the order.
    """
    function, order = evaluate(node.this, scope), evaluate(node.expression, scope)
    return merged("within group", [function, order.as_deciding() if function.all else order])


def _order(node: exp.Expr, scope: Scope) -> Flow:
    """Return the argument of an aggregate as direct input, and its ORDER BY as indirect."""
    order = [evaluate(item, scope) for item in node.expressions]
    if node.this is None:
        return merged("order", order)
    return merged("order", [evaluate(node.this, scope), *(flow.as_deciding() for flow in order)])


_Rule = Callable[[exp.Expr, Scope], Flow]
_RULES: tuple[tuple[Any, _Rule], ...] = (
    (exp.Column, _column),
    (exp.Literal, _literal),
    (exp.Identifier, _identifier),
    (exp.PositionalColumn, _positional),
    ((exp.Alias, exp.Paren), _inner),
    (exp.DataType, _type),
    (exp.Exists, _exists),
    (exp.Query, _subquery),
    (exp.Star, _star),
    (_COUNTS, _count),
    (exp.Is, _is),
    (exp.Window, _window),
    (exp.Filter, _value_and_deciding),
    (_ORDERED_BY, _value_and_deciding),
    (exp.WithinGroup, _within_group),
    (exp.Order, _order),
)
