"""Aggregates of a block that are not window functions, and the keys that they are grouped by."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from featurestore.lint.linted_view import LintedView
from featurestore.lint.query_blocks import Block, own_columns, own_nodes

__all__ = ["aggregates", "group_keys", "is_total", "is_windowed"]


def aggregates(expression: exp.Expr) -> Iterator[exp.Expr]:
    """Yield the aggregates of an expression that are not window functions."""
    for node in own_nodes(expression):
        if isinstance(node, exp.AggFunc) and not is_windowed(node):
            yield node


def is_windowed(node: exp.Expr) -> bool:
    """Return whether a function is the function of a window."""
    parent = node.parent
    while isinstance(parent, exp.Filter | exp.IgnoreNulls | exp.RespectNulls | exp.WithinGroup):
        parent = parent.parent
    return isinstance(parent, exp.Window)


def group_keys(block: Block) -> list[exp.Expr]:
    """Return the keys of GROUP BY, with positions and GROUP BY ALL written out."""
    group, items = block.select.args.get("group"), block.select.expressions
    if group is None:
        return []
    if group.args.get("all"):
        return [item for item in items if not any(aggregates(item))]
    return [
        items[int(key.name) - 1] if isinstance(key, exp.Literal) and key.is_int else key
        for key in group.expressions
    ]


def is_total(view: LintedView, block: Block) -> bool:
    """Return whether a block aggregates over all time: it groups, but not by a time."""
    keys = block.kept(group_keys)
    if not keys and not block.kept(_has_aggregates):
        return False
    return not any(view.may_be_time(block, column) for key in keys for column in own_columns(key))


def _has_aggregates(block: Block) -> bool:
    return any(True for item in block.select.expressions for _ in aggregates(item))
