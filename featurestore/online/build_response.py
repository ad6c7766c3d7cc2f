"""Build the response of an online read from the rows that Redis returned."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from itertools import repeat
from typing import Any

from featurestore.errors import OnlineStoreError
from featurestore.online.default_values import with_defaults
from featurestore.online.packed_columns import PackedColumn, PackedValues
from featurestore.online.published_schemas import ViewRows
from featurestore.online.read_plan import FeatureReader, ReadPlan
from featurestore.online.request_plan import Answer
from featurestore.online.response import OnlineResponse, Status
from featurestore.online.row_format import HEAD, ends_of, events_of
from featurestore.values.epoch import EPOCH, MICROSECOND

__all__ = ["build_response"]

# Looking up a member of an enum takes longer than reading a value does.
_PRESENT, _NULL = Status.PRESENT, Status.NULL
_NOT_FOUND, _EXPIRED, _DAMAGED = Status.NOT_FOUND, Status.EXPIRED, Status.DAMAGED
_FOUND = (_PRESENT, _NULL)
_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)

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
        now: The moment that ttls and ends of validity count from, in microseconds since 1970.
    """
    # An expression takes values, not packed columns.
    if plan.at_request is None and (packed := _all_packed(views, now)) is not None:
        count = len(views[0].rows)
        types = {**plan.types}
        return OnlineResponse(columns, packed, types, count, {}, explained=plan.explained)
    values: list[list[Any]] = []
    mixed: dict[str, list[Status]] = {}
    reasons: dict[str, list[str | None]] = {}
    results: dict[str, list[Any]] = {}
    timed = bool(views and views[0].plan.timestamp)
    damaged = unchecked = 0
    for view in views:
        found, why = _distinct(view, now)
        times = _timestamps(view, why) if timed else []
        unchecked += view.unchecked
        # A damaged row is so for all features of its view.
        damaged += why[0].count(_DAMAGED) if why else 0
        found, why = _columns(view, found, why)
        if why and view.plan.defaults:
            found, why, filled = with_defaults(view.plan.defaults, found, why)
            reasons |= {view.plan.names[place]: texts for place, texts in filled.items()}
        values += found
        if why:
            mixed |= zip(view.plan.names, why, strict=True)
        if timed:
            results |= {
                **dict(zip(view.plan.names, found, strict=True)),
                view.plan.timestamp: times,
            }
    named = dict(zip(plan.names, values, strict=True))
    count = len(values[0]) if values else 0
    if plan.at_request is not None:
        plan.at_request.extend(columns, Answer(named, mixed, reasons), count)
        results |= {name: named[name] for name in plan.at_request.types}
    return OnlineResponse(
        columns,
        named,
        {**plan.types},
        count,
        mixed,
        damaged,
        unchecked,
        results if timed else {},
        reasons,
        plan.explained,
    )


def _all_packed(views: Sequence[ViewRows], now: int) -> PackedValues | None:
    """Return the values of all views, if each row is found and checked and no value is missing."""
    found: dict[str, PackedColumn] = {}
    for view in views:
        if view.plan.timestamp or view.asked.places is not None:
            return None
        reader = _common_reader(view, now)
        if reader is None or reader.lacking or not reader.has_checksum:
            return None
        columns = reader.reader.packed(view.rows)  # type: ignore[arg-type]  # none is missing
        if columns is None:
            return None
        found |= zip(view.plan.names, columns, strict=True)
    return PackedValues(found) if found else None


def _timestamps(view: ViewRows, why: list[list[Status]]) -> list[datetime | None]:
    """Return the event timestamp of each row of a view; None for a row without a value."""
    times: list[datetime | None] = [None] * len(view.rows)
    found = range(len(times))
    places = [n for n in found if not why or any(column[n] in _FOUND for column in why)]
    if places:
        for n, event in zip(places, events_of([view.rows[n] for n in places]), strict=True):
            times[n] = _instant(event)
    asked = view.asked.places
    return times if asked is None else [None if n is None else times[n] for n in asked]


def _instant(micros: int) -> datetime:
    try:
        return EPOCH + micros * MICROSECOND
    except OverflowError:
        # An infinity, or a year before Christ, which Python's datetime does not have.
        return _FIRST if micros < 0 else _LAST


