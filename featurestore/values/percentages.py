"""Percentages as people write them in yml: `50%`."""

from __future__ import annotations

import re

__all__ = ["format_percentage", "parse_percentage"]

_PERCENTAGE = re.compile(r"(\d+(?:\.\d+)?)\s*%")


def parse_percentage(value: object) -> float:
    """Return the share, from 0 to 1, that a percentage describes.

    Raises:
        ValueError: The value is not a percentage from 0% to 100%.

    >>> parse_percentage("12.5 %")
    0.125
    """
    found = _PERCENTAGE.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None or float(found[1]) > 100:  # noqa: PLR2004, per cent
        raise ValueError(f"{value!r} is not a percentage from 0% to 100%; write it as '50%'")
    return float(found[1]) / 100


def format_percentage(share: float) -> str:
    """Return a share as a percentage.

    >>> format_percentage(0.5), format_percentage(0.125)
    ('50%', '12.5%')
    """
    return f"{share * 100:.10g}%"
