"""The cheapest join shape for the sizes of both sides, from the warehouse's own statistics.

An ASOF join sorts the whole history. A window reads only the rows of the requested keys, but all of
them for each instant, and ranks those that are neither too new nor too old. So the window wins if
there are few entity rows, or if the ttl leaves few rows to rank.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

__all__ = ["SMALL", "Sizes", "cheapest_shape"]

SMALL = 100_000
"""The rows of a history up to which both shapes take about the same time."""

# The unit is the time in which an ASOF join sorts one row of the history. Measured with
# benchmarks/point_in_time on DuckDB, with sizes on both sides of the break-even point.
# A pair is a requested instant and a row of its key. The window form reads every pair, and
# ranks those between the ttl and the instant.
_PAIR_SEEN = 0.2
_PAIR_RANKED = 2.0
_ENTITY_ROW_SORTED = 3.0


@dataclass(frozen=True, slots=True)
class Sizes:
    """The sizes of both sides of a join; None if unknown.

    Attributes:
        asked: The number of entity rows.
        history: The number of rows of the view.
        keys: The number of distinct keys of the view; a lower bound for a composite key.
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
        # A random instant has half of the history before it.
        earlier = 0.5
        if self.ttl is None or not self.span:
            return earlier
        return min(earlier, self.ttl / self.span)


def cheapest_shape(sizes: Sizes) -> str:
    """Return the name of the cheapest strategy; empty if it is unknown or makes no difference.

    A small history keeps the dialect's preferred shape, so that the statements of a young project
    do not change from run to run.

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
    # Statistics give means only: each requested key is taken to have history / keys rows.
    pairs = sizes.asked * sizes.history / sizes.keys
    window = _PAIR_SEEN * pairs + _PAIR_RANKED * pairs * sizes.share_ranked
    asof = sizes.history + _ENTITY_ROW_SORTED * sizes.asked
    # Empty, not "asof": the dialect's preferred shape may have another name.
    return "window" if window < asof else ""
