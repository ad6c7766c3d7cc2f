"""The results of a sync, per view."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

__all__ = ["ProgressEvent", "SyncReport", "ViewReport", "failed_report", "held_back_report"]


@dataclass(frozen=True, slots=True)
class ProgressEvent:
    """The progress of one view.

    Attributes:
        view: The feature view.
        done: Rows sent so far.
        total: Rows to send in all.
        result: The result of the view, with its last event; None before.
    """

    view: str
    done: int
    total: int
    result: ViewReport | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewReport:
    """The result of a sync for one view.

    Attributes:
        view: The feature view.
        rows_read: Entities with a row at this moment, neither too new nor expired.
        changed: Rows that differ from the published ones, or are gone.
        written: Rows written to Redis, with those that expired within the last day.
        deleted: Rows deleted from Redis.
        compared_since: With the rows that dbt may have changed compared alone: those since this
            moment; None if all were compared.
        skipped: Rows not written, because Redis holds a newer one.
        seconds: The duration.
        newest_event_timestamp: The newest event among the rows read, as text if it is before the
            year 1; None without rows, and if all are at -infinity.
        full: Whether every row was published.
        reason: Why every row was published; empty if the caller asked for it.
        held_back: Why the view was held back, with its rows and records as they were; empty if it
            was not.
        failed: Why the view could not be published; empty if it could. The next run publishes it,
            once the cause is gone.
        memory: An estimate of the bytes of Redis' memory that the rows take afterwards; only for a
            dry run.
        relation: The table that the rows are read from; only for a dry run.
    """

    view: str
    rows_read: int
    changed: int
    written: int
    deleted: int
    skipped: int = 0
    seconds: float = 0.0
    newest_event_timestamp: datetime | str | None = None
    full: bool = False
    compared_since: datetime | None = None
    reason: str = ""
    held_back: str = ""
    failed: str = ""
    memory: int | None = None
    relation: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncReport:
    """The result of a sync.

    Attributes:
        project: The dbt project.
        as_of: The moment whose newest rows were published.
        seconds: The duration.
        views: One report per view.
        dry_run: Whether nothing was written.
        ledger: Where the ledger of the run is.
        other_ledger: The place of another ledger, from which the rows online were published
            before; empty if it is the same.
        personal_data: The published features that are personal data, as the caller allowed.
        withheld: The features and keys that were not published, each with the reason why it is
            personal data. A view with such a key is not published.
    """

    project: str
    as_of: datetime
    seconds: float
    views: tuple[ViewReport, ...]
    dry_run: bool = False
    ledger: str = ""
    other_ledger: str = ""
    personal_data: tuple[str, ...] = ()
    withheld: Mapping[str, str] = field(default_factory=dict)

    @property
    def held_back(self) -> dict[str, str]:
        """The views that were held back, each with the reason."""
        return {view.view: view.held_back for view in self.views if view.held_back}

    @property
    def failed(self) -> dict[str, str]:
        """The views that could not be published, each with the reason."""
        return {view.view: view.failed for view in self.views if view.failed}

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values, for JSON."""
        return asdict(self)


def failed_report(view: str, reason: str) -> ViewReport:
    """Return the result of a view that could not be published."""
    return ViewReport(view=view, rows_read=0, changed=0, written=0, deleted=0, failed=reason)


def held_back_report(
    view: str, reason: str, rows: int = 0, newest: datetime | str | None = None
) -> ViewReport:
    """Return the result of a view that is held back.

    Args:
        view: The feature view.
        reason: Why it is held back.
        rows: Entities with a row at this moment.
        newest: The newest event among them.
    """
    return ViewReport(
        view=view,
        rows_read=rows,
        changed=0,
        written=0,
        deleted=0,
        newest_event_timestamp=newest,
        held_back=reason,
    )
