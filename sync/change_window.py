"""Narrows a sync to the rows that dbt may have changed since the last one.

An incremental model says what its runs leave as it is. As long as the table is the same, a sync
then reads and compares only the rows that may have changed. It compares all rows:

- if the config promises nothing, or the warehouse cannot tell a table that was rebuilt;
- if the table was rebuilt, or the last run of dbt rewrote older rows on request;
- now and then (`full_every`), since people change tables by hand too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from featurestore.project.batch_files import RunBatch
from featurestore.project.full_every import DEFAULT_FULL_EVERY
from featurestore.registry.definitions import FeatureView
from featurestore.registry.table_changes import ChangePattern
from sync.redis.metadata import OnlineMetadata
from sync.warehouse.publication import ChangeWindow, Publication

__all__ = ["DEFAULT_RULES", "WindowRules", "identified", "narrowed", "widened"]

_LONGEST_RUN = timedelta(days=1)
"""The longest run of dbt: it may have started before the last sync, and ended after it."""


@dataclass(frozen=True, slots=True)
class WindowRules:
    """When a sync may look at a part of a table only.

    Attributes:
        full_every: The longest time between two comparisons of all rows.
        rebuilt_at: When the last run of dbt rewrote older rows on request; None if it did not.
        batches: The batches that dbt has run, by the name of a view.
    """

    full_every: timedelta = DEFAULT_FULL_EVERY
    rebuilt_at: datetime | None = None
    batches: Mapping[str, Sequence[RunBatch]] = field(default_factory=dict)

    def oldest_batch(self, view: str, since: datetime) -> datetime | None:
        """Return the start of a view's oldest batch that was run since a moment; None without any.

        A backfill runs older batches than a scheduled run.
        """
        starts = (batch.start for batch in self.batches.get(view, ()) if batch.run_at >= since)
        return min(starts, default=None)


DEFAULT_RULES = WindowRules()


def identified(view: FeatureView, table: str) -> str:
    """Return what identifies a table and the declarations by which a part of it is chosen.

    A run under other declarations may have left rows unpublished that no window of these covers.

    Args:
        view: The feature view.
        table: What identifies its table; empty if the warehouse does not tell.
    """
    return f"{table}, {view.changes}, available_after={view.available_after}" if table else ""


def narrowed(
    publication: Publication, online: OnlineMetadata, table: str, rules: WindowRules
) -> Publication:
    """Return the publication with the window that the run must look at, if all rows need not.

    Args:
        publication: The view.
        online: Its metadata in Redis.
        table: What identifies its table now; see `identified`.
        rules: When a part of the table is enough.
    """
    # Not `as_of`, which a run with `--since` moves too, though it leaves other changes unpublished.
    view, last = publication.view, online.changes_at
    if view.changes is None or view.validity_columns or publication.since is not None:
        return publication
    if not table or table != online.table or last is None or online.compared_at is None:
        return publication
    if (
        publication.now < (online.as_of or last)
        or publication.now - online.compared_at >= rules.full_every
    ):
        return publication
    if rules.rebuilt_at is not None and rules.rebuilt_at >= last - _LONGEST_RUN:
        return publication
    started = last - _LONGEST_RUN
    if view.changes.pattern is ChangePattern.APPEND:
        return replace(publication, window=ChangeWindow(last, started))
    # Rows become known later than their events, so the bound for them is shifted as well.
    oldest = view.changes.oldest_replaced(started)
    oldest = min(oldest, rules.oldest_batch(view.name, started) or oldest)
    replaced = oldest + view.available_after
    return replace(publication, window=ChangeWindow(min(replaced, last)))


def widened(
    publication: Publication, window: ChangeWindow, newest_written: datetime | None
) -> Publication:
    """Return the publication with a window of added rows that follows the data's own clock.

    The created timestamp may be the source's, and dbt may run seldom: a row that dbt adds today was
    then written long before the last sync. The newest published one tells how far dbt had come.

    Args:
        publication: The view.
        window: Its window.
        newest_written: The newest created timestamp among the published rows; None without any.
    """
    if window.written is None or newest_written is None:
        return publication
    written = min(window.written, newest_written - _LONGEST_RUN)
    return replace(publication, window=replace(window, written=written))
