"""Removes what was published, of one view or of a whole project, and nothing else.

The warehouse's record goes first: a purge that dies half-way leaves a view that the next sync
publishes in full.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from featurestore.errors import UnknownFeatureView
from featurestore.online.keys import metadata_key, row_prefix, view_of
from featurestore.registry.registry import Registry
from featurestore.warehouse.protocol import Warehouse
from sync.redis.key_scan import keys_with
from sync.redis.stored_rows import row_keys
from sync.removal import remove_view
from sync.run import SyncRun
from sync.safety.fences import remove_fences
from sync.safety.lock import lock_key, sync_lock
from sync.selection import published_names
from sync.warehouse.ledger import Ledger

if TYPE_CHECKING:
    import redis

__all__ = ["PurgeReport", "PurgedView", "plan_purge", "purge"]


@dataclass(frozen=True, slots=True)
class PurgedView:
    """What was removed of one view.

    Attributes:
        view: The feature view.
        rows: Rows in Redis.
    """

    view: str
    rows: int


@dataclass(frozen=True, slots=True)
class PurgeReport:
    """What was removed, or would be.

    Attributes:
        project: The dbt project.
        views: One entry per view.
        dry_run: Whether it only says what a purge would do.
    """

    project: str
    views: tuple[PurgedView, ...]
    dry_run: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values, for JSON."""
        return asdict(self)


def plan_purge(
    registry: Registry, client: redis.Redis, state: Ledger, view: str | None = None
) -> PurgeReport:
    """Count what a purge would remove; nothing is written.

    Args:
        registry: The project's definitions.
        client: The online store.
        state: What the warehouse says was published.
        view: The view; by default the whole project.

    Raises:
        UnknownFeatureView: There is none of this name, nor was there ever.
    """
    project = registry.project
    found = [
        PurgedView(name, sum(1 for _ in row_keys(client, project, name)))
        for name in _names(registry, client, state, view)
    ]
    return PurgeReport(project, tuple(found), dry_run=True)


def purge(
    registry: Registry,
    warehouse: Warehouse,
    client: redis.Redis,
    state: Ledger,
    view: str | None = None,
) -> PurgeReport:
    """Remove rows and books of one view, or everything that the project has in Redis.

    Args:
        registry: The project's definitions.
        warehouse: Open for writing.
        client: The online store.
        state: What the warehouse says was published; it is forgotten.
        view: The view; by default the whole project.

    Raises:
        UnknownFeatureView: There is none of this name, nor was there ever.
        SyncLocked: A sync of the project is at work.
    """
    project = registry.project
    with sync_lock(client, project) as lease:
        now = datetime.now(UTC)
        context = SyncRun(project, warehouse, client, lease, state, now)
        names = _names(registry, client, state, view)
        removed = tuple(PurgedView(name, remove_view(context, name)) for name in names)
        if view is None:
            _remove_books(context)
    return PurgeReport(project, removed)


def _names(registry: Registry, client: redis.Redis, state: Ledger, view: str | None) -> list[str]:
    known = published_names(client, state, registry.project)
    if view is None:
        return sorted(known | set(_found_in_rows(client, registry.project)))
    if view in known:
        return [view]
    try:
        return [registry.view(view).name]
    except UnknownFeatureView:
        if next(row_keys(client, registry.project, view), None) is not None:
            return [view]
        raise


def _found_in_rows(client: redis.Redis, project: str) -> Iterator[str]:
    """Yield the views that have rows, whether or not any book knows them."""
    for key in keys_with(client, _all_rows(project)):
        yield view_of(key, project)


def _all_rows(project: str) -> str:
    # A view without a name: its keys' beginning is that of all views, and a colon.
    return row_prefix(project, "").removesuffix(":")


def _remove_books(context: SyncRun) -> None:
    """Remove what is left of the project's books; the lock goes when it is given back."""
    lock = lock_key(context.project).encode()
    left = context.client.scan_iter(match=f"{metadata_key(context.project, '')}*", count=2_000)
    for key in [key for key in left if key != lock]:
        context.lease.run("DEL", [key])
    remove_fences(context.client, context.project)
