"""What an observer learns of the online reads, for a server's metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from featurestore.online.published_schemas import ViewRows
from featurestore.online.read_plan import ReadPlan
from featurestore.online.response import OnlineResponse, Status
from featurestore.online.row_format import EVENT_BYTES, HEAD, events_of

__all__ = ["ReadObserver", "tell_observer"]

_MICROSECONDS = 1_000_000
_PRESENT, _DAMAGED = Status.PRESENT.value, Status.DAMAGED
_OTHERS = tuple(status for status in Status if status is not Status.PRESENT)


class ReadObserver(Protocol):
    """Is told of each asynchronous read. No key and no value is among what it learns."""

    def round_trip(self, seconds: float) -> None:
        """Note a command that Redis answered, or failed to."""

    def view_read(
        self, view: str, statuses: Mapping[str, int], damaged_rows: int, age: float | None
    ) -> None:
        """Note the values of one view.

        Args:
            view: The view; empty for what a service computes from the request.
            statuses: The number of values by status.
            damaged_rows: The entity rows whose row is damaged.
            age: The age of the oldest row that was served, in seconds; None if none was.
        """


def tell_observer(
    observer: ReadObserver,
    plan: ReadPlan,
    views: Sequence[ViewRows],
    response: OnlineResponse,
    now: int,
) -> None:
    """Tell an observer what a read found."""
    # Empty in the common case, so that nothing is counted value by value.
    mixed = response.mixed_statuses
    for view in views:
        places, read = view.asked.places, view.plan
        count = len(view.rows if places is None else places)
        listed = [mixed[name] for name in read.names if name in mixed] if mixed else []
        damaged = listed[0].count(_DAMAGED) if listed else 0
        statuses = _counted(listed, len(read.names) * count)
        observer.view_read(read.view.name, statuses, damaged, _age(view, now))
    if plan.at_request is not None:
        names, count = plan.at_request.types, len(next(iter(response.values.values()), ()))
        listed = [mixed[name] for name in names if name in mixed]
        observer.view_read("", _counted(listed, len(names) * count), 0, None)


def _counted(listed: Sequence[list[Status]], total: int) -> dict[str, int]:
    """Return the number of values by status."""
    if not listed:
        return {_PRESENT: total} if total else {}
    found = {
        status.value: count
        for status in _OTHERS
        if (count := sum(column.count(status) for column in listed))
    }
    present = total - sum(found.values())
    return {_PRESENT: present, **found} if present else found


def _age(view: ViewRows, now: int) -> float | None:
    """Return the age of the oldest row that is sound and fresh."""
    oldest, ttl = view.oldest, view.plan.ttl
    if oldest is None or (ttl is not None and oldest < now - ttl):
        rows = [
            row
            for place, row in enumerate(view.rows)
            if row is not None
            and len(row) >= EVENT_BYTES.stop
            and place not in view.damaged
            and view.decoders.get(row[:HEAD]) is not None
        ]
        events = [
            event
            for event in (events_of(rows) if rows else ())
            if ttl is None or event >= now - ttl
        ]
        if not events:
            return None
        oldest = min(events)
    return (now - oldest) / _MICROSECONDS
