"""The status of each view, as a value."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sync.safety.diagnosis import PublicationState
from sync.safety.identity import Identity

__all__ = ["Level", "StatusReport", "ViewStatus"]


class Level(StrEnum):
    """The severity, in dbt's own words."""

    PASS = "pass"  # noqa: S105, a level
    WARN = "warn"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewStatus:
    """The status of one view.

    Attributes:
        view: The feature view.
        state: The state of its publication.
        level: The severity.
        reason: The problem, in a sentence.
        newest_event: The newest event that is known by now, expired or not; as text if it is before
            the year 1.
        age: Its age: the freshness in the warehouse; None before the year 1.
        as_of: The moment whose newest rows Redis holds.
        lag: The time since that moment.
        newest_is_online: Whether the newest event, if it has not expired, is online.
        rows: Rows in the ledger's table of published rows; without the ledger, rows in Redis.
        memory: An estimate of the bytes of Redis' memory that they take, from a sample.
        synced_at: The clock at the end of the last sync of the view.
        next_expiry: When the next row expires.
    """

    view: str
    state: PublicationState
    level: Level = Level.PASS
    reason: str = ""
    newest_event: datetime | str | None = None
    age: timedelta | None = None
    as_of: datetime | None = None
    lag: timedelta | None = None
    newest_is_online: bool | None = None
    rows: int | None = None
    memory: int | None = None
    synced_at: datetime | None = None
    next_expiry: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusReport:
    """The status of a project.

    Attributes:
        project: The dbt project.
        now: The moment that ages are measured at.
        running: The holder of the lock; empty if no sync is running.
        views: One status per view.
        online_name: The project's name in Redis: its namespace, if it has one.
        owner: The identity that publishes the project to Redis; None if it was never published.
        own: The identity of this run, which may sync if it is the owner or none exists.
        ledger: The place of the ledger that a sync here would use.
        other_ledger: The place of the ledger of the last sync, if that is another one; the status
            then comes from Redis and the warehouse alone.
    """

    project: str
    now: datetime
    running: str
    views: tuple[ViewStatus, ...]
    online_name: str
    owner: Identity | None
    own: Identity
    ledger: str = ""
    other_ledger: str = ""

    @property
    def level(self) -> Level:
        """The most severe of the views' levels."""
        return max((view.level for view in self.views), key=list(Level).index, default=Level.PASS)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values, for JSON; durations are seconds."""
        plain = {**asdict(self), "level": self.level}
        plain["views"] = [_in_seconds(view) for view in plain["views"]]
        return plain


def _in_seconds(view: dict[str, Any]) -> dict[str, Any]:
    return {
        f"{name}_seconds" if name in ("age", "lag") else name: (
            value.total_seconds() if isinstance(value, timedelta) else value
        )
        for name, value in view.items()
    }
