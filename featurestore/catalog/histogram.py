"""Turn quantiles into the bars of a histogram."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

__all__ = ["BINS", "histogram", "inner_range"]

BINS = 24
"""The number of bars: each gets 4 of the chart's 96 units."""


def histogram(
    quantiles: Sequence[float], bins: int = BINS, *, few: bool = False
) -> tuple[float, ...]:
    """Return shares of rows in ranges of equal width, from evenly spaced quantiles.

    The outermost quantiles are left out, because one outlier would flatten all other bars.

    Args:
        quantiles: The quantiles, in order.
        bins: The number of ranges.
        few: Whether the values are so few that none lies between two quantiles.

    >>> histogram([0, 1, 2, 3, 4], bins=2)
    (0.5, 0.5)
    >>> histogram([7, 7, 7])
    (1.0,)
    """
    if len(quantiles) < 2:  # noqa: PLR2004, a range has two ends
        return (1.0,) if quantiles else ()
    low, high = inner_range(quantiles)
    if low >= high:
        return (1.0,)
    shares = [0.0] * bins
    width = (high - low) / bins
    for first, last in pairwise(quantiles):
        places = (first - low) / width, (last - low) / width
        for start, stop in zip(places, places, strict=True) if few else (places,):
            _spread(shares, start, stop)
    total = sum(shares) or 1.0
    return tuple(round(share / total, 4) for share in shares)


def inner_range(quantiles: Sequence[float]) -> tuple[float, float]:
    """Return the ends of the bars: the quantiles next to the outermost ones, if they differ."""
    low, high = quantiles[min(1, len(quantiles) - 1)], quantiles[max(-2, -len(quantiles))]
    return (low, high) if low < high else (quantiles[0], quantiles[-1])


def _spread(shares: list[float], first: float, last: float) -> None:
    """Add one share of rows, evenly between two places; the unit of a place is one bar."""
    if first == last:
        if 0 <= first <= len(shares):
            shares[min(int(first), len(shares) - 1)] += 1
        return
    for number in range(len(shares)):
        overlap = min(last, number + 1) - max(first, number)
        shares[number] += max(overlap, 0.0) / (last - first)
