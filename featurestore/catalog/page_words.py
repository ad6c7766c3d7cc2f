"""Write ages, shares and ids for the catalog's page."""

from __future__ import annotations

from datetime import datetime

from featurestore.registry.definitions import Freshness

__all__ = ["age_text", "freshness_text", "percent", "slug"]

_AGES = ((31_557_600, "year"), (86_400, "day"), (3_600, "hour"), (60, "minute"))


def freshness_text(limits: Freshness, newest: datetime | str | None, now: datetime) -> str:
    """Return whether a view's newest event is within the view's limits.

    >>> from datetime import UTC, timedelta
    >>> limits = Freshness(warn_after=timedelta(hours=1), error_after=timedelta(hours=6))
    >>> newest = datetime(2024, 3, 1, 12, tzinfo=UTC)
    >>> [freshness_text(limits, newest, newest + timedelta(hours=h)) for h in (1, 2, 7)]
    ['fresh', 'late', 'stale']
    """
    if newest is None or isinstance(newest, str):
        return "unknown"
    if limits == Freshness():
        return "no limit"
    age = now - newest
    if limits.error_after is not None and age > limits.error_after:
        return "stale"
    return "late" if limits.warn_after is not None and age > limits.warn_after else "fresh"


def age_text(newest: datetime | str | None, now: datetime) -> str:
    """Return an age in its greatest unit; an instant that Python cannot hold is its own text.

    >>> from datetime import UTC
    >>> now = datetime(2024, 3, 1, tzinfo=UTC)
    >>> age_text(datetime(2024, 2, 27, tzinfo=UTC), now), age_text(now, now)
    ('3 days ago', 'just now')
    """
    if newest is None or isinstance(newest, str):
        return newest or ""
    seconds = (now - newest).total_seconds()
    for size, unit in _AGES:
        if seconds >= size:
            count = int(seconds // size)
            return f"{count:,} {unit}{'' if count == 1 else 's'} ago"
    return "just now" if seconds >= 0 else "in the future"


def percent(share: float) -> str:
    """Return a share as text; a small share never becomes 0%.

    >>> percent(0.0), percent(0.00004), percent(0.1437), percent(0.9999), percent(1.0)
    ('0%', '<0.1%', '14.4%', '>99.9%', '100%')
    """
    if share in (0.0, 1.0):
        return f"{share:.0%}"
    if share < 0.001:  # noqa: PLR2004, the smallest share of one decimal
        return "<0.1%"
    return ">99.9%" if share > 0.999 else f"{share:.1%}"  # noqa: PLR2004, likewise


def slug(text: str) -> str:
    """Return a text as part of an HTML element's id.

    >>> slug("plane features:seats")
    'plane-20features-3aseats'
    """
    return "".join(c if c.isalnum() or c == "_" else f"-{ord(c):x}" for c in text)
