"""The sync job: for each view, find what changed, publish it, and write down that it is so.

The order of the steps makes a crash harmless: the warehouse's book says dirty before Redis is
touched, Redis gets the new epoch after its last row, and the book says clean with the same epoch
last. Whatever is found otherwise on the next run is published in full.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from featurestore.errors import SyncError
from featurestore.online.codec import fingerprint_of_schema
from featurestore.registry.registry import Registry
from featurestore.warehouse.protocol import Warehouse
from sync.publish import publish_changes, publish_everything
from sync.removal import delete_orphans, has_rows, remove_view
from sync.report import ProgressEvent, SyncReport, ViewReport
from sync.run import SyncRun, silent
from sync.safety.canaries import set_canaries, swap_canaries
from sync.safety.diagnosis import PART_LOST, Condition, examine
from sync.safety.lock import lock_lost, sync_lock
from sync.safety.replication_ids import check_replication_ids, replication_ids
from sync.selection import chosen_views, publication_of, undeclared
from sync.warehouse.ledger import Ledger
from sync.warehouse.publication import Publication

if TYPE_CHECKING:
    import redis

__all__ = ["run_sync"]

# Where the books may not tell of somebody whose writes are still on their way.
_LATE_WRITERS = {Condition.INTERRUPTED, Condition.LOST, Condition.FOREIGN}


def run_sync(
    registry: Registry,
    warehouse: Warehouse,
    client: redis.Redis,
    *,
    views: Sequence[str] | None = None,
    full: bool = False,
    since: datetime | None = None,
    now: datetime | None = None,
    state_schema: str = "main",
    progress: Callable[[ProgressEvent], None] | None = None,
) -> SyncReport:
    """Publish the newest row of each entity.

    Everything that can be wrong with a definition is found before anything is written.

    Args:
        registry: The project's definitions.
        warehouse: Open for writing.
        client: The online store.
        views: The views to publish; by default every one that is `online`, and then the rows of
            views that are no longer published are removed too.
        full: Publish every row, not only what changed.
        since: Look for changes only at entities that have an event since then; what changed before,
            or was deleted, is left to a run without it.
        now: The moment for which rows are the newest; by default the clock's.
        state_schema: The warehouse schema for the tables of what was published.
        progress: Called as the work goes on.

    Raises:
        FeatureStoreError: Something is wrong; what was published stays valid, and the next run
            publishes the rest.
    """
    started = time.monotonic()
    as_of = now or datetime.now(UTC)
    chosen = [
        publication_of(view, warehouse, as_of, since) for view in chosen_views(registry, views)
    ]
    project = registry.project
    with sync_lock(client, project) as lease:
        state = Ledger(warehouse, state_schema, project)
        begun = replication_ids(client)
        told = progress or silent
        context = SyncRun(project, warehouse, client, lease, state, as_of, told, begun)
        reports = [_sync_view(context, publication, full=full) for publication in chosen]
        if views is None:
            reports += _remove_others(context, chosen)
    return SyncReport(project, as_of, time.monotonic() - started, tuple(reports))


def _sync_view(context: SyncRun, publication: Publication, *, full: bool) -> ViewReport:
    started = time.monotonic()
    state = context.state.read(publication.name)
    found = examine(context.client, context.project, publication, state)
    if found.condition in _LATE_WRITERS:
        context.lease.keep_others_out()
    if full or found.condition is not Condition.OK:
        report = _publish_in_full(context, publication, found.reason)
    else:
        publication = publication.seen_from(found.online.as_of, context.now)
        report = _publish_changes(context, publication, found.online.epoch or "")
    if report.full or publication.since is None:
        context.state.confirm(publication.name, context.now)
    return replace(report, seconds=time.monotonic() - started)


def _publish_in_full(context: SyncRun, publication: Publication, reason: str) -> ViewReport:
    state, view = context.state, publication.view
    _refuse_a_twin(context, publication)
    state.mark_dirty(view.name, publication.layout)
    state.replace(publication)
    rows, newest = state.summary(view)
    _unseal(context, publication)
    _announce_schema(context, publication)
    anything_there = has_rows(context, view.name)
    written = publish_everything(context, publication, rows)
    deleted = delete_orphans(context, publication) if anything_there else 0
    state.mark_clean(view.name, _seal(context, publication), publication.layout)
    _forget_old_schemas(context, publication)
    changed = written + deleted
    return ViewReport(
        view.name, rows, changed, written, deleted, 0, 0.0, newest, full=True, reason=reason
    )


def _publish_changes(context: SyncRun, publication: Publication, epoch: str) -> ViewReport:
    state, view = context.state, publication.view
    changes = state.find_changes(publication)
    counts = state.counts(changes)
    written = deleted = skipped = 0
    if counts:
        state.mark_dirty(view.name, publication.layout)
        if not _unseal(context, publication, epoch):
            return _publish_in_full(context, publication, PART_LOST)
        written, deleted, skipped = publish_changes(context, publication, changes, counts)
        state.apply_changes(publication, _seal(context, publication))
    rows, newest = state.summary(view)
    if skipped:
        # Redis holds rows that this warehouse has not seen: the next run looks at all of them.
        state.mark_dirty(view.name, publication.layout)
    return ViewReport(view.name, rows, sum(counts.values()), written, deleted, skipped, 0.0, newest)


def _refuse_a_twin(context: SyncRun, publication: Publication) -> None:
    """See that no other schema of the view has the fingerprint of this one.

    Raises:
        SyncError: One has: a reader would take rows of either for the other's.
    """
    schema = publication.schema
    name = schema.fingerprint
    held: Any = context.client.hget(context.schema_key(publication.name), name.hex())
    # A text that has not the fingerprint by which it stands there is damage, soon written over.
    twin = held is not None and fingerprint_of_schema(held) == name
    if twin and held != schema.to_json().encode():
        raise SyncError(
            f"Feature view '{publication.name}' cannot be published: its features and another"
            f" schema of it in Redis have one fingerprint, {name.hex()}.",
            remedy="Add, rename or move a feature: it happens once in four billion schemas.",
        )


def _announce_schema(context: SyncRun, publication: Publication) -> None:
    """Tell readers how to read the rows, before the first of them is there."""
    fingerprint = publication.schema.fingerprint.hex()
    written = (fingerprint, publication.schema.to_json(), "current", fingerprint)
    context.lease.run("HSET", [context.schema_key(publication.name)], *written)
    context.lease.run("SADD", [context.views_key], publication.name)


def _forget_old_schemas(context: SyncRun, publication: Publication) -> None:
    key = context.schema_key(publication.name)
    kept = {b"current", publication.schema.fingerprint.hex().encode()}
    names: Any = context.client.hkeys(key)
    old = [name for name in names if name not in kept]
    if old:
        context.lease.run("HDEL", [key], *old)


def _unseal(context: SyncRun, publication: Publication, epoch: str | None = None) -> bool:
    """Take the epoch from Redis before its rows change: a half-done publication has none.

    Args:
        context: The run.
        publication: The view.
        epoch: What is there, where other rows of it are to stay; return whether it is everywhere.
    """
    context.lease.run("HDEL", [context.view_key(publication.name)], "epoch")
    view = context.client, context.project, publication.name
    if epoch is not None:
        return swap_canaries(*view, epoch, context.lease.token)
    set_canaries(*view, context.lease.token)
    return True


def _seal(context: SyncRun, publication: Publication) -> str:
    """Give Redis a new epoch: from here on it holds what the warehouse's table says."""
    epoch = secrets.token_hex(8)
    if not swap_canaries(
        context.client, context.project, publication.name, context.lease.token, epoch
    ):
        raise lock_lost()
    sealed = {
        "epoch": epoch,
        "as_of": context.now.isoformat(),
        "synced_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    fields = [part for pair in sealed.items() for part in pair]
    context.lease.run("HSET", [context.view_key(publication.name)], *fields)
    # Last: a server that takes another's place from here on has the epoch, or lacks it too.
    check_replication_ids(context.client, context.begun)
    return epoch


def _remove_others(context: SyncRun, chosen: Sequence[Publication]) -> list[ViewReport]:
    """Remove what was published of views that are gone from the project, or no longer online."""
    declared = {publication.name for publication in chosen}
    others = undeclared(context.client, context.state, context.project, declared)
    return [_remove(context, view) for view in others]


def _remove(context: SyncRun, view: str) -> ViewReport:
    started = time.monotonic()
    deleted = remove_view(context, view)
    seconds = time.monotonic() - started
    return ViewReport(view, 0, deleted, 0, deleted, 0, seconds, None)
