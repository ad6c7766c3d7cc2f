"""The windows of a view that matter: those that reach a feature or choose its rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sqlglot import exp

from featurestore.lint.column_trace import steps_behind
from featurestore.lint.linted_view import LintedView
from featurestore.lint.query_blocks import Block, TraceStep, own_columns, own_nodes

__all__ = ["FIRST_VALUES", "LAST_VALUES", "windows_in_use"]

FIRST_VALUES = (exp.FirstValue, exp.First)
LAST_VALUES = (exp.LastValue, exp.Last)
_INEQUALITIES = (exp.LT, exp.LTE, exp.GT, exp.GTE, exp.Between)


def windows_in_use(view: LintedView) -> Iterator[tuple[Block, exp.Window]]:
    """Yield the windows that a feature is made of, or that choose rows, each with its block."""
    seen = set()
    for step in (*view.feature_steps, *_row_filters(view)):
        for node in step.block.nodes(step.expression):
            if isinstance(node, exp.Window) and id(node) not in seen:
                seen.add(id(node))
                yield step.block, node


def _row_filters(view: LintedView) -> Iterable[TraceStep]:
    """Yield the conditions that choose rows, and the expressions behind their columns.

    A column that an inequality compares with another column is the end of a validity, not a leak:
    `valid_from <= t and t < valid_to`, where `valid_to` comes from `lead`.
    """
    for block in view.blocks:
        for clause in ("where", "qualify", "having"):
            condition = block.select.args.get(clause)
            if condition is None:
                continue
            bounds = [column for pair in _compared_columns(condition) for column in pair]
            compared = {id(column) for column in bounds}
            names = {column.sql() for column in bounds}
            yield TraceStep(block, condition.this)
            yield from steps_behind(
                origin
                for column in own_columns(condition)
                if id(column) not in compared and column.sql() not in names
                for _, origin in block.resolve(column)
            )


def _compared_columns(condition: exp.Expr) -> Iterator[list[exp.Column]]:
    for node in own_nodes(condition):
        columns = list(own_columns(node)) if isinstance(node, _INEQUALITIES) else []
        if len(columns) > 1:
            yield columns
