"""The sync job: publishes each view so that a crash at any step is harmless.

A publication is a view's rows in Redis. The ledger records it, in the warehouse or in a file; both
sides carry its epoch, a random name. The states, as the next run finds them (`safety.diagnosis`):

    never ────────┐ the ledger has no entry, Redis has no epoch
    foreign ──────┤ the epochs differ, or only Redis has one: a backup, another ledger
    lost ─────────┤ Redis, or a node of the cluster, has no epoch or no data
    changed ──────┤ columns, types, ttl or format are not as published
                  │
                  │ publish every row                   publish the changes
                  ▼                                     (without changes: a new as_of)
             ┌─ dirty ────── steps 1 to 7 ─────▶ ok ────── steps 1 to 7 ─────▶ ok
             │    ▲                                             │
       crash │    │ publish every row                           │ crash, or Redis refused
             ▼    │                                             │ rows older than its own
            interrupted ◀───────────────────────────────────────┘

Before step 1, the brake compares both sides, and may hold the view back (`brake`): then no step
runs, and the view keeps its state.

The steps, and what a crash after each one leaves:

    1. The ledger says dirty.            Redis still has the old rows and epoch; readers see those.
    2. Redis loses its epoch.            Readers see the old rows; status says interrupted.
    3. Redis gets the schema (full).     Readers can decode old and new rows.
    4. Redis gets the rows.              Readers see whole rows, some old and some new; after a
                                         first one they say that the view is not published.
    5. Orphans are deleted (full).       All rows are new, but neither side has confirmed it.
    6. Redis gets a new epoch.           The ledger is dirty, so the epoch proves nothing.
    7. The ledger gets the epoch, and    The publication is complete. A full one also deletes the
       says clean.                       schemas that no row needs.

A crash after any of the steps 1 to 6 leaves the ledger dirty, and the next run publishes every row.
A server that loses data later loses its last writes first, so it loses the epoch with the rows.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial

from featurestore.governance.publishable import personal_names
from featurestore.online.redis.commands import RedisCommands
from featurestore.registry.registry import Registry
from featurestore.warehouse.protocol import Warehouse
from sync.brake import DEFAULT_BRAKE, Brake
from sync.change_window import DEFAULT_RULES, WindowRules
from sync.departures import refusal_of_changes
from sync.lapses import Lapses
from sync.redis.metadata import (
    announce_schema,
    clear_epoch,
    confirm_rows,
    delete_old_schemas,
    make_schema_current,
    note_changes,
    note_comparison,
    record_personal_data,
    refuse_fingerprint_collision,
    write_epoch,
)
from sync.removal import has_rows, remove_view
from sync.report import ProgressEvent, SyncReport, ViewReport, held_back_report
from sync.row_work import HERE, RowWork
from sync.safety.diagnosis import PART_LOST, PublicationState
from sync.safety.identity import Identity
from sync.safety.ownership import Ownership, note_own_rows, ownership_lock, read_ownership
from sync.safety.replication_ids import check_replication_ids, replication_ids
from sync.selection import chosen_publications
from sync.sync_plan import PlanStep, SyncMode, ViewRemoval, ViewSync, plan_sync, timed_reports
from sync.sync_run import SyncRun, ignore_progress
from sync.view_failures import ViewFailure, ViewFailures
from sync.warehouse.ledger import Ledger
from sync.warehouse.publication import Publication

__all__ = ["run_sync"]

# In these states the record of the lock's holders may be lost or wrong, so an earlier holder whose
# commands are still on their way would not be noticed.
_LATE_WRITERS = {PublicationState.INTERRUPTED, PublicationState.LOST, PublicationState.FOREIGN}


def run_sync(
    registry: Registry,
    warehouse: Warehouse,
    client: RedisCommands,
    ledger: Ledger,
    identity: Identity,
    *,
    views: Sequence[str] | None = None,
    full: bool = False,
    since: datetime | None = None,
    now: datetime | None = None,
    take_over: bool = False,
    require_ledger: bool = False,
    progress: Callable[[ProgressEvent], None] | None = None,
    brake: Brake = DEFAULT_BRAKE,
    rules: WindowRules = DEFAULT_RULES,
    work: RowWork = HERE,
) -> SyncReport:
    """Publish the newest row of each entity.

    A view that cannot be published keeps its rows, and the others are published.

    Args:
        registry: The project's definitions.
        warehouse: The warehouse, open for writing if it holds the ledger.
        client: The online store.
        ledger: The record of what was published; its tables are created.
        identity: Who publishes.
        views: The views to publish; by default every view that is `online`, and then views that
            were published and are no longer declared are removed too.
        full: Publish every row, not only the changes.
        since: Compare only the entities with an event since then, or since the last run if that is
            earlier. Other changes and deletions are left to a run without it.
        now: The moment whose newest rows are published; by default the clock's.
        take_over: Replace all that another identity published; then all views must be published.
        require_ledger: Refuse a ledger that is not the one that Redis names.
        progress: Called with each progress event.
        brake: How many rows, and how many views, may be deleted.
        rules: When comparing a part of a table is enough.
        work: Does the work that grows with the rows.

    Raises:
        ForeignOwner: Another identity publishes the project; nothing was changed.
        FeatureStoreError: The sync failed, or no view could be published. Published rows stay
            valid, and the next run publishes the rest.
    """
    started = time.monotonic()
    as_of = now or datetime.now(UTC)
    # Before the lock: a view that cannot be published needs no lock to be found.
    chosen = chosen_publications(registry, warehouse, as_of, views=views, since=since)
    failures = ViewFailures()
    failures.refuse_total_before(chosen)
    project = registry.online_name
    named = read_ownership(client, project, identity).ledger
    with ownership_lock(
        client, project, ledger, identity, take_over=take_over, require_ledger=require_ledger
    ) as lease:
        run = SyncRun(
            registry=registry,
            warehouse=warehouse,
            client=client,
            ledger=ledger,
            now=as_of,
            ownership=Ownership(identity, identity, named),
            lease=lease,
            progress=progress or ignore_progress,
            replication_ids=replication_ids(client),
        )
        steps = plan_sync(
            run,
            chosen,
            full=full,
            remove_undeclared=views is None,
            brake=brake,
            rules=rules,
            work=work,
        )
        reports = timed_reports(steps, partial(_execute, run, work, failures))
    failures.refuse_total(reports)
    seconds = time.monotonic() - started
    return SyncReport(
        project=registry.project,
        as_of=as_of,
        seconds=seconds,
        views=reports,
        ledger=ledger.place,
        other_ledger=named.ledger_place if named.is_other(ledger) else "",
    )


def _execute(run: SyncRun, work: RowWork, failures: ViewFailures, step: PlanStep) -> ViewReport:
    if isinstance(step, ViewFailure):
        return failures.report(step)
    if isinstance(step, ViewRemoval):
        report = _remove(run, work, step)
    else:
        report = failures.guard(step.publication.name, partial(_sync, run, work, step))
    done = report.written + report.deleted
    if done:
        run.progress(ProgressEvent(report.view, done, done, report))
    return report


def _sync(run: SyncRun, work: RowWork, step: ViewSync) -> ViewReport:
    publication = step.publication
    if step.diagnosis.state in _LATE_WRITERS:
        run.lease.fence_off_previous_holders()
    if step.mode is SyncMode.FULL:
        report = _publish_in_full(run, work, step, step.reason)
    else:
        report = _publish_changes(run, work, step)
    if report.held_back:
        run.ledger.hold_back(publication.name, report.held_back)
        return report
    personal = personal_names(run.registry, publication.view)
    record_personal_data(run.client, run.lease, publication.name, personal)
    if step.table and (report.full or publication.is_whole):
        note_comparison(run.lease, publication.name, run.now, step.table)
    if report.full or publication.since is None:
        run.ledger.release(publication.name)
        if step.table:
            note_changes(run.lease, publication.name, run.now)
    return report


def _publish_in_full(run: SyncRun, work: RowWork, step: ViewSync, reason: str) -> ViewReport:
    publication = step.publication
    name, schema = publication.name, publication.schema
    refuse_fingerprint_collision(run.client, run.project, name, schema)
    # Must come before the rows: afterwards every view has rows. A first sync skips the scan.
    may_have_orphans = has_rows(run, name)
    lapses = Lapses(run, publication, step.diagnosis.state)
    if may_have_orphans and step.limit is not None:
        entities = run.newest_entities(publication)
        departures = work.departures_of_full(run, publication, entities, lapses)
        refusal = departures.refused(step.limit)
        if refusal:
            return _held_back(run, publication, refusal, entities)
        may_have_orphans = departures.deleted > 0
    run.ledger.mark_dirty(name, publication.layout)
    run.ledger.replace(publication)
    found = run.ledger.summary(publication)
    clear_epoch(run.client, run.lease, name)
    announce_schema(run.client, run.lease, name, schema)
    written = work.publish_everything(run, publication, found.rows)
    deleted = work.delete_orphans(run, publication, lapses) if may_have_orphans else 0
    make_schema_current(run.lease, name, schema)
    note_own_rows(run.lease, name)
    run.ledger.mark_clean(name, _write_epoch(run, name), publication.layout)
    # Last: until all rows are new, a reader needs the old schemas.
    delete_old_schemas(run.client, run.lease, name, schema)
    return ViewReport(
        view=name,
        rows_read=found.current,
        changed=written + deleted,
        written=written,
        deleted=deleted,
        newest_event_timestamp=found.newest,
        full=True,
        reason=reason,
    )


def _publish_changes(run: SyncRun, work: RowWork, step: ViewSync) -> ViewReport:
    publication = step.publication
    name = publication.name
    changes = run.ledger.find_changes(publication)
    counts = run.ledger.counts(changes)
    lapses = counts.pop("lapse", 0)
    deletions = counts.get("delete", 0)
    refusal = refusal_of_changes(run, publication, changes, deletions, step.limit)
    if refusal:
        return _held_back(run, publication, refusal, run.newest_entities(publication))
    written = deleted = skipped = 0
    if counts or lapses:
        run.ledger.mark_dirty(name, publication.layout)
        if not clear_epoch(run.client, run.lease, name, step.diagnosis.online.epoch or ""):
            return _publish_in_full(run, work, step, PART_LOST)
        written, deleted, skipped = work.publish_changes(run, publication, changes, counts)
        run.ledger.apply_changes(publication, changes, _write_epoch(run, name))
    else:
        confirm_rows(run.lease, name, run.now)
    found = run.ledger.summary(publication)
    if skipped:
        # Redis has newer rows than the warehouse; force a full comparison next time.
        run.ledger.mark_dirty(name, publication.layout)
    return ViewReport(
        view=name,
        rows_read=found.current,
        changed=sum(counts.values()),
        written=written,
        deleted=deleted,
        skipped=skipped,
        newest_event_timestamp=found.newest,
        compared_since=publication.window.since if publication.window else None,
    )


def _held_back(run: SyncRun, publication: Publication, reason: str, entities: str) -> ViewReport:
    found = run.ledger.summary(publication, entities)
    return held_back_report(publication.name, reason, found.current, found.newest)


def _write_epoch(run: SyncRun, view: str) -> str:
    epoch = write_epoch(run.client, run.lease, view, run.now)
    # Must come last: a replica promoted after this point either has the epoch or lost it together
    # with the rows.
    check_replication_ids(run.client, run.replication_ids)
    return epoch


def _remove(run: SyncRun, work: RowWork, step: ViewRemoval) -> ViewReport:
    if step.held_back:
        return held_back_report(step.view, step.held_back)
    deleted = remove_view(run, step.view, work.unlink_rows)
    return ViewReport(view=step.view, rows_read=0, changed=deleted, written=0, deleted=deleted)
