"""FS006 and FS007: rows that are stamped before their values are known."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sqlglot import exp

from featurestore.lint.linted_view import Found, Hop, LintedView, columns_with_sources
from featurestore.lint.query_blocks import Base, TraceStep, local
from featurestore.lint.rules.fs005_total_under_early_timestamp import aggregates, group_keys
from featurestore.lint.windows import is_past_window

__all__ = ["known_at_the_end", "start_of_period"]

_TRUNCATIONS = tuple(
    getattr(exp, name)
    for name in (
        "Date",
        "DateBin",
        "DateTrunc",
        "DatetimeTrunc",
        "TimeSlice",
        "TimestampTrunc",
        "ToDate",
        "TsOrDsToDate",
    )
    if hasattr(exp, name)
)
_TRUNCATION_NAMES = frozenset(
    [
        "date_bin",
        "time_bucket",
        "time_slice",
        "tostartofday",
        "tostartofhour",
        "tostartofmonth",
        "tostartofweek",
        "tostartofinterval",
        "todate",
        "to_date",
        "trunc",
    ]
)
_DATE_NAME = re.compile(r"(^|_)(date|day|dt|month|week)$")
_LATER = (exp.Add, exp.DateAdd, exp.TimestampAdd, exp.DatetimeAdd, exp.TsOrDsAdd, exp.LastDay)
_PAIRS = (
    ("start started begin began begins starts", "end ended ends stop stopped finish finished"),
    ("departure departed departs", "arrival arrived arrives landing landed"),
    ("scheduled planned", "actual arrival arrived landed"),
    ("pickup picked", "dropoff dropped"),
    ("opened", "closed resolved"),
    ("admitted admission", "discharged discharge"),
    ("ordered placed submitted requested", "delivered returned refunded completed approved"),
)
_FORESEEN = frozenset(
    ["scheduled", "planned", "expected", "estimated", "promised", "forecast", "budget"]
)
_MEASURES = frozenset(
    [
        "at",
        "ts",
        "time",
        "timestamp",
        "date",
        "delay",
        "delayed",
        "late",
        "duration",
        "seconds",
        "minutes",
        "hours",
        "status",
        "reason",
        "outcome",
        "result",
        "value",
        "amount",
        "count",
    ]
)


def start_of_period(view: LintedView) -> Iterator[Found]:
    """Yield the truncation by which values of a whole period are stamped with its start."""
    if view.view.available_after:
        return
    for path in view.paths:
        last = path[-1]
        if _is_truncated(last) and _carries_values(view, path):
            yield Found(last.expression, "the event timestamp is the period's start")


def known_at_the_end(view: LintedView) -> Iterator[Found]:
    """Yield each feature that is known only at the end of what the timestamp is the start of."""
    if view.view.available_after:
        return
    for path in view.paths:
        names = [view.event, *(hop.expression.name.lower() for hop in path)]
        starts = {word for name in names for word in name.split("_")}
        for start, end in _PAIRS:
            if not starts & set(start.split()) or starts & set(end.split()):
                continue
            for node, name in _endings(view, path, frozenset(end.split())):
                yield Found(node, f"'{view.event}' is earlier than '{name}'")


def _is_truncated(hop: Hop) -> bool:
    nodes = list(local(hop.expression))
    if any(isinstance(node, _LATER) for node in nodes):
        return False
    return any(_truncates(node) and not _is_date(hop, node) for node in nodes)


def _truncates(node: exp.Expr) -> bool:
    return (
        isinstance(node, _TRUNCATIONS)
        or (isinstance(node, exp.Anonymous) and node.name.lower() in _TRUNCATION_NAMES)
        or (isinstance(node, exp.Cast) and node.to.is_type("date"))
    )


def _is_date(hop: Hop, node: exp.Expr) -> bool:
    """Say whether a whole day is truncated to its day, which changes nothing."""
    unit = node.args.get("unit")
    if unit is not None and unit.name.upper() != "DAY":
        return False
    columns = columns_with_sources(hop.block, node)
    return not columns or any(_DATE_NAME.search(c.name.lower()) for _, c in columns)


def _carries_values(view: LintedView, path: list[Hop]) -> bool:
    """Say whether a feature comes the same way, and not from the periods before only."""
    last = path[-1]
    stamped = {c.sql().lower() for _, c in columns_with_sources(last.block, last.expression)}
    for hop, step in view.companions(path, enter=_looks_at_now):
        if not _looks_at_now(step):
            continue
        nodes = [n for n in aggregates(step.expression) if _is_own(hop, n)]
        if nodes and (hop is not last or group_keys(hop.block)):
            return True
        if hop is last and not group_keys(hop.block) and not _is_distinct(hop):
            own = {
                c.sql().lower()
                for a, c in columns_with_sources(hop.block, step.expression)
                if a == hop.alias
            }
            if own - stamped:
                return True
    return False


def _is_distinct(hop: Hop) -> bool:
    return hop.block.select.args.get("distinct") is not None


def _is_own(hop: Hop, node: exp.Expr) -> bool:
    aliases = {alias for alias, _ in columns_with_sources(hop.block, node)}
    return hop.alias in aliases if aliases else len(hop.block.sources) == 1


def _looks_at_now(step: TraceStep) -> bool:
    return not any(
        isinstance(node, exp.Window) and is_past_window(node) for node in local(step.expression)
    )


def _endings(
    view: LintedView, path: list[Hop], words: frozenset[str]
) -> Iterator[tuple[exp.Expr, str]]:
    for hop, step in view.companions(path, enter=_looks_at_now):
        if not _looks_at_now(step):
            continue
        for alias, column in columns_with_sources(hop.block, step.expression):
            origins = [origin for _, origin in hop.block.resolve(column)]
            is_base = any(isinstance(origin, Base) for origin in origins)
            if is_base and alias == hop.alias and _tells_end(column.name.lower(), words):
                yield step.expression, column.name
                break


def _tells_end(name: str, words: frozenset[str]) -> bool:
    parts = set(name.split("_"))
    return (
        bool(parts & words)
        and bool(parts & _MEASURES or len(parts) == 1)
        and not (parts & _FORESEEN)
    )
