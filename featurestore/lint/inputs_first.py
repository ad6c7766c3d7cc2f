"""A walk through a graph that reaches each place after its inputs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import TypeVar

__all__ = ["inputs_first"]

_Place = TypeVar("_Place")


def inputs_first(
    start: _Place, inputs: Callable[[_Place], Iterable[_Place]], known: Collection[_Place]
) -> Iterator[_Place]:
    """Yield the places behind one, each once and after its inputs; the start comes last.

    Args:
        start: The place whose inputs are wanted.
        inputs: Returns the inputs of a place.
        known: The places that need no visit; it may grow during the walk.

    >>> list(inputs_first("c", {"c": "ab", "b": "a", "a": ""}.get, ()))
    ['a', 'b', 'c']
    """
    waiting, opened, done = [start], set[_Place](), set[_Place]()
    # An explicit stack: chains of models can be longer than Python's recursion limit.
    while waiting:
        place = waiting[-1]
        if place in done or place in known:
            waiting.pop()
        elif place in opened:
            done.add(place)
            yield waiting.pop()
        else:
            opened.add(place)
            # A circle leads back to an opened place, which gets its turn later.
            waiting += [one for one in inputs(place) if one not in opened]
