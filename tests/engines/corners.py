"""Corners of the semantics that random rows would seldom show, each a small case by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from tests.oracle import History
from tests.support.scenarios import Case, Scenario

_NOON = datetime(2024, 6, 1, 12)  # noqa: DTZ001, naive timestamps are a case of their own


_NO_FEATURES = ("observed_at", "loaded_at", "ends_at", "dbt_is_deleted")


def _case(
    types: dict[str, str],
    history: list[tuple[Any, ...]],
    entities: list[tuple[Any, ...]],
    keys: tuple[str, ...] = ("k0",),
    **declared: Any,
) -> Scenario:
    """Return a case from rows: the history's are keys, `observed_at` and features, in order."""
    features = tuple(name for name in types if name not in (*keys, *_NO_FEATURES))
    rows = [dict(zip(types, row, strict=True)) for row in history]
    view = History("v", rows, keys, features, **declared)
    entity_types = {key: types[key] for key in keys} | {"event_timestamp": types["observed_at"]}
    return Scenario(
        (Case(view, types, composite=True),),
        entity_types,
        [dict(zip(entity_types, row, strict=True)) for row in entities],
        "America/New_York",
    )


def _utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


_HOUR = timedelta(hours=1)
_ENDING = {"k0": "bigint", "observed_at": "timestamp", "ends_at": "timestamp", "f0": "bigint"}
_TEXT = {"k0": "bigint", "observed_at": "timestamp", "name": "varchar"}
_ZONED = {"k0": "bigint", "observed_at": "timestamptz", "f0": "bigint"}
_PAIR = {"a": "varchar", "b": "varchar", "observed_at": "timestamp", "f0": "bigint"}
_WORDS = {
    "user": "bigint",
    "observed_at": "timestamp",
    "select": "bigint",
    "Order No": "varchar",
    "date": "bigint",
    "value": "bigint",
    "at": "bigint",
    "rank": "bigint",
}

CASES = {
    "text that ties is decided by code points, not by the locale": _case(
        _TEXT,
        [(1, _NOON, "a"), (1, _NOON, "B"), (2, _NOON, "z"), (2, _NOON, "\u00e9"), (2, _NOON, "Z")],
        [(1, _NOON), (2, _NOON)],
    ),
    "keys that swap their names stay apart": _case(
        _PAIR,
        [("x", "y", _NOON, 1), ("y", "x", _NOON, 2)],
        [("x", "y", _NOON), ("y", "x", _NOON), ("x", "x", _NOON)],
        keys=("a", "b"),
        spine_keys={"a": "b", "b": "a"},
    ),
    "keys whose text would collide stay apart": _case(
        _PAIR,
        [("a", "bc", _NOON, 1), ("ab", "c", _NOON, 2)],
        [("a", "bc", _NOON), ("ab", "c", _NOON), ("abc", "", _NOON)],
        keys=("a", "b"),
    ),
    "names may be words of SQL": _case(
        _WORDS,
        [(1, _NOON, 1, "one", 2, 3, 4, 5), (2, _NOON, None, None, None, None, None, None)],
        [(1, _NOON), (2, _NOON), (3, _NOON)],
        keys=("user",),
    ),
    "the hour that comes twice is two hours": _case(
        _ZONED,
        [(1, _utc(2024, 11, 3, 5, 30), 1), (1, _utc(2024, 11, 3, 6, 30), 2)],
        [(1, _utc(2024, 11, 3, hour, minute)) for hour in (5, 6) for minute in (29, 30, 59)],
        ttl=timedelta(minutes=59),
    ),
    "a day is 24 hours when the clocks change": _case(
        _ZONED,
        [(1, _utc(2024, 3, 9, 20), 1)],
        [(1, _utc(2024, 3, 10, 20)), (1, _utc(2024, 3, 10, 20, 0, 0, 1))],
        ttl=timedelta(days=1),
    ),
    "centuries ago and ahead": _case(
        _ZONED,
        [(1, _utc(1902, 1, 1, 0, 0, 0, 7), 1), (1, _utc(2280, 1, 1, 0, 0, 0, 7), 2)],
        [(1, _utc(1902, 1, 1, 0, 0, 0, 6)), (1, _utc(2279, 1, 1)), (1, _utc(2280, 1, 1, 1))],
    ),
    "a date is its midnight": _case(
        {"k0": "bigint", "observed_at": "date", "f0": "bigint"},
        [(1, date(2024, 6, 1), 1), (1, date(2024, 6, 2), 2), (1, None, 3)],
        [(1, date(2024, 5, 31)), (1, date(2024, 6, 1)), (1, date(2024, 6, 2)), (1, None)],
        available_after=timedelta(hours=24),
    ),
    "a ttl shorter than the delay matches nothing, and its equal matches once": _case(
        {"k0": "bigint", "k1": "bigint", "observed_at": "timestamp", "f0": "bigint"},
        [(1, 1, _NOON, 1)],
        [(1, 1, _NOON + timedelta(milliseconds=step)) for step in (899, 900, 901)],
        keys=("k0", "k1"),
        ttl=timedelta(milliseconds=900),
        available_after=timedelta(milliseconds=900),
    ),
    "NaN is more than any number": _case(
        {"k0": "bigint", "observed_at": "timestamp", "f0": "double"},
        [(1, _NOON, value) for value in (1.0, float("nan"), float("inf"), None)],
        [(1, _NOON)],
    ),
    "a row that has ended brings no older one back": _case(
        {**_ENDING, "dbt_is_deleted": "varchar"},
        [
            (1, _NOON, _NOON + _HOUR, 1, "False"),
            (1, _NOON + _HOUR, _NOON + 2 * _HOUR, 2, None),
            (2, _NOON, _NOON + _HOUR, 3, "False"),
            (2, _NOON + _HOUR, None, 3, "True"),
            # The key disappeared, and came back unchanged: the row without an end wins.
            (3, _NOON, _NOON + _HOUR, 4, "False"),
            (3, _NOON, None, 4, "False"),
        ],
        [(key, _NOON + minutes * _HOUR / 60) for key in (1, 2, 3) for minutes in (29, 89, 90, 150)],
        until="ends_at",
        deleted="dbt_is_deleted",
        available_after=_HOUR / 2,
    ),
    "whichever ends first, the ttl or the validity": _case(
        _ENDING,
        [(1, _NOON, _NOON + 2 * _HOUR, 1), (2, _NOON, _NOON + _HOUR / 2, 2)],
        [(key, _NOON + minutes * _HOUR / 60) for key in (1, 2) for minutes in (29, 30, 60, 61)],
        until="ends_at",
        ttl=_HOUR,
    ),
    "a row from the first instant of all": _case(
        {"observed_at": "timestamptz", "f0": "bigint"},
        [(_utc(1970, 1, 1), 1)],
        [(_utc(1970, 1, 1),), (_utc(1970, 1, 2),), (_utc(1970, 1, 2, 0, 0, 0, 1),)],
        keys=(),
        ttl=timedelta(days=1),
    ),
}
