"""FS009: rows that are taken by chance."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from featurestore.lint.linted_view import Found, LintedView, named_window
from featurestore.lint.query_blocks import Block, columns_in, local
from featurestore.lint.windows import function_of

__all__ = ["arbitrary_picks"]

_ORDERED = (exp.RowNumber, exp.FirstValue, exp.LastValue, exp.NthValue, exp.First, exp.Last)
_ROW_BY_ROW = (*_ORDERED, exp.Lag, exp.Lead, exp.Ntile)
_ANY = (exp.AnyValue, exp.First, exp.Last)
_ANY_NAMES = frozenset(("any", "anylast", "arbitrary", "any_value"))


def arbitrary_picks(view: LintedView) -> Iterator[Found]:
    """Yield each place where the query takes one of several rows, and nothing says which."""
    for block in view.blocks:
        select = block.select
        if select.args.get("order") is None:
            if (limit := select.args.get("limit")) is not None:
                yield Found(limit, "LIMIT without ORDER BY")
            if (distinct := select.args.get("distinct")) is not None and distinct.args.get("on"):
                yield Found(distinct, "DISTINCT ON without ORDER BY")
        yield from _windows(block)
    yield from _any_values(view)


def _windows(block: Block) -> Iterator[Found]:
    for node in _own_nodes(block):
        if isinstance(node, exp.Window) and isinstance(function_of(node), _ORDERED):
            full = named_window(block, node) or node
            order = full.args.get("order")
            if _are_equal(block, node, full):
                continue
            if order is None:
                yield Found(node, "the window has no ORDER BY")
            elif _is_constant(full, order):
                yield Found(node, "all rows of the partition are equal in this order")


def _are_equal(block: Block, chosen: exp.Expr, window: exp.Window) -> bool:
    """Say whether the rows of a partition are equal in all that is selected beside the choice.

    Windows over the same keys and instant give equal values to equal rows, unless they count rows.
    """
    keys = {key.sql().lower() for key in window.args.get("partition_by") or ()}
    others = [item.unalias() for item in block.select.expressions]
    return all(_depends_on(block, item, keys) for item in others if item is not chosen)


def _depends_on(block: Block, item: exp.Expr, keys: set[str]) -> bool:
    if isinstance(item, exp.Star):
        return False
    windows = [node for node in local(item) if isinstance(node, exp.Window)]
    if not windows:
        return all(column.sql().lower() in keys for column in columns_in(item))
    named = [named_window(block, window) or window for window in windows]
    parts = [p for full in named for p in (*_keys(full), full.args.get("order")) if p is not None]
    return (
        all(column.sql().lower() in keys for part in parts for column in columns_in(part))
        and not any(isinstance(function_of(window), _ROW_BY_ROW) for window in windows)
        and not any(_counts_rows(full) for full in (*windows, *named))
    )


def _keys(window: exp.Window) -> list[exp.Expr]:
    return window.args.get("partition_by") or []


def _counts_rows(window: exp.Window) -> bool:
    spec = window.args.get("spec")
    return spec is not None and str(spec.args.get("kind") or "").upper() == "ROWS"


def _own_nodes(block: Block) -> Iterator[exp.Expr]:
    for item in block.select.expressions:
        yield from local(item)
    if (qualify := block.select.args.get("qualify")) is not None:
        yield from local(qualify)


def _is_constant(window: exp.Window, order: exp.Expr) -> bool:
    """Say whether the order is by what the partition holds equal, or by a constant."""
    keys = {key.sql().lower() for key in window.args.get("partition_by") or ()}
    return all(
        item.this.sql().lower() in keys
        or isinstance(item.this, exp.Literal | exp.Null)
        or (isinstance(item.this, exp.Subquery) and not list(item.this.find_all(exp.Table)))
        for item in order.expressions
    )


def _any_values(view: LintedView) -> Iterator[Found]:
    for step in view.feature_steps:
        for node in local(step.expression):
            called = node.name.lower() if isinstance(node, exp.Anonymous) else ""
            if not isinstance(node, _ANY) and called not in _ANY_NAMES:
                continue
            parent = node.parent
            if isinstance(parent, exp.IgnoreNulls):
                parent = parent.parent
            ordered = isinstance(node.this, exp.HavingMax | exp.Order)
            if not ordered and not isinstance(parent, exp.Window):
                yield Found(node, "it takes the value of any row")
