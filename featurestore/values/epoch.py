"""Instants as microseconds since 1970, UTC: the numbers of the online format."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

__all__ = ["EPOCH", "MICROSECOND", "micros_since_1970"]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def micros_since_1970(moment: datetime) -> int:
    """Return the microseconds from 1970 to an instant with a zone.

    >>> micros_since_1970(datetime(1970, 1, 1, 0, 0, 1, 5, tzinfo=UTC))
    1000005
    """
    return (moment - EPOCH) // MICROSECOND
