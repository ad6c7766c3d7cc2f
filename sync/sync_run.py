"""A run that may write: both sides of the project, and the lock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sync.report import ProgressEvent
from sync.safety.lock import Lease
from sync.survey import Survey

__all__ = ["SyncRun", "ignore_progress"]


def ignore_progress(event: ProgressEvent) -> None:
    """Ignore a progress event."""
    del event


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncRun(Survey):
    """A survey whose holder has the lock, so that it may write to both sides.

    Attributes:
        lease: The lock.
        progress: Called with each progress event.
        replication_ids: The servers' replication ids at the start of the run.
    """

    lease: Lease
    progress: Callable[[ProgressEvent], None] = ignore_progress
    replication_ids: frozenset[str] = frozenset()
