"""How long Redis keeps a row of a view with a ttl or with an end of validity."""

from __future__ import annotations

from datetime import datetime, timedelta

from featurestore.values.epoch import EPOCH
from sync.grace import GRACE

__all__ = ["expiry_shift"]


def expiry_shift(ttl: timedelta | None, now: datetime, *, ends: bool = False) -> bytes:
    """Return the seconds that turn a row's event timestamp into its remaining time; empty: no ttl.

    The remaining time counts from the run's moment, not from the clock, so that a run can replay
    history without writing rows that expire at once.

    Args:
        ttl: The view's ttl.
        now: The run's moment.
        ends: Whether rows have an end of validity. Then the seconds that do the same to a row's end
            follow, behind a blank.
    """
    age = "" if ttl is None else _seconds(ttl + GRACE - (now - EPOCH))
    return f"{age} {_seconds(GRACE - (now - EPOCH))}".encode() if ends else age.encode()


def _seconds(length: timedelta) -> str:
    return f"{length.total_seconds():.6f}"
