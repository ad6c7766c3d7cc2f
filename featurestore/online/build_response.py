"""Build the response of an online read from the rows that Redis returned."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat
from typing import Any

from featurestore.online.published_schemas import ViewRows
from featurestore.online.read_plan import FeatureReader, ReadPlan
from featurestore.online.response import OnlineResponse, Status
from featurestore.online.row_format import HEAD, events_of

__all__ = ["build_response"]

# Looking up a member of an enum takes longer than reading a value does.
_PRESENT, _NULL = Status.PRESENT, Status.NULL
_NOT_FOUND, _EXPIRED = Status.NOT_FOUND, Status.EXPIRED

ValuesAndStatuses = tuple[list[list[Any]], list[list[Status]]]
"""The values of each feature, and their statuses; no statuses if all are PRESENT."""


def build_response(
    plan: ReadPlan, columns: dict[str, list[Any]], views: Sequence[ViewRows], now: int
) -> OnlineResponse:
    """Return the response for entity rows.

    Args:
        plan: The plan of the read.
        columns: The entity rows.
        views: The rows of each view.
        now: The moment that ttls count from, in microseconds since 1970.

    Raises:
        OnlineStoreError: A row is truncated or damaged.
    """
    values: list[list[Any]] = []
    mixed: dict[str, list[Status]] = {}
    for view in views:
        found, why = _columns(view, now)
        values += found
        if why:
            mixed |= zip(view.plan.names, why, strict=True)
    named = dict(zip(plan.names, values, strict=True))
    count = len(values[0]) if values else 0
    return OnlineResponse(columns, named, {**plan.types}, count, mixed)


def _columns(view: ViewRows, now: int) -> ValuesAndStatuses:
    """Return the columns of a view, a value for each entity row."""
    found, why = _distinct(view, now)
    places = view.asked.places
    if places is None:
        return found, why
    why = why or [[_PRESENT] * len(view.rows)] * len(found)
    return (
        [[None if place is None else column[place] for place in places] for column in found],
        [[_NOT_FOUND if place is None else column[place] for place in places] for column in why],
    )


def _distinct(view: ViewRows, now: int) -> ValuesAndStatuses:
    """Return the columns of a view, a value for each distinct key."""
    plan = view.plan
    oldest = None if plan.ttl is None else now - plan.ttl
    # The common case: every row is there, has one head and has not expired. Nothing is decided
    # row by row then.
    if view.oldest is not None and (oldest is None or view.oldest >= oldest):
        (decoder,) = view.decoders.values()
        reader = None if decoder is None else plan.reader(decoder)
        if reader is not None:
            return _read(reader, view.rows)
    return _scattered(view, oldest)


def _read(reader: FeatureReader, rows: Sequence[Any]) -> ValuesAndStatuses:
    """Read rows of one schema."""
    values, sparse = reader.reader.columns(rows)
    if not sparse and not reader.lacking:
        return values, []
    count = len(rows)
    statuses = [[_PRESENT] * count for _ in values]
    for index in sparse:
        statuses[index] = [_NULL if value is None else _PRESENT for value in values[index]]
    # After the statuses above, because `sparse` counts only the columns that were read. In
    # ascending order, so that each insertion lands at its final place.
    for index in reader.lacking:
        values.insert(index, [None] * count)
        statuses.insert(index, [_NOT_FOUND] * count)
    return values, statuses


def _scattered(view: ViewRows, oldest: int | None) -> ValuesAndStatuses:
    """Read rows that differ in schema or marks, are missing, or have expired."""
    rows, width = view.rows, len(view.plan.wanted)
    if not rows:
        return [[] for _ in range(width)], []
    # Row by row until the end: one assignment places all features of a row.
    values: list[tuple[Any, ...]] = [(None,) * width] * len(rows)
    statuses, present = [(_NOT_FOUND,) * width] * len(rows), (_PRESENT,) * width
    for reader, places in _by_reader(view):
        fresh = places if oldest is None else _fresh(rows, places, oldest)
        if len(fresh) < len(places):
            _put(statuses, places, repeat((_EXPIRED,) * width))
        if fresh:
            found, why = _read(reader, [rows[place] for place in fresh])
            _put(values, fresh, zip(*found, strict=True))
            _put(statuses, fresh, zip(*why, strict=True) if why else repeat(present))
    return _turned(values), [] if statuses.count(present) == len(rows) else _turned(statuses)


def _by_reader(view: ViewRows) -> Iterator[tuple[FeatureReader, list[int]]]:
    """Yield each reader with the places of its rows; rows of other entities have no reader."""
    heads = [row[:HEAD] if row else None for row in view.rows]
    for head, decoder in view.decoders.items():
        reader = None if decoder is None else view.plan.reader(decoder)
        if reader is not None:
            yield reader, [place for place, its in enumerate(heads) if its == head]


def _fresh(rows: Sequence[Any], places: Sequence[int], oldest: int) -> list[int]:
    """Return the places of the rows that have not expired."""
    events = events_of([rows[place] for place in places])
    return [place for place, event in zip(places, events, strict=True) if event >= oldest]


def _put(
    rows: list[tuple[Any, ...]], places: Sequence[int], parts: Iterable[tuple[Any, ...]]
) -> None:
    for place, row in zip(places, parts, strict=False):
        rows[place] = row


def _turned(rows: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """Return rows as columns."""
    return [*map(list, zip(*rows, strict=True))]
