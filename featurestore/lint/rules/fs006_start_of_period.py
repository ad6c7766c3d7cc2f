"""FS006: values stamped with the start of their period."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sqlglot import exp

from featurestore.lint.aggregates import aggregates, group_keys
from featurestore.lint.column_trace import columns_with_sources
from featurestore.lint.event_path import PathStep
from featurestore.lint.linted_view import LintedView
from featurestore.lint.query_blocks import own_nodes
from featurestore.lint.rule import Finding, Rule
from featurestore.lint.time_columns import truncates
from featurestore.lint.window_frames import is_of_current_row

__all__ = ["RULE"]

_DATE_NAME = re.compile(r"(^|_)(date|day|dt|month|week)$")
_LATER = (exp.Add, exp.DateAdd, exp.TimestampAdd, exp.DatetimeAdd, exp.TsOrDsAdd, exp.LastDay)


def _starts_of_periods(view: LintedView) -> Iterator[Finding]:
    # It moves the rows later, and the lint does not compare its length with the period's.
    if view.view.available_after:
        return
    for path in view.event_paths:
        last = path[-1]
        if _is_truncated(last) and _carries_values(view, path):
            yield Finding(last.expression, _period_of(last))


def _period_of(place: PathStep) -> str:
    if group_keys(place.block):
        return "the row is the total of a period, which is known at its end"
    return "the row's own time is cut to the start of its period, so it says less than it knows"


def _is_truncated(place: PathStep) -> bool:
    nodes = list(own_nodes(place.expression))
    # Any addition counts as the period's length, for the same reason.
    if any(isinstance(node, _LATER) for node in nodes):
        return False
    return any(truncates(node) and not _is_date_already(place, node) for node in nodes)


def _is_date_already(place: PathStep, node: exp.Expr) -> bool:
    """Return whether a date is truncated to its day, which changes nothing."""
    unit = node.args.get("unit")
    if unit is not None and unit.name.upper() != "DAY":
        return False
    columns = columns_with_sources(place.block, node)
    return not columns or any(_DATE_NAME.search(c.name.lower()) for _, c in columns)


def _carries_values(view: LintedView, path: list[PathStep]) -> bool:
    """Return whether a feature of the same rows looks into the period itself."""
    last = path[-1]
    stamped = {c.sql().lower() for _, c in columns_with_sources(last.block, last.expression)}
    for place, step in view.features_on(path, enter=is_of_current_row):
        if not is_of_current_row(step):
            continue
        nodes = [n for n in aggregates(step.expression) if _is_own(place, n)]
        if nodes and (place is not last or group_keys(place.block)):
            return True
        if place is last and not group_keys(place.block) and not _is_distinct(place):
            own = {
                column.sql().lower()
                for alias, column in columns_with_sources(place.block, step.expression)
                if alias == place.alias
            }
            # The stamp's own column is harmless: any other column is a value of the period.
            if own - stamped:
                return True
    return False


def _is_distinct(place: PathStep) -> bool:
    return place.block.select.args.get("distinct") is not None


def _is_own(place: PathStep, node: exp.Expr) -> bool:
    """Return whether an aggregate is over the source that gives the event timestamp."""
    aliases = {alias for alias, _ in columns_with_sources(place.block, node)}
    return place.alias in aliases if aliases else len(place.block.sources) == 1


RULE = Rule(
    code="FS006",
    name="start-of-period",
    severity="error",
    message="the event timestamp is the start of a period, before the values are known",
    remedy="Take the time that is not cut, add the period's length, or declare `available_after`.",
    description="""
`date_trunc('day', ordered_at)` is midnight, but the sum of the day is known a day later.
Add the period's length, or declare `available_after: 1 day`, which means the same.
A single row that is cut to its day, as in `cast(ordered_at as date)`, is early by up to a day: take
`ordered_at` itself.
""",
    bad="""
-- event_timestamp: day
select customer_id, date_trunc('day', ordered_at) as day, sum(amount) as amount
from orders
group by 1, 2
""",
    good="""
-- event_timestamp: as_of
select customer_id, date_trunc('day', ordered_at) + interval '1 day' as as_of, sum(amount) as amount
from orders
group by 1, 2
""",
    check=_starts_of_periods,
    upstream=True,
)
