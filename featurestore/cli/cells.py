"""Values as a person reads them, for the cells of tables; None is an empty cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from featurestore.values.durations import format_duration

__all__ = [
    "age_cell",
    "bytes_cell",
    "count_cell",
    "exact_cell",
    "list_cell",
    "minute_cell",
    "plain",
]


def plain(value: object) -> str:
    """Write one value.

    >>> plain(None), plain(True), plain(1.23456789), plain(datetime(2013, 1, 1, 12))
    ('', 'true', '1.23457', '2013-01-01 12:00:00')
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    return str(value)


def exact_cell(value: object) -> str:
    """Write a value so that two different values never look the same.

    >>> exact_cell(None), exact_cell(0.1 + 0.2), exact_cell("NULL")
    ('NULL', '0.30000000000000004', 'NULL')
    """
    if value is None:
        return "NULL"
    return repr(value) if isinstance(value, float | bytes) else plain(value)


def list_cell(value: object) -> str:
    """Write a list or a mapping without brackets.

    >>> list_cell({"route": ["origin", "dest"]})
    'route: origin, dest'
    """
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {list_cell(item)}" for key, item in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(list_cell, value))
    return plain(value)


def count_cell(number: int | None) -> str:
    """Write a whole number in groups of three digits.

    >>> count_cell(1234567), count_cell(None)
    ('1,234,567', '')
    """
    return "" if number is None else f"{number:,}"


def bytes_cell(count: float | None) -> str:
    """Write a number of bytes with its unit.

    >>> bytes_cell(None), bytes_cell(999), bytes_cell(1_234_567), bytes_cell(5e10)
    ('', '999 B', '1.2 MB', '50.0 GB')
    """
    if count is None:
        return ""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count:.0f} B"


def age_cell(age: timedelta | None) -> str:
    """Write an age with its two greatest units.

    >>> age_cell(timedelta(days=1, hours=2, minutes=3)), age_cell(timedelta(seconds=5.5))
    ('1 day 2 hours', '5 seconds')
    """
    if age is None:
        return ""
    return " ".join(format_duration(timedelta(seconds=int(age.total_seconds()))).split()[:4])


def minute_cell(moment: datetime | None) -> str:
    """Write a time to the minute."""
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M}"
