"""FS001: windows that reach rows after the row itself."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sqlglot import exp

from featurestore.lint.linted_view import LintedView
from featurestore.lint.one_instant import is_of_one_instant
from featurestore.lint.query_blocks import Block, own_columns
from featurestore.lint.rule import Finding, Rule
from featurestore.lint.window_frames import frame_sides, named_window, window_function
from featurestore.lint.window_use import (
    FIRST_VALUES,
    LAST_VALUES,
    windows_in_use,
)

__all__ = ["RULE"]

_SHARES = (exp.PercentRank, exp.CumeDist, exp.Ntile)
_POSITION = re.compile(
    r"(^|_)(stop|shape|pt|point|line|line_item|column|ordinal|slot|track|chapter)"
    r"_(sequence|seq|number|no|num|index|position|order)$|^(ordinal|position)$"
)
_RANKS = (exp.RowNumber, exp.Rank, exp.DenseRank)


def _future_windows(view: LintedView) -> Iterator[Finding]:
    for block, window in windows_in_use(view):
        if is_of_one_instant(view, block, window):
            continue
        why = _looks_ahead(view, block, window)
        # A rank that only filters picks a row, such as the newest: other rules judge that.
        if why and (_feeds_feature(view, window) or not _is_rank(window)):
            yield Finding(window, why)


def _feeds_feature(view: LintedView, window: exp.Window) -> bool:
    return any(
        node is window for step in view.feature_steps for node in step.block.nodes(step.expression)
    )


def _is_rank(window: exp.Window) -> bool:
    return isinstance(window_function(window), _RANKS)


def _looks_ahead(view: LintedView, block: Block, window: exp.Window) -> str:
    """Return how a window looks ahead; empty if it does not."""
    function = window_function(window)
    full = _with_own_frame(block, window)
    if isinstance(function, _SHARES):
        return "it counts all rows of its partition"
    order = full.args.get("order")
    # The stops of a route lie in no order of time.
    if order is not None and all(map(_is_position, order.expressions)):
        return ""
    descending = order is not None and _is_descending(view, block, order)
    if isinstance(function, exp.Lead | exp.Lag):
        ahead = isinstance(function, exp.Lead) != _is_negative(function)
        # A negative offset turns lead() into lag(), and a descending order turns it back.
        return "it takes a value of a later row" if ahead != descending else ""
    if isinstance(function, _RANKS):
        return "it counts the later rows" if descending else ""
    # FS002 judges a window without an order.
    if order is None and full.args.get("spec") is None:
        return ""
    return _frame_ahead(function, frame_sides(full), descending=descending)


def _is_position(key: exp.Expr) -> bool:
    columns = list(own_columns(key))
    return bool(columns) and all(_POSITION.search(column.name.lower()) for column in columns)


def _frame_ahead(function: exp.Expr, frame: tuple[str, str], *, descending: bool) -> str:
    future = "past" if descending else "future"
    if isinstance(function, FIRST_VALUES):
        return "it takes the value of the last row" if frame[0] == future else ""
    if isinstance(function, LAST_VALUES):
        return "it takes the value of the last row" if frame[1] == future else ""
    if future not in frame:
        return ""
    return "its frame starts at the last row" if descending else "its frame ends after the row"


def _with_own_frame(block: Block, window: exp.Window) -> exp.Window:
    """Return a window with its definition from the WINDOW clause, but its own frame."""
    named = named_window(block, window)
    if named is None:
        return window
    if window.args.get("spec") is None:
        return named
    whole = named.copy()
    whole.set("spec", window.args["spec"].copy())
    return whole


def _is_negative(function: exp.Expr) -> bool:
    return isinstance(function.args.get("offset"), exp.Neg)


def _is_descending(view: LintedView, block: Block, order: exp.Expr) -> bool:
    """Return whether rows are sorted from late to early; only an order by time can be."""
    # Only the first key decides the direction in time: the others only break ties.
    first = order.expressions[0]
    return bool(first.args.get("desc")) and any(
        view.may_be_time(block, column) for column in own_columns(first)
    )


RULE = Rule(
    code="FS001",
    name="future-window",
    severity="error",
    message="a window reaches rows that come after the row itself",
    remedy="End the frame at the current row and look back with lag().",
    description="""
The row is true from its event timestamp on, but the window holds rows that came later.
The rule fires on:

- `lead`, and `lag` and running aggregates in descending order of time;
- frames that end `FOLLOWING`;
- `last_value` over a whole frame, and `first_value` in descending order;
- `percent_rank`, `cume_dist` and `ntile`, which count all rows.

An order by a position, such as `stop_sequence` or `line_number`, has no time in it and is fine.
`lead` that only ends a validity in a join (`valid_from <= t and t < valid_to`) is fine.
""",
    bad="""
select
    customer_id,
    ordered_at,
    avg(amount) over (
        partition by customer_id order by ordered_at rows between 3 preceding and 3 following
    ) as amount_smoothed
from orders
""",
    good="""
select
    customer_id,
    ordered_at,
    avg(amount) over (
        partition by customer_id order by ordered_at rows between 6 preceding and current row
    ) as amount_smoothed
from orders
""",
    check=_future_windows,
    upstream=True,
)
