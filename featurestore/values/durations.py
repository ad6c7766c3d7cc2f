"""Durations as people write them in yml: `30 days`, or dbt's own `{count: 30, period: day}`."""

from __future__ import annotations

import re
from datetime import timedelta

__all__ = ["format_duration", "parse_duration"]

_UNITS = {
    "week": timedelta(weeks=1),
    "day": timedelta(days=1),
    "hour": timedelta(hours=1),
    "minute": timedelta(minutes=1),
    "second": timedelta(seconds=1),
    "millisecond": timedelta(milliseconds=1),
    "microsecond": timedelta(microseconds=1),
}
_ALIASES = {
    **{unit: unit for unit in _UNITS},
    **{f"{unit}s": unit for unit in _UNITS},
    "w": "week",
    "d": "day",
    "h": "hour",
    "hr": "hour",
    "hrs": "hour",
    "min": "minute",
    "mins": "minute",
    "s": "second",
    "sec": "second",
    "secs": "second",
    "ms": "millisecond",
    "us": "microsecond",
}
_PART = re.compile(r"(\d+)\s*([a-z]+)")
_LONGEST = timedelta(days=365_250)
"""A thousand years: warehouses fail where an instant minus a duration leaves their calendar."""
_CALENDAR = ("month", "quarter", "year")


def parse_duration(value: object) -> timedelta:
    """Return the duration that a text or mapping describes; its length must be fixed.

    Args:
        value: Text such as `30 days` or `1 hour 30 minutes`, or dbt's own mapping of `count` and
            `period`.

    Returns:
        The duration, never negative.

    Raises:
        ValueError: The value has no unit, an unknown one, or one without a fixed length.

    >>> parse_duration("1 hour 30 minutes")
    datetime.timedelta(seconds=5400)
    >>> parse_duration({"count": 3, "period": "day"})
    datetime.timedelta(days=3)
    """
    if isinstance(value, dict) and set(value) == {"count", "period"}:
        value = f"{value['count']} {value['period']}"
    if not isinstance(value, str):
        raise ValueError(f"{value!r} has no unit; write it as '30 days' or '3 hours'")
    text = value.lower().replace(",", " ").replace("_", "").strip()
    parts = _PART.findall(text)
    if not parts or _PART.sub("", text).strip():
        raise ValueError(f"{value!r} is not a duration; write it as '30 days' or '3 hours'")
    try:
        return _bounded(sum((_amount(count, unit, value) for count, unit in parts), timedelta()))
    except OverflowError:
        raise ValueError(f"{value!r} is longer than {_LONGEST.days:,} days") from None


def _bounded(duration: timedelta) -> timedelta:
    if duration > _LONGEST:
        raise OverflowError
    return duration


def _amount(count: str, unit: str, value: str) -> timedelta:
    if unit.rstrip("s") in _CALENDAR:
        raise ValueError(f"{value!r}: a {unit.rstrip('s')} has no fixed length; give it in days")
    if unit not in _ALIASES:
        known = ", ".join(f"{name}s" for name in _UNITS)
        raise ValueError(f"{value!r}: unknown unit '{unit}'; known are {known}")
    return int(count) * _UNITS[_ALIASES[unit]]


def format_duration(duration: timedelta) -> str:
    """Return the text of a duration, as `parse_duration` reads it.

    >>> format_duration(timedelta(hours=1, minutes=30))
    '1 hour 30 minutes'
    >>> format_duration(timedelta())
    '0 minutes'
    """
    rest = duration
    parts = []
    for name, length in _UNITS.items():
        if name == "week":
            continue
        count, rest = divmod(rest, length)
        if count:
            parts.append(f"{count} {name}{'' if count == 1 else 's'}")
    return " ".join(parts) or "0 minutes"
