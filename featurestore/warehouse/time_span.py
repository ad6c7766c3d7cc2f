"""The time between two instants, as engines write them in their statistics."""

from __future__ import annotations

from datetime import datetime, timedelta

__all__ = ["time_span"]


def time_span(first: object, last: object) -> timedelta | None:
    """Return the time from one instant to another; None unless both are of Python's calendar.

    >>> str(time_span("2024-01-01", "2024-01-03 12:00:00"))
    '2 days, 12:00:00'
    >>> time_span("-infinity", "2024-01-03") is None
    True
    """
    try:
        return datetime.fromisoformat(str(last)) - datetime.fromisoformat(str(first))
    except (ValueError, TypeError):
        return None
