"""The cheapest join shape for the sizes of both sides, from the warehouse's own statistics.

An ASOF join and a union sort the whole history. A window reads only the rows of the requested keys,
but all of them for each instant, and ranks those that are neither too new nor too old. So the
window wins if there are few entity rows, or if the ttl leaves few rows to rank. LATERAL finds each
row through an index, so it wins unless there are about as many entity rows as rows of the history.
The interval form compares each entity row with all rows of its key, without a rank: on an engine
that joins such pairs fast, it wins if keys have few rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

from featurestore.sql.dialects.record import Rates

__all__ = ["SMALL", "Sizes", "cheapest_shape"]

SMALL = 100_000
"""The rows of a history up to which all shapes take about the same time."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """The sizes of both sides of a join; None if unknown.

    Attributes:
        asked: The number of entity rows.
        history: The number of rows of the view.
        keys: The number of distinct keys of the view; a lower bound for a composite key.
        span: The time from the view's first event to its last.
        ttl: The view's ttl.
        indexed: Whether an index of the view begins with the join keys and the event timestamp.
    """

    asked: int | None = None
    history: int | None = None
    keys: int | None = None
    span: timedelta | None = None
    ttl: timedelta | None = None
    indexed: bool = False

    @property
    def share_ranked(self) -> float:
        """The share of a key's rows that are neither too new nor too old, on average."""
        # A random instant has half of the history before it.
        earlier = 0.5
        if self.ttl is None or not self.span:
            return earlier
        return min(earlier, self.ttl / self.span)


def cheapest_shape(sizes: Sizes, rates: Rates | None) -> str:
    """Return the name of the cheapest strategy; empty for the dialect's preferred one.

    A small history keeps the dialect's preferred shape, so that the statements of a young project
    do not change from run to run. An index is a decision of the project, so it counts from the
    first row on.

    >>> rates = Rates(asked=3.0, pair_seen=0.2, pair_ranked=2.0)
    >>> cheapest_shape(Sizes(asked=50_000, history=10_000_000, keys=1_000_000), rates)
    'window'
    >>> cheapest_shape(Sizes(asked=100_000, history=1_000_000, keys=50_000), rates)
    ''
    >>> days = timedelta(days=1)
    >>> cheapest_shape(Sizes(100_000, 1_000_000, 50_000, span=365 * days, ttl=30 * days), rates)
    'window'
    """
    if rates is None:
        return ""
    sizes = replace(sizes, indexed=sizes.indexed and rates.looked_up is not None)
    if sizes.asked is None or sizes.history is None:
        return "lateral" if sizes.indexed else ""
    if sizes.history <= SMALL and not sizes.indexed:
        return ""
    costs = dict(_costs(sizes.asked, sizes.history, sizes, rates))
    return min(costs, key=lambda shape: costs[shape])


def _costs(asked: int, history: int, sizes: Sizes, rates: Rates) -> Iterator[tuple[str, float]]:
    """Yield the cost of each shape; the preferred one first, by an empty name."""
    row = rates.sorted_by_index if sizes.indexed else 1.0
    yield "", row * history + rates.asked * asked
    if sizes.indexed and rates.looked_up is not None:
        yield "lateral", rates.looked_up * asked
    elif sizes.keys:
        # Statistics give means only: each requested key is taken to have history / keys rows.
        pairs = asked * history / sizes.keys
        ranked = rates.pair_ranked * sizes.share_ranked
        scanned = rates.scanned * history + rates.ranked_for * asked
        yield "window", scanned + (rates.pair_seen + ranked) * pairs
        if rates.replaced is not None:
            periods = rates.replaced * history + rates.covered * asked
            yield "interval", periods + rates.pair_covered * pairs
