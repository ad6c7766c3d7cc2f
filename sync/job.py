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

from featurestore.checks import with_types
from featurestore.definitions import FeatureView
from featurestore.errors import SyncError
from featurestore.registry import Registry
from featurestore.sql.latest_rows import latest_rows
from featurestore.warehouse.protocol import Warehouse
from sync.context import Context, Publication
from sync.lock import sync_lock
from sync.orphans import delete_all, delete_orphans, has_rows
from sync.publish import publish_changes, publish_everything
from sync.reader import published
from sync.report import ProgressEvent, SyncReport, ViewReport
from sync.state import State, ViewState

if TYPE_CHECKING:
    import redis

__all__ = ["run_sync"]


def run_sync(
    registry: Registry,
    warehouse: Warehouse,
    client: redis.Redis,
    *,
    views: Sequence[str] | None = None,
    full: bool = False,
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
        now: The moment for which rows are the newest; by default the clock's.
        state_schema: The warehouse schema for the tables of what was published.
        progress: Called as the work goes on.

    Raises:
        FeatureStoreError: Something is wrong; what was published stays valid, and the next run
            publishes the rest.
    """
    started = time.monotonic()
    as_of = now or datetime.now(UTC)
    chosen = [_publication(view, warehouse, as_of) for view in _chosen(registry, views)]
    project = registry.project
    with sync_lock(client, project) as lease:
        state = State(warehouse, state_schema, project)
        context = Context(project, warehouse, client, lease, state, as_of, progress or _silent)
        reports = [_sync_view(context, publication, full=full) for publication in chosen]
        if views is None:
            reports += _remove_others(context, chosen)
    return SyncReport(project, as_of, time.monotonic() - started, tuple(reports))


def _silent(event: ProgressEvent) -> None:
    del event


def _chosen(registry: Registry, views: Sequence[str] | None) -> list[FeatureView]:
    if views is None:
        return [view for view in registry.feature_views.values() if view.online]
    chosen = {view.name: view for view in map(registry.view, views)}
    for view in chosen.values():
        if not view.online:
            raise SyncError(
                f"The feature view '{view.name}' ({view.path}) is declared `online: false`.",
                remedy="Leave it out, or declare it online.",
            )
    return list(chosen.values())


def _publication(view: FeatureView, warehouse: Warehouse, now: datetime) -> Publication:
    typed = with_types(view, warehouse)
    return published(typed, latest_rows(typed, warehouse.dialect, now), warehouse)


def _sync_view(context: Context, publication: Publication, *, full: bool) -> ViewReport:
    started = time.monotonic()
    state = context.state.read(publication.name)
    reason = _reason(context, publication, state)
    if full or reason or state is None or not state.complete:
        report = _publish_in_full(context, publication, reason)
    else:
        report = _publish_changes(context, publication)
    return replace(report, seconds=time.monotonic() - started)


def _reason(context: Context, publication: Publication, state: ViewState | None) -> str:
    """Say why the view has to be published in full; nothing if what changed is enough."""
    held, current = _held(context, publication)
    if state is None:
        return "the warehouse has no record of what was published" if held else ""
    known = current == publication.schema.fingerprint.hex().encode()
    causes = {
        "the warehouse's table of what was published is gone": not state.complete,
        "the last sync did not finish it": state.dirty,
        "its columns, types or ttl changed": state.layout != publication.layout,
        "the online store does not have it": held is None or not known,
        "the online store was restored, or published to from another warehouse": (
            held != state.epoch.encode()
        ),
    }
    return next((cause for cause, applies in causes.items() if applies), "")


def _held(context: Context, publication: Publication) -> tuple[bytes | None, bytes | None]:
    """Return the epoch and the schema that Redis has of a view."""
    pipeline = context.client.pipeline(transaction=False)
    pipeline.hget(context.view_book(publication.name), "epoch")
    pipeline.hget(context.schema_book(publication.name), "current")
    epoch, current = pipeline.execute()
    return epoch, current


def _publish_in_full(context: Context, publication: Publication, reason: str) -> ViewReport:
    state, view = context.state, publication.view
    state.mark_dirty(view.name, publication.layout)
    state.replace(view, publication.latest)
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


def _publish_changes(context: Context, publication: Publication) -> ViewReport:
    state, view = context.state, publication.view
    changes = state.find_changes(view, publication.latest)
    counts = state.counts(changes)
    written = deleted = skipped = 0
    if counts:
        state.mark_dirty(view.name, publication.layout)
        _unseal(context, publication)
        written, deleted, skipped = publish_changes(context, publication, changes, counts)
        state.apply_changes(view, _seal(context, publication), publication.layout)
    rows, newest = state.summary(view)
    if skipped:
        # Redis holds rows that this warehouse has not seen: the next run looks at all of them.
        state.mark_dirty(view.name, publication.layout)
    return ViewReport(view.name, rows, sum(counts.values()), written, deleted, skipped, 0.0, newest)


def _announce_schema(context: Context, publication: Publication) -> None:
    """Tell readers how to read the rows, before the first of them is there."""
    fingerprint = publication.schema.fingerprint.hex()
    written = (fingerprint, publication.schema.to_json(), "current", fingerprint)
    context.lease.run("HSET", [context.schema_book(publication.name)], *written)
    context.lease.run("SADD", [context.views_book], publication.name)


def _forget_old_schemas(context: Context, publication: Publication) -> None:
    key = context.schema_book(publication.name)
    kept = {b"current", publication.schema.fingerprint.hex().encode()}
    names: Any = context.client.hkeys(key)
    old = [name for name in names if name not in kept]
    if old:
        context.lease.run("HDEL", [key], *old)


def _unseal(context: Context, publication: Publication) -> None:
    """Take the epoch from Redis before its rows change: a half-done publication has none."""
    context.lease.run("HDEL", [context.view_book(publication.name)], "epoch")


def _seal(context: Context, publication: Publication) -> str:
    """Give Redis a new epoch: from here on it holds what the warehouse's table says."""
    epoch = secrets.token_hex(8)
    sealed = {
        "epoch": epoch,
        "as_of": context.now.isoformat(),
        "synced_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    fields = [part for pair in sealed.items() for part in pair]
    context.lease.run("HSET", [context.view_book(publication.name)], *fields)
    return epoch


def _remove_others(context: Context, chosen: Sequence[Publication]) -> list[ViewReport]:
    """Remove what was published of views that are gone from the project, or no longer online."""
    published = {publication.name for publication in chosen}
    remembered: Any = context.client.smembers(context.views_book)
    known = {*context.state.views(), *(name.decode() for name in remembered)}
    return [_remove(context, view) for view in sorted(known - published)]


def _remove(context: Context, view: str) -> ViewReport:
    started = time.monotonic()
    deleted = delete_all(context, view)
    context.lease.run("DEL", [context.view_book(view), context.schema_book(view)])
    context.lease.run("SREM", [context.views_book], view)
    context.state.drop(view)
    seconds = time.monotonic() - started
    return ViewReport(view, 0, deleted, 0, deleted, 0, seconds, None)
