"""The work that grows with a view's rows: done by this process, or by another engine.

The job decides the steps of a sync and keeps its records; here is what it leaves to others.
"""

from __future__ import annotations

from typing import Protocol

from sync.brake import Departures
from sync.departures import departures_of_full
from sync.lapses import Lapses
from sync.orphans import unknown_keys
from sync.publish import publish_changes, publish_everything
from sync.removal import delete_orphans, unlink_rows
from sync.survey import Survey
from sync.sync_run import SyncRun
from sync.warehouse.publication import Publication

__all__ = ["HERE", "RowWork"]


class RowWork(Protocol):
    """The work on rows."""

    def has_unknown(self, survey: Survey, publication: Publication, table: str) -> bool:
        """Return whether Redis has rows of a view that a table does not have."""

    def departures_of_full(
        self, survey: Survey, publication: Publication, newest: str, lapses: Lapses
    ) -> Departures:
        """Count the rows that a full sync would delete; see `departures`."""

    def publish_everything(self, run: SyncRun, publication: Publication, rows: int) -> int:
        """Write every row; see `publish`."""

    def publish_changes(
        self, run: SyncRun, publication: Publication, changes: str, counts: dict[str, int]
    ) -> tuple[int, int, int]:
        """Write and delete the rows that changed; see `publish`."""

    def delete_orphans(self, run: SyncRun, publication: Publication, lapses: Lapses) -> int:
        """Delete the rows that are not among the published ones; see `removal`."""

    def unlink_rows(self, run: SyncRun, view: str) -> int:
        """Delete every row of a view; return their number."""


class _Here:
    """This process does all of it, a batch at a time."""

    def has_unknown(self, survey: Survey, publication: Publication, table: str) -> bool:
        return next(unknown_keys(survey, publication, table), None) is not None

    departures_of_full = staticmethod(departures_of_full)
    publish_everything = staticmethod(publish_everything)
    publish_changes = staticmethod(publish_changes)
    delete_orphans = staticmethod(delete_orphans)
    unlink_rows = staticmethod(unlink_rows)


HERE: RowWork = _Here()