def _columns(view: ViewRows, found: list[list[Any]], why: list[list[Status]]) -> ValuesAndStatuses:
    """Return the columns of a view, a value for each entity row."""
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
    reader = _common_reader(view, now)
    if reader is not None:
        with suppress(OnlineStoreError):
            return _read(reader, view.rows)
    ttl = view.plan.ttl
    return _scattered(view, None if ttl is None else now - ttl, now)


def _common_reader(view: ViewRows, now: int) -> FeatureReader | None:
    """Return the reader of the common case: every row is there, has one head and is fresh.

    Nothing is decided row by row then.
    """
    ttl = view.plan.ttl
    if view.oldest is None or (ttl is not None and view.oldest < now - ttl):
        return None
    (decoder,) = view.decoders.values()
    reader = None if decoder is None else view.plan.reader(decoder)
    if reader is not None and reader.has_end and _has_ended(reader, view.rows, now):
        return None
    return reader


def _has_ended(reader: FeatureReader, rows: Sequence[Any], now: int) -> bool:
    return min(ends_of(rows, reader.marks)) <= now


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


def _scattered(view: ViewRows, oldest: int | None, now: int) -> ValuesAndStatuses:
    """Read rows that differ in schema or marks, are missing or damaged, or have expired."""
    rows, width = view.rows, len(view.plan.wanted)
    if not rows:
        return [[] for _ in range(width)], []
    # Row by row until the end: one assignment places all features of a row.
    values: list[tuple[Any, ...]] = [(None,) * width] * len(rows)
    statuses, present = [(_NOT_FOUND,) * width] * len(rows), (_PRESENT,) * width
    if view.damaged:
        _put(statuses, [*view.damaged], repeat((_DAMAGED,) * width))
    for reader, places in _by_reader(view):
        if reader is None:
            _put(statuses, places, repeat((_NOT_FOUND,) * width))
            continue
        whole = _whole(reader, view, places)
        fresh = _fresh(reader, rows, whole, oldest, now)
        readable, found, why = _read_some(reader, rows, fresh)
        for some, status in ((places, _DAMAGED), (whole, _EXPIRED), (fresh, _DAMAGED)):
            if len(readable) < len(some):
                _put(statuses, some, repeat((status,) * width))
        if readable:
            _put(values, readable, zip(*found, strict=True))
            _put(statuses, readable, zip(*why, strict=True) if why else repeat(present))
    return _turned(values), [] if statuses.count(present) == len(rows) else _turned(statuses)


def _by_reader(view: ViewRows) -> Iterator[tuple[FeatureReader | None, list[int]]]:
    """Yield each reader with the places of its rows; None for the rows of other entities."""
    heads = [None if row is None else row[:HEAD] for row in view.rows]
    for head, decoder in view.decoders.items():
        if decoder is not None:
            places = [place for place, its in enumerate(heads) if its == head]
            yield view.plan.reader(decoder), places


def _fresh(
    reader: FeatureReader, rows: Sequence[Any], places: list[int], oldest: int | None, now: int
) -> list[int]:
    """Return the places of the rows that are neither past the ttl nor past their end."""
    if oldest is not None and places:
        events = events_of([rows[place] for place in places])
        places = [place for place, event in zip(places, events, strict=True) if event >= oldest]
    if reader.has_end and places:
        ends = ends_of([rows[place] for place in places], reader.marks)
        places = [place for place, end in zip(places, ends, strict=True) if end > now]
    return places


def _whole(reader: FeatureReader, view: ViewRows, places: list[int]) -> list[int]:
    """Return the places of the rows that are not damaged, as far as their header tells."""
    rows: Sequence[Any] = view.rows
    return [
        place
        for place in places
        if place not in view.damaged and len(rows[place]) >= reader.header_size
    ]


def _read_some(
    reader: FeatureReader, rows: Sequence[Any], places: list[int]
) -> tuple[list[int], list[list[Any]], list[list[Status]]]:
    """Read rows of one schema; return the places of those that can be decoded, and `_read`."""
    if not places:
        return [], [], []
    with suppress(OnlineStoreError):
        return places, *_read(reader, [rows[place] for place in places])
    readable = [place for place in places if reader.can_read(rows[place])]
    if not readable:
        return [], [], []
    return readable, *_read(reader, [rows[place] for place in readable])


def _put(
    rows: list[tuple[Any, ...]], places: Sequence[int], parts: Iterable[tuple[Any, ...]]
) -> None:
    for place, row in zip(places, parts, strict=False):
        rows[place] = row


def _turned(rows: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """Return rows as columns."""
    return [*map(list, zip(*rows, strict=True))]
