"""What a sync would do, found out without writing anything on either side."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sync.orphans import unknown_keys
from sync.redis.stored_rows import memory_of, row_keys
from sync.report import SyncReport, ViewReport
from sync.safety.diagnosis import Condition
from sync.selection import chosen_views, publication_of, undeclared
from sync.survey import Survey
from sync.warehouse.change_detection import difference_query
from sync.warehouse.publication import Publication

__all__ = ["dry_run"]


def dry_run(
    survey: Survey,
    *,
    views: Sequence[str] | None = None,
    full: bool = False,
    since: datetime | None = None,
) -> SyncReport:
    """Count what a sync would write and delete, and the memory that its rows would take.

    Rows that the server would refuse, because it holds newer ones, are counted as written.

    Args:
        survey: Both sides.
        views: The views to publish; by default every one that is `online`.
        full: Publish every row, not only what changed.
        since: Look for changes only at entities that have an event since then.
    """
    started = time.monotonic()
    chosen = [
        publication_of(view, survey.warehouse, survey.now, since)
        for view in chosen_views(survey.registry, views)
    ]
    reports = [_would_sync(survey, publication, full=full) for publication in chosen]
    if views is None:
        names = [publication.name for publication in chosen]
        others = undeclared(survey.client, survey.state, survey.project, names)
        reports += [_would_remove(survey, view) for view in others]
    seconds = time.monotonic() - started
    return SyncReport(survey.project, survey.now, seconds, tuple(reports), dry_run=True)


def _would_sync(survey: Survey, publication: Publication, *, full: bool) -> ViewReport:
    started = time.monotonic()
    found = survey.diagnosis(publication)
    newest = survey.newest_rows(publication)
    if full or found.condition is not Condition.OK:
        report = _in_full(survey, publication, newest, found.reason)
    else:
        publication = publication.seen_from(found.online.as_of, survey.now)
        report = _changes(survey, publication, newest)
    each = memory_of(survey.project, publication, survey.sample(newest))
    memory = round(each * report.rows_read)
    return replace(report, memory=memory, seconds=time.monotonic() - started)


def _in_full(survey: Survey, publication: Publication, newest: str, reason: str) -> ViewReport:
    rows, event = survey.state.summary(publication.view, newest)
    unknown = unknown_keys(survey.client, survey.warehouse, survey.project, publication, newest)
    gone = sum(1 for _ in unknown)
    name = publication.name
    return ViewReport(name, rows, rows + gone, rows, gone, 0, 0.0, event, full=True, reason=reason)


def _changes(survey: Survey, publication: Publication, newest: str) -> ViewReport:
    rows, event = survey.state.summary(publication.view, newest)
    whole = publication.since is None
    looked_at = f"SELECT * FROM {newest}" if whole else publication.recent
    published = survey.state.published(publication.name)
    changes = difference_query(publication, looked_at, published, whole=whole)
    counts = survey.state.counts(f"(\n{changes}\n) AS changes")
    written, deleted = counts.get("upsert", 0), counts.get("delete", 0)
    return ViewReport(publication.name, rows, written + deleted, written, deleted, 0, 0.0, event)


def _would_remove(survey: Survey, view: str) -> ViewReport:
    rows = sum(1 for _ in row_keys(survey.client, survey.project, view))
    return ViewReport(view, 0, rows, 0, rows, 0, 0.0, None, memory=0)
