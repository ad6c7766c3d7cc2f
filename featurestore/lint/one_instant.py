"""Windows without an order that hold no later row: groups of one instant, and carried values."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from featurestore.lint.column_trace import origins_in, steps_behind, table_columns_behind
from featurestore.lint.event_ids import happens_at_once, is_id_of_whole, is_own_id
from featurestore.lint.linted_view import LintedView, sounds_like_time
from featurestore.lint.query_blocks import Block, TableColumn, TraceStep, own_columns, own_nodes
from featurestore.lint.time_comparisons import comparisons_in
from featurestore.lint.window_frames import full_window, window_function

__all__ = ["carries_forward", "is_of_one_instant"]

_CARRIED = (exp.Max, exp.Min, exp.AnyValue)


def is_of_one_instant(view: LintedView, block: Block, window: exp.Window) -> bool:
    """Return whether all rows of a partition have the same time."""
    return any(
        _is_instant(view, block, column) or _decides_event(view, block, column)
        for key in _partition(block, window)
        for column in own_columns(key)
    )


def _is_instant(view: LintedView, block: Block, column: exp.Column) -> bool:
    if not view.may_be_time(block, column):
        return False
    # A running number, as of sessions, is computed in the order of time and is not a time.
    return sounds_like_time(column.name) or not any(
        isinstance(node, exp.Window)
        for step in steps_behind(origins_in(block, column))
        for node in own_nodes(step.expression)
    )


def _decides_event(view: LintedView, block: Block, column: exp.Column) -> bool:
    """Return whether rows with an equal column have one event timestamp."""
    if view.is_key(block, column):
        return False
    return happens_at_once(column.name.lower()) or any(
        found.table in view.event_tables
        and (view.is_unique([found]) or is_own_id(found) or is_id_of_whole(found))
        for found in _equal_columns(view, block, column)
    )


def _equal_columns(view: LintedView, block: Block, column: exp.Column) -> Iterator[TableColumn]:
    """Yield the columns of tables that equal a column, by copies and by the equalities of joins."""
    waiting, seen = [(block, column)], set()
    for within, one in waiting:
        if id(one) in seen:
            continue
        seen.add(id(one))
        waiting += [(within, other) for other in _joined_to(view, within, one)]
        for _, origin in within.resolve(one):
            if isinstance(origin, TableColumn):
                yield origin
            elif isinstance(origin.expression, exp.Column):
                waiting.append((origin.block, origin.expression))


def _joined_to(view: LintedView, block: Block, column: exp.Column) -> Iterator[exp.Column]:
    for comparison in comparisons_in(view, block):
        if comparison.equal and len(comparison.low) == len(comparison.high) == 1:
            (_, left), (_, right) = comparison.low[0], comparison.high[0]
            if column.sql().lower() == left.sql().lower():
                yield right
            elif column.sql().lower() == right.sql().lower():
                yield left


def carries_forward(block: Block, window: exp.Window) -> bool:
    """Return whether a window gives each row the last known value of a column.

    `max(x) over (partition by id, running_group)`, where `running_group` counts the values of `x`
    so far: each group has one value, and it is that of its first row.
    """
    function = window_function(window)
    if not isinstance(function, _CARRIED):
        return False
    carried = table_columns_behind(origins_in(block, function))
    return bool(carried) and any(
        carried == _counted_columns(step)
        for key in _partition(block, window)
        for step in (TraceStep(block, key), *steps_behind(origins_in(block, key)))
    )


def _counted_columns(step: TraceStep) -> set[TableColumn]:
    """Return the columns whose values an expression counts up to the row; empty if it does not."""
    counter = step.expression
    if not isinstance(counter, exp.Window) or not full_window(step.block, counter).args.get(
        "order"
    ):
        return set()
    counted = window_function(counter)
    origins = origins_in(step.block, counted)
    steps = (TraceStep(step.block, counted.this), *steps_behind(origins))
    if isinstance(counted, exp.Count) or (
        isinstance(counted, exp.Sum) and any(_is_null_test(one.expression) for one in steps)
    ):
        return table_columns_behind(origins)
    return set()


def _is_null_test(expression: exp.Expr) -> bool:
    """Return whether an expression only asks whether a column has a value."""
    nodes = list(own_nodes(expression))
    tests = [node for node in nodes if isinstance(node, exp.Is)]
    return (
        bool(tests)
        and all(
            isinstance(test.expression, exp.Null) and isinstance(test.this, exp.Column)
            for test in tests
        )
        and not any(isinstance(node, exp.Binary) and not isinstance(node, exp.Is) for node in nodes)
    )


def _partition(block: Block, window: exp.Window) -> list[exp.Expr]:
    return full_window(block, window).args.get("partition_by") or []
