"""What a sync did, per view."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

__all__ = ["ProgressEvent", "SyncReport", "ViewReport"]


@dataclass(frozen=True, slots=True)
class ProgressEvent:
    """How far the publishing of one view is.

    Attributes:
        view: The feature view.
        done: Rows sent so far.
        total: Rows to send in all.
    """

    view: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class ViewReport:
    """What a sync did for one view.

    Attributes:
        view: The feature view.
        rows_read: Entities that have a row as of now, neither too new nor expired.
        changed: Of these, the ones that differ from what was published, and those that are gone.
        written: Rows written to Redis.
        deleted: Rows removed from Redis.
        skipped: Rows not written, because Redis holds a newer one.
        seconds: How long it took.
        newest_event_timestamp: The newest event among the rows read; None where there is none.
        full: Whether every row was published.
        reason: Why every row was published, where it was not asked for.
        memory: About how many bytes of Redis' memory the rows take after it; only a dry run says.
    """

    view: str
    rows_read: int
    changed: int
    written: int
    deleted: int
    skipped: int
    seconds: float
    newest_event_timestamp: datetime | None
    full: bool = False
    reason: str = ""
    memory: int | None = None


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What a sync did.

    Attributes:
        project: The dbt project.
        as_of: The moment for which the rows were the newest.
        seconds: How long it took.
        views: One report per view, by name.
        dry_run: Whether it only says what a sync would do.
        personal_data: The features published that are personal data, as the caller allowed.
    """

    project: str
    as_of: datetime
    seconds: float
    views: tuple[ViewReport, ...]
    dry_run: bool = False
    personal_data: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values, for JSON."""
        return asdict(self)
