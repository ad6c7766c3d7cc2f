"""Which shape of join suits the sizes of both sides, from the warehouse's own statistics.

An ASOF join sorts the whole history. A window looks at the rows of the keys asked for alone, but at
all of them for each instant, and ranks those that are neither too new nor too old. So the window
wins where few rows are asked for, or where the ttl leaves few to rank.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

__all__ = ["SMALL", "Sizes", "cheapest_shape"]

SMALL = 100_000
"""The rows of a history up to which it makes no difference."""

# In units of one row of the history that an ASOF join sorts, as DuckDB measured on both sides of
# the line: benchmarks/point_in_time.
_PAIR_SEEN = 0.2
_PAIR_RANKED = 2.0
_ENTITY_ROW_SORTED = 3.0


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much there is on both sides of a join; None where it is not known.

    Attributes:
        asked: Entity rows.
        history: Rows of the view.
        keys: Distinct keys of the view; of a composite key at least so many.
        span: The time from the view's first event to its last.
        ttl: The view's ttl.
    """

    asked: int | None = None
    history: int | None = None
    keys: int | None = None
    span: timedelta | None = None
    ttl: timedelta | None = None

    @property
    def share_ranked(self) -> float:
        """The share of a key's rows that are neither too new nor too old, on average."""
        earlier = 0.5
        if self.ttl is None or not self.span:
            return earlier
        return min(earlier, self.ttl / self.span)


def cheapest_shape(sizes: Sizes) -> str:
    """Return the shape of join for these sizes; empty where it makes no difference, or is unknown.

    A small history is left to the dialect's preferred shape, so that the statement does not change
    while a project is young.

    >>> cheapest_shape(Sizes(asked=50_000, history=10_000_000, keys=1_000_000))
    'window'
    >>> cheapest_shape(Sizes(asked=100_000, history=1_000_000, keys=50_000))
    ''
    >>> days = timedelta(days=1)
    >>> cheapest_shape(Sizes(100_000, 1_000_000, 50_000, span=365 * days, ttl=30 * days))
    'window'
    """
    if not (sizes.asked is not None and sizes.history and sizes.keys) or sizes.history <= SMALL:
        return ""
    pairs = sizes.asked * sizes.history / sizes.keys
    window = _PAIR_SEEN * pairs + _PAIR_RANKED * pairs * sizes.share_ranked
    asof = sizes.history + _ENTITY_ROW_SORTED * sizes.asked
    return "window" if window < asof else ""
