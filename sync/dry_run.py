"""Explains the plan of a sync: what it would do, without writing to either side."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

from sync.orphans import unknown_keys
from sync.redis.stored_rows import memory_of, row_keys
from sync.report import SyncReport, ViewReport
from sync.selection import chosen_publications
from sync.survey import Survey
from sync.sync_plan import PlanStep, SyncMode, ViewRemoval, ViewSync, plan_sync, timed_reports
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
    """Count the rows that a sync would write and delete, and estimate the memory they would take.

    Rows that Redis would refuse, because it holds newer ones, count as written.

    Args:
        survey: Both sides.
        views: The views to publish; by default every view that is `online`.
        full: Publish every row, not only the changes.
        since: Compare only the entities with an event since then.
    """
    started = time.monotonic()
    publications = chosen_publications(
        survey.registry, survey.warehouse, survey.now, views=views, since=since
    )
    steps = plan_sync(survey, publications, full=full, remove_undeclared=views is None)
    reports = timed_reports(steps, partial(_explain, survey))
    seconds = time.monotonic() - started
    return SyncReport(
        project=survey.project, as_of=survey.now, seconds=seconds, views=reports, dry_run=True
    )


def _explain(survey: Survey, step: PlanStep) -> ViewReport:
    return _removal(survey, step) if isinstance(step, ViewRemoval) else _sync(survey, step)


def _sync(survey: Survey, step: ViewSync) -> ViewReport:
    publication = step.publication
    newest = survey.newest_rows(publication)
    if step.mode is SyncMode.FULL:
        report = _full(survey, publication, newest, step.reason)
    else:
        report = _changes(survey, publication, newest)
    # The rows are not in Redis yet, so their size is computed, from a sample.
    each = memory_of(survey.project, publication, survey.sample(newest))
    relation = publication.view.relation
    return replace(report, memory=round(each * report.rows_read), relation=relation)


def _full(survey: Survey, publication: Publication, newest: str, reason: str) -> ViewReport:
    rows, event = survey.ledger.summary(publication.view, newest)
    orphans = unknown_keys(survey.client, survey.warehouse, survey.project, publication, newest)
    deleted = sum(1 for _ in orphans)
    return ViewReport(
        view=publication.name,
        rows_read=rows,
        changed=rows + deleted,
        written=rows,
        deleted=deleted,
        newest_event_timestamp=event,
        full=True,
        reason=reason,
    )


def _changes(survey: Survey, publication: Publication, newest: str) -> ViewReport:
    rows, event = survey.ledger.summary(publication.view, newest)
    whole = publication.since is None
    latest = f"SELECT * FROM {newest}" if whole else publication.latest_since
    published = survey.ledger.published(publication.name)
    changes = difference_query(publication, latest, published, whole=whole)
    counts = survey.ledger.counts(f"(\n{changes}\n) AS changes")
    return ViewReport(
        view=publication.name,
        rows_read=rows,
        changed=sum(counts.values()),
        written=counts.get("upsert", 0),
        deleted=counts.get("delete", 0),
        newest_event_timestamp=event,
    )


def _removal(survey: Survey, step: ViewRemoval) -> ViewReport:
    rows = sum(1 for _ in row_keys(survey.client, survey.project, step.view))
    return ViewReport(view=step.view, rows_read=0, changed=rows, written=0, deleted=rows, memory=0)
