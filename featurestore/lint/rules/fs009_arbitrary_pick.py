"""FS009: one of several rows is picked arbitrarily."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from featurestore.lint.linted_view import LintedView
from featurestore.lint.query_blocks import Block, own_columns, own_nodes
from featurestore.lint.rule import Finding, Rule
from featurestore.lint.window_frames import full_window, window_function

__all__ = ["RULE"]

_NEEDS_ORDER = (exp.RowNumber, exp.FirstValue, exp.LastValue, exp.NthValue, exp.First, exp.Last)
_DIFFERS_BY_ROW = (*_NEEDS_ORDER, exp.Lag, exp.Lead, exp.Ntile)
_ANY = (exp.AnyValue, exp.First, exp.Last)
# Spellings of other engines, which a dialect's parser may leave as unknown functions.
_ANY_NAMES = frozenset(("any", "anylast", "arbitrary", "any_value"))


def _arbitrary_picks(view: LintedView) -> Iterator[Finding]:
    for block in view.blocks:
        select = block.select
        # DISTINCT ON keeps the first row of each key: without ORDER BY that is any row.
        if select.args.get("order") is None:
            if (limit := select.args.get("limit")) is not None:
                yield Finding(limit, "LIMIT without ORDER BY")
            if (distinct := select.args.get("distinct")) is not None and distinct.args.get("on"):
                yield Finding(distinct, "DISTINCT ON without ORDER BY")
        yield from _windows(block)
    yield from _any_values(view)


def _windows(block: Block) -> Iterator[Finding]:
    for node in _items_and_qualify(block):
        if isinstance(node, exp.Window) and isinstance(window_function(node), _NEEDS_ORDER):
            full = full_window(block, node)
            order = full.args.get("order")
            if _gives_equal_rows(block, node, full):
                continue
            if order is None:
                yield Finding(node, "the window has no ORDER BY")
            elif _is_constant(full, order):
                yield Finding(node, "all rows of the partition are equal in this order")


def _gives_equal_rows(block: Block, pick: exp.Expr, window: exp.Window) -> bool:
    """Return whether the rows of a partition are equal in everything selected beside the pick.

    It does not matter then which row is picked: the query only removes duplicates.
    """
    keys = {key.sql().lower() for key in window.args.get("partition_by") or ()}
    others = [item.unalias() for item in block.select.expressions]
    return all(_depends_on(block, item, keys) for item in others if item is not pick)


def _depends_on(block: Block, item: exp.Expr, keys: set[str]) -> bool:
    """Return whether rows with equal keys have an equal item.

    Windows over the same keys give equal values to equal rows, unless they count rows.
    """
    if isinstance(item, exp.Star):
        return False
    windows = [node for node in own_nodes(item) if isinstance(node, exp.Window)]
    if not windows:
        return all(column.sql().lower() in keys for column in own_columns(item))
    full = [full_window(block, window) for window in windows]
    parts = [p for one in full for p in (*_partition(one), one.args.get("order")) if p is not None]
    return (
        all(column.sql().lower() in keys for part in parts for column in own_columns(part))
        and not any(isinstance(window_function(window), _DIFFERS_BY_ROW) for window in windows)
        and not any(_counts_rows(one) for one in (*windows, *full))
    )


def _partition(window: exp.Window) -> list[exp.Expr]:
    return window.args.get("partition_by") or []


def _counts_rows(window: exp.Window) -> bool:
    spec = window.args.get("spec")
    return spec is not None and str(spec.args.get("kind") or "").upper() == "ROWS"


def _items_and_qualify(block: Block) -> Iterator[exp.Expr]:
    for item in block.select.expressions:
        yield from own_nodes(item)
    if (qualify := block.select.args.get("qualify")) is not None:
        yield from own_nodes(qualify)


def _is_constant(window: exp.Window, order: exp.Expr) -> bool:
    """Return whether all rows of a partition are equal in an order: by its keys or a constant."""
    keys = {key.sql().lower() for key in window.args.get("partition_by") or ()}
    return all(
        item.this.sql().lower() in keys
        or isinstance(item.this, exp.Literal | exp.Null)
        or (isinstance(item.this, exp.Subquery) and not list(item.this.find_all(exp.Table)))
        for item in order.expressions
    )


def _any_values(view: LintedView) -> Iterator[Finding]:
    for step in view.feature_steps:
        for node in step.block.nodes(step.expression):
            called = node.name.lower() if isinstance(node, exp.Anonymous) else ""
            if not isinstance(node, _ANY) and called not in _ANY_NAMES:
                continue
            parent = node.parent
            if isinstance(parent, exp.IgnoreNulls):
                parent = parent.parent
            ordered = isinstance(node.this, exp.HavingMax | exp.Order)
            if not ordered and not isinstance(parent, exp.Window):
                yield Finding(node, "it takes the value of any row")


RULE = Rule(
    code="FS009",
    name="arbitrary-pick",
    severity="warning",
    message="the query picks one of several rows, and the data does not decide which",
    remedy="Order the rows by columns that decide it.",
    description="""
Two builds of the same data may differ. The rule fires on:

- `limit` and `distinct on` without ORDER BY;
- `row_number()` and the like without an order, or in an order that is the same for all rows of the
  partition;
- `any_value` and the like.
""",
    bad="""
select customer_id, ordered_at, amount
from orders
qualify row_number() over (partition by customer_id, ordered_at order by ordered_at) = 1
""",
    good="""
select customer_id, ordered_at, amount
from orders
qualify row_number() over (partition by customer_id, ordered_at order by order_id desc) = 1
""",
    check=_arbitrary_picks,
)
