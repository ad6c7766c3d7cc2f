"""FS002: window aggregates without an order, which include later rows."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from featurestore.lint.column_trace import without_casts
from featurestore.lint.linted_view import LintedView
from featurestore.lint.one_instant import carries_forward, is_of_one_instant
from featurestore.lint.query_blocks import Block
from featurestore.lint.rule import Finding, Rule
from featurestore.lint.window_frames import full_window, window_function
from featurestore.lint.window_use import (
    FIRST_VALUES,
    LAST_VALUES,
    windows_in_use,
)

__all__ = ["RULE"]

_RANKS = (exp.RowNumber, exp.Rank, exp.DenseRank, exp.Ntile)
# FS001 judges those that look ahead, FS009 those that need an order to be decided.
_OTHER_RULES = (*_RANKS, exp.Lead, exp.Lag, *FIRST_VALUES, *LAST_VALUES)
_UNCHANGED = (exp.Min,)
"""Mostly the first time of a partition, which later rows do not change."""


def _unordered_windows(view: LintedView) -> Iterator[Finding]:
    for block, window in windows_in_use(view):
        function = window_function(window)
        full = full_window(block, window)
        if (
            isinstance(function, exp.AggFunc)
            and not isinstance(function, (*_OTHER_RULES, *_UNCHANGED))
            and full.args.get("order") is None
            and not is_of_one_instant(view, block, window)
            and not _event_is_latest(view, block, full)
            and not carries_forward(block, window)
            # A dimension has no later rows. The lint prefers silence where a table may be one.
            and view.has_events(block)
        ):
            keys = ", ".join(key.sql() for key in full.args.get("partition_by") or ())
            yield Finding(window, f"it takes all rows{f' of one {keys}' if keys else ''}")


def _event_is_latest(view: LintedView, block: Block, window: exp.Window) -> bool:
    """Return whether the event timestamp is the greatest time of the same partition."""
    keys = {key.sql() for key in window.args.get("partition_by") or ()}
    stamps = (without_casts(step.expression) for step in view.event_steps if step.block is block)
    return any(
        isinstance(stamp, exp.Window)
        and isinstance(window_function(stamp), exp.Max)
        and {key.sql() for key in stamp.args.get("partition_by") or ()} == keys
        for stamp in stamps
    )


RULE = Rule(
    code="FS002",
    name="unordered-window",
    severity="error",
    message="a window without ORDER BY mixes all rows of its partition, later ones too",
    remedy="Add ORDER BY with the event timestamp, or partition by it as well.",
    description="""
Without ORDER BY the frame is the whole partition: the first order of a customer would know how many
orders will follow.
A partition with one instant only is fine: `partition by measured_at`, the id of the row that the
event timestamp comes from, the rows of a transaction (`tx_hash`) or of a version of a feed.
Where the lint does not see that all rows of a group happen at once, add the event timestamp to the
partition.
The idiom that carries the last known value forward, `max(x) over (partition by id, running_group)`
where `running_group` counts the values of `x` so far, is fine too.
""",
    bad="""
select customer_id, ordered_at, amount / sum(amount) over (partition by customer_id) as share
from orders
""",
    good="""
select
    customer_id,
    ordered_at,
    amount / sum(amount) over (partition by customer_id order by ordered_at) as share
from orders
""",
    check=_unordered_windows,
    upstream=True,
)
