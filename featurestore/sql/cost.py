"""Which shape of join suits the sizes of both sides, from the warehouse's own statistics.

An ASOF join sorts the whole history; a window only looks at the rows of the keys asked for, but at
all of them for each instant. So the window wins while fewer rows are asked for than the history has
keys: then the pairs it ranks are fewer than the rows the other sorts. benchmarks/point_in_time
measures both on each side of that line.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Sizes", "suited"]

_SMALL = 100_000


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much there is on both sides of a join; None where it is not known.

    Attributes:
        asked: Entity rows.
        history: Rows of the view.
        keys: Distinct keys of the view; of a composite key at least so many.
    """

    asked: int | None = None
    history: int | None = None
    keys: int | None = None


def suited(sizes: Sizes) -> str:
    """Return the shape of join for these sizes; empty where it makes no difference, or is unknown.

    A small history is left to the dialect's preferred shape, so that the statement does not change
    while a project is young.

    >>> suited(Sizes(asked=50_000, history=10_000_000, keys=1_000_000))
    'window'
    >>> suited(Sizes(asked=100_000, history=1_000_000, keys=50_000))
    ''
    """
    if sizes.asked is None or sizes.history is None or sizes.keys is None:
        return ""
    return "window" if sizes.history > _SMALL and sizes.asked <= sizes.keys else ""
