"""The chart of a feature's distribution of values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from featurestore.values.types import DataType, Kind

if TYPE_CHECKING:
    from markupsafe import Markup

__all__ = ["sparkline"]

_WIDTH, _HEIGHT, _GAP = 96, 24, 1


def sparkline(bars: Sequence[float], data_type: DataType | None) -> Markup:
    """Return a bar chart of shares of rows; for a boolean, one bar in two parts.

    Args:
        bars: The shares.
        data_type: The type of the values.

    Returns:
        An `<svg>` element; empty without bars.
    """
    from markupsafe import Markup

    if not bars:
        return Markup()
    boolean = data_type is not None and data_type.kind is Kind.BOOLEAN
    drawn = _parts(bars) if boolean else _columns(bars)
    said = f"true in {bars[-1]:.0%} of rows" if boolean else "distribution of the values"
    return Markup(
        '<svg class="spark" role="img" viewBox="0 0 {} {}" preserveAspectRatio="none">'
        "<title>{}</title>{}</svg>"
    ).format(_WIDTH, _HEIGHT, said, Markup(drawn))  # noqa: S704, only numbers


def _columns(bars: Sequence[float]) -> str:
    width, highest = _WIDTH / len(bars), max(bars)
    heights = [max(bar / highest * _HEIGHT, 0.6) if highest else 0.6 for bar in bars]
    return "".join(
        f'<rect x="{number * width:.1f}" y="{_HEIGHT - height:.1f}"'
        f' width="{max(width - _GAP, 1):.1f}" height="{height:.1f}"/>'
        for number, height in enumerate(heights)
    )


def _parts(bars: Sequence[float]) -> str:
    true = bars[-1] * _WIDTH
    y, height = _HEIGHT / 4, _HEIGHT / 2
    return (
        f'<rect x="0" y="{y:g}" width="{true:.1f}" height="{height:g}"/>'
        f'<rect class="rest" x="{true:.1f}" y="{y:g}" width="{_WIDTH - true:.1f}"'
        f' height="{height:g}"/>'
    )
