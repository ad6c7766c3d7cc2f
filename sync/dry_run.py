"""Explains the plan of a sync: what it would do, without writing to either side."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

from sync.brake import DEFAULT_BRAKE, Brake
from sync.change_window import DEFAULT_RULES, WindowRules
from sync.departures import refusal_of_changes
from sync.lapses import Lapses
from sync.redis.stored_rows import memory_of, row_keys
from sync.report import SyncReport, ViewReport, held_back_report
from sync.row_work import HERE, RowWork
from sync.selection import chosen_publications
from sync.survey import Survey
from sync.sync_plan import PlanStep, SyncMode, ViewRemoval, ViewSync, plan_sync, timed_reports
from sync.view_failures import ViewFailure, ViewFailures

__all__ = ["dry_run"]


def dry_run(
    survey: Survey,
    *,
    views: Sequence[str] | None = None,
    full: bool = False,
    since: datetime | None = None,
    brake: Brake = DEFAULT_BRAKE,
    take_over: bool = False,
    require_ledger: bool = False,
    rules: WindowRules = DEFAULT_RULES,
    work: RowWork = HERE,
) -> SyncReport:
    """Count the rows that a sync would write and delete, and estimate the memory they would take.

    Rows that Redis would refuse, because it holds newer ones, count as written.

    Args:
        survey: Both sides.
        views: The views to publish; by default every view that is `online`.
        full: Publish every row, not only the changes.
        since: Compare only the entities with an event since then.
        brake: How many rows, and how many views, the sync may delete.
        take_over: The sync may replace all that another identity published.
        require_ledger: The sync must have the ledger that Redis names.
        rules: When comparing a part of a table is enough.
        work: Does the work that grows with the rows.

    Raises:
        ForeignOwner: Another identity publishes the project, so the sync would be refused.
        FeatureStoreError: No view can be published.
    """
    if not take_over:
        survey.ownership.refuse_foreign(survey.project)
    elif survey.ownership.held != survey.ownership.own:
        full, brake = True, replace(brake, released=True)
    if require_ledger:
        survey.ownership.ledger.refuse_other(survey.ledger)
    started = time.monotonic()
    chosen = chosen_publications(
        survey.registry, survey.warehouse, survey.now, views=views, since=since
    )
    failures = ViewFailures()
    failures.refuse_total_before(chosen)
    steps = plan_sync(
        survey,
        chosen,
        full=full,
        remove_undeclared=views is None,
        brake=brake,
        rules=rules,
        work=work,
    )
    reports = timed_reports(steps, partial(_explain, survey, work, failures))
    failures.refuse_total(reports)
    seconds = time.monotonic() - started
    named = survey.ownership.ledger
    return SyncReport(
        project=survey.registry.project,
        as_of=survey.now,
        seconds=seconds,
        views=reports,
        dry_run=True,
        ledger=survey.ledger.place,
        other_ledger=named.ledger_place if named.is_other(survey.ledger) else "",
    )


def _explain(survey: Survey, work: RowWork, failures: ViewFailures, step: PlanStep) -> ViewReport:
    if isinstance(step, ViewFailure):
        return failures.report(step)
    if isinstance(step, ViewRemoval):
        return _removal(survey, step)
    return failures.guard(step.publication.name, partial(_sync, survey, work, step))


def _sync(survey: Survey, work: RowWork, step: ViewSync) -> ViewReport:
    publication = step.publication
    newest = survey.newest_rows(publication)
    if step.mode is SyncMode.FULL:
        report = _full(survey, work, step, newest)
    else:
        report = _changes(survey, step, newest)
    # The rows are not in Redis yet, so their size is computed, from a sample.
    each = memory_of(survey.project, publication, survey.sample(publication, newest))
    relation = publication.view.relation
    rows = survey.ledger.summary(publication, newest).rows
    return replace(report, memory=round(each * rows), relation=relation)


def _full(survey: Survey, work: RowWork, step: ViewSync, newest: str) -> ViewReport:
    publication = step.publication
    found = survey.ledger.summary(publication, newest)
    lapses = Lapses(survey, publication, step.diagnosis.state)
    departures = work.departures_of_full(survey, publication, newest, lapses)
    refusal = departures.refused(step.limit)
    if refusal:
        return held_back_report(publication.name, refusal, found.current, found.newest)
    deleted = departures.deleted
    return ViewReport(
        view=publication.name,
        rows_read=found.current,
        changed=found.rows + deleted,
        written=found.rows,
        deleted=deleted,
        newest_event_timestamp=found.newest,
        full=True,
        reason=step.reason,
    )


def _changes(survey: Survey, step: ViewSync, newest: str) -> ViewReport:
    publication = step.publication
    found = survey.ledger.summary(publication, newest)
    changes = survey.ledger.find_changes(publication)
    counts = survey.ledger.counts(changes)
    counts.pop("lapse", 0)
    deletions = counts.get("delete", 0)
    refusal = refusal_of_changes(survey, publication, changes, deletions, step.limit)
    if refusal:
        return held_back_report(publication.name, refusal, found.current, found.newest)
    return ViewReport(
        view=publication.name,
        rows_read=found.current,
        changed=sum(counts.values()),
        written=counts.get("upsert", 0),
        deleted=deletions,
        newest_event_timestamp=found.newest,
        compared_since=publication.window.since if publication.window else None,
    )


def _removal(survey: Survey, step: ViewRemoval) -> ViewReport:
    if step.held_back:
        return held_back_report(step.view, step.held_back)
    rows = sum(1 for _ in row_keys(survey.client, survey.project, step.view))
    return ViewReport(view=step.view, rows_read=0, changed=rows, written=0, deleted=rows, memory=0)
