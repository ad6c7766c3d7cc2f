"""The chart of a feature's distribution of values, as one digit per bar."""

from __future__ import annotations

import string
from collections.abc import Sequence

__all__ = ["bar_heights"]

_DIGITS = string.digits + string.ascii_lowercase


def bar_heights(bars: Sequence[float]) -> str:
    """Return the heights of bars, relative to the highest, as digits of base 36.

    Args:
        bars: The share of rows of each bar.

    >>> bar_heights([0.0, 0.1, 0.2]), bar_heights([0.0, 0.0])
    ('0iz', '00')
    """
    highest = max(bars, default=0.0) or 1.0
    return "".join(_DIGITS[round(bar / highest * (len(_DIGITS) - 1))] for bar in bars)
