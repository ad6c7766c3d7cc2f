"""The oracle: the point-in-time join in plain loops, written from the semantics, not from the code.

It uses no SQL. A row is a mapping, and NULL is None. A timestamp without a zone is in UTC, and a
date is its midnight in UTC.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from featurestore.sql.latest_rows import VALID_UNTIL

Row = Mapping[str, Any]


@dataclass(frozen=True)
class History:
    """The rows of a feature view, with its declarations.

    Attributes:
        keys: The names of the join keys.
        features: All features of the view, in the order that decides full ties.
        until: The column with the end of a row's validity; NULL means no end.
        deleted: The column that is 'True' in a row that records a deletion.
        spine_keys: The names of the keys in the entity rows, where they differ.
        defaults: The value that a feature has in place of NULL.
    """

    name: str
    rows: Sequence[Row]
    keys: tuple[str, ...]
    features: tuple[str, ...]
    event: str = "observed_at"
    created: str | None = None
    until: str | None = None
    deleted: str | None = None
    ttl: timedelta | None = None
    available_after: timedelta = timedelta()
    spine_keys: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)


def in_utc(value: date | datetime | None) -> datetime | None:
    """Return the instant of a timestamp or a date."""
    if value is None:
        return None
    if not isinstance(value, datetime):
        return datetime.combine(value, time(), UTC)
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def training_set(
    entity_rows: Iterable[Row],
    views: Sequence[History],
    *,
    at: str = "event_timestamp",
    as_known: bool = False,
    timestamps: bool = False,
) -> list[dict[str, Any]]:
    """Return one row per entity row: its own columns, then `view__feature` of each view."""
    result = []
    for entity in entity_rows:
        row = dict(entity)
        for view in views:
            key = tuple(entity[view.spine_keys.get(name, name)] for name in view.keys)
            found = newest(view, key, in_utc(entity[at]), as_known=as_known) or {}
            row |= {f"{view.name}__{name}": _value(view, found, name) for name in view.features}
            if timestamps:
                row[f"{view.name}__event_timestamp"] = found.get(view.event)
        result.append(row)
    return result


def _value(view: History, row: Row, name: str) -> Any:
    return view.defaults.get(name) if row.get(name) is None else row[name]


def latest(view: History, now: datetime) -> list[Row]:
    """Return the winning row of each entity at one moment, as it is published.

    It has no mark of deletions, and its end is the instant from which it does not count any more.
    """
    keys = {tuple(row[name] for name in view.keys) for row in view.rows}
    found = [newest(view, key, in_utc(now)) for key in keys]
    return [_published(view, row) for row in found if row is not None]


def _published(view: History, row: Row) -> Row:
    kept = {name: row[name] for name in row if name not in (view.until, view.deleted)}
    if view.until is None:
        return kept
    end = in_utc(row[view.until])
    known = None if end is None else (end + view.available_after).replace(tzinfo=None)
    return {**kept, VALID_UNTIL: known}


def newest(
    view: History, key: tuple[Any, ...], moment: datetime | None, *, as_known: bool = False
) -> Row | None:
    """Return the newest row of one entity that was known at a moment and has not ended, or None."""
    best: Row | None = None
    for row in view.rows:
        if not _counts(view, row, key, moment, as_known=as_known):
            continue
        if best is None or _strength(view, row) > _strength(view, best):
            best = row
    return None if best is None or _is_over(view, best, moment) else best


def _is_over(view: History, row: Row, moment: datetime | None) -> bool:
    """Return whether the chosen row has ended, or records a deletion."""
    if view.deleted and row[view.deleted] == "True":
        return True
    end = in_utc(row[view.until]) if view.until else None
    return end is not None and moment is not None and moment >= end + view.available_after


def _counts(
    view: History, row: Row, key: tuple[Any, ...], moment: datetime | None, *, as_known: bool
) -> bool:
    event = in_utc(row[view.event])
    if event is None or moment is None:
        return False
    for name, wanted in zip(view.keys, key, strict=True):
        if wanted is None or row[name] is None or row[name] != wanted:
            return False
    if event + view.available_after > moment:
        return False
    if view.ttl is not None and moment - event > view.ttl:
        return False
    written = in_utc(row[view.created]) if view.created else None
    return not (as_known and written is not None and written > moment)


def _strength(view: History, row: Row) -> list[tuple[Any, ...]]:
    """Return the sort key of a row: the greatest wins, and NULL is less than every value."""
    times = [in_utc(row[view.event]), in_utc(row[view.created]) if view.created else None]
    end = in_utc(row[view.until]) if view.until else None
    # A row without an end outlives every other one.
    endless = (1, datetime.max.replace(tzinfo=UTC)) if end is None else (1, end)
    mark = [row[view.deleted]] if view.deleted else []
    others = (*mark, *(row[name] for name in view.features))
    return [*map(_rank, times), endless, *map(_rank, others)]


def _rank(value: Any) -> tuple[Any, ...]:
    if value is None:
        return (0,)
    if isinstance(value, float) and math.isnan(value):
        return (2,)
    return (1, value)


def comparable(value: Any) -> Any:
    """Return a value with its type, in a form where NaN equals itself and zones are UTC."""
    if isinstance(value, float) and math.isnan(value):
        return (float, "NaN")
    if isinstance(value, datetime):
        return (datetime, value.tzinfo is None, str(in_utc(value)))
    return (type(value), value)


def same_rows(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Return rows in a form that `==` compares exactly."""
    return [{name: comparable(value) for name, value in row.items()} for row in rows]


def unordered(rows: Iterable[Row]) -> list[str]:
    """Return rows in a form that `==` compares exactly, ignoring their order."""
    return sorted(str(sorted(row.items())) for row in same_rows(rows))
