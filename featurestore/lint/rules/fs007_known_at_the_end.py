"""FS007: the event timestamp is a start time, and a feature is known at the end."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sqlglot import exp

from featurestore.lint.column_trace import columns_with_sources
from featurestore.lint.event_path import PathStep
from featurestore.lint.linted_view import LintedView
from featurestore.lint.query_blocks import TableColumn
from featurestore.lint.rule import Finding, Rule
from featurestore.lint.window_frames import is_of_current_row

__all__ = ["RULE"]

# Only words of things that happened: a `start_date` and an `end_date` are often planned together.
_PAIRS = (
    ("started began begun", "ended stopped finished"),
    ("departed", "arrived landed arrival landing"),
    ("scheduled planned", "actual arrived landed arrival landing"),
    ("pickup picked", "dropoff dropped"),
    ("opened", "closed resolved"),
    ("admitted admission", "discharged discharge"),
    ("ordered placed submitted requested", "delivered returned refunded completed approved"),
)
# In tables of these, a start and an end have happened however they are called.
_HAPPENINGS = re.compile(
    r"(^|_)(rides?|sessions?|calls?|chats?|visits?|outages?|incidents?|jobs?|runs?|stays?)(_|$)"
)
_STARTS_AND_ENDS = ("start started begin began", "end ended ends stop stopped finish finished")
# A validity, a campaign and a timetable are known before they begin.
_PLANS = re.compile(
    r"(^|_)(campaigns?|contracts?|seasons?|terms?|periods?|promotions?|promos?|calendars?"
    r"|schedules?|timetables?|gtfs|feeds?|valid|validity|effective|budgets?|billing)(_|$)"
)
_PLANNED = frozenset(
    ["scheduled", "planned", "expected", "estimated", "promised", "forecast", "budget"]
)
_NOUNS = frozenset(["arrival", "landing"])
"""A time of arrival may be planned; a delay of it is not."""
_OUTCOMES = frozenset(["actual", "delay", "delayed", "late"])
_MEASURES = frozenset(
    [
        *("at", "ts", "time", "timestamp", "date"),
        *("delay", "delayed", "late", "duration", "seconds", "minutes", "hours"),
        *("status", "reason", "outcome", "result", "value", "amount", "count"),
    ]
)


def _known_at_the_end(view: LintedView) -> Iterator[Finding]:
    if view.view.available_after:
        return
    for path in view.event_paths:
        names = [view.event, *(place.expression.name.lower() for place in path)]
        tables = {table.rpartition(".")[2] for table in view.event_tables}
        if any(_PLANS.search(name) for name in (*names, *tables)):
            continue
        words = {word for name in names for word in name.split("_")}
        happened = any(map(_HAPPENINGS.search, tables)) and "date" not in words
        for starts, ends in (_STARTS_AND_ENDS, *_PAIRS[1:]) if happened else _PAIRS:
            # A timestamp that is an end in any of its names is taken for the end.
            if not words & set(starts.split()) or words & set(ends.split()):
                continue
            for node, name in _end_columns(view, path, frozenset(ends.split())):
                yield Finding(node, f"'{view.event}' is earlier than '{name}'")


def _end_columns(
    view: LintedView, path: list[PathStep], ends: frozenset[str]
) -> Iterator[tuple[exp.Expr, str]]:
    for place, step in view.features_on(path, enter=is_of_current_row):
        if not is_of_current_row(step):
            continue
        for alias, column in columns_with_sources(place.block, step.expression):
            origins = [origin for _, origin in place.block.resolve(column)]
            is_stored = any(isinstance(origin, TableColumn) for origin in origins)
            if is_stored and alias == place.alias and _tells_end(column.name.lower(), ends):
                yield step.expression, column.name
                break


def _tells_end(name: str, ends: frozenset[str]) -> bool:
    """Return whether a column is known at the end: `arrival_delay` is, `arrival_airport` is not."""
    words = set(name.split("_"))
    if not words & (ends - _NOUNS) and not words & _OUTCOMES:
        return False
    return (
        bool(words & ends) and bool(words & _MEASURES or len(words) == 1) and not (words & _PLANNED)
    )


RULE = Rule(
    code="FS007",
    name="known-at-the-end",
    severity="warning",
    message="the event timestamp is a start time, and a feature is known only at the end",
    remedy="Take the end as event timestamp, or declare `available_after`.",
    description="""
A trip has a start and an end, and its fare is known at the end.
The rule compares names. It fires if the event timestamp names a start (`started`, `departed`,
`scheduled`, `pickup`, `opened`, `ordered`) and a column of the same row names the matching end
(`ended`, `arrived`, `dropoff`, `closed`, `delivered`).
A start and an end that are only planned are fine: of a validity, a campaign or a timetable. So
`start_date` and `end_date` count in tables of sessions, calls and the like alone.
Where the delay is fixed, `available_after` is the other remedy.
""",
    bad="""
select driver_id, started_at, date_diff('minute', started_at, ended_at) as duration
from trips
""",
    good="""
-- event_timestamp: ended_at
select driver_id, ended_at, date_diff('minute', started_at, ended_at) as duration
from trips
""",
    check=_known_at_the_end,
)
