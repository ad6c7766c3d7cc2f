"""Removes one view, or a whole project, from the online store, and nothing else.

The ledger's records go first: after a purge that dies half-way, the next sync publishes the view in
full.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from featurestore.errors import UnknownFeatureView
from featurestore.online.keys import metadata_key, row_prefix, view_of
from featurestore.online.redis.commands import RedisCommands
from featurestore.registry.registry import Registry
from featurestore.warehouse.protocol import Warehouse
from sync.batch_sizes import SCAN_COUNT
from sync.redis.key_scan import keys_with
from sync.redis.stored_rows import row_keys
from sync.removal import remove_view
from sync.safety.fences import remove_fences
from sync.safety.identity import Identity
from sync.safety.lock import lock_key
from sync.safety.ownership import Ownership, ownership_lock
from sync.selection import published_names
from sync.sync_run import SyncRun
from sync.warehouse.ledger import Ledger

__all__ = ["PurgeReport", "PurgedView", "plan_purge", "purge"]


@dataclass(frozen=True, slots=True)
class PurgedView:
    """The result of a purge for one view.

    Attributes:
        view: The feature view.
        rows: Rows in Redis.
    """

    view: str
    rows: int


@dataclass(frozen=True, slots=True)
class PurgeReport:
    """The result of a purge.

    Attributes:
        project: The project, as its keys in Redis name it.
        views: One entry per view.
        dry_run: Whether nothing was removed.
    """

    project: str
    views: tuple[PurgedView, ...]
    dry_run: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values, for JSON."""
        return asdict(self)


def plan_purge(
    registry: Registry, client: RedisCommands, ledger: Ledger, view: str | None = None
) -> PurgeReport:
    """Count the rows that a purge would remove, without writing.

    Args:
        registry: The project's definitions.
        client: The online store.
        ledger: The record of what was published.
        view: The view; by default the whole project.

    Raises:
        UnknownFeatureView: The view is neither declared nor published.
    """
    project = registry.online_name
    found = [
        PurgedView(name, sum(1 for _ in row_keys(client, project, name)))
        for name in _names(registry, client, ledger, view)
    ]
    return PurgeReport(project, tuple(found), dry_run=True)


def purge(
    registry: Registry,
    warehouse: Warehouse,
    client: RedisCommands,
    ledger: Ledger,
    identity: Identity,
    *,
    view: str | None = None,
) -> PurgeReport:
    """Remove the rows and metadata of one view, or everything that the project has in Redis.

    Args:
        registry: The project's definitions.
        warehouse: The warehouse, open for writing.
        client: The online store.
        ledger: The record of what was published; its entries are deleted.
        identity: Who purges.
        view: The view; by default the whole project.

    Raises:
        UnknownFeatureView: The view is neither declared nor published.
        SyncLocked: A sync of the project is running.
        ForeignOwner: Another identity publishes the project; nothing was changed.
    """
    project = registry.online_name
    with ownership_lock(client, project, ledger, identity) as lease:
        run = SyncRun(
            registry=registry,
            warehouse=warehouse,
            client=client,
            ledger=ledger,
            now=datetime.now(UTC),
            ownership=Ownership(identity, identity),
            lease=lease,
        )
        names = _names(registry, client, ledger, view)
        removed = tuple(PurgedView(name, remove_view(run, name)) for name in names)
        if view is None:
            _remove_metadata(run)
    return PurgeReport(project, removed)


def _names(
    registry: Registry, client: RedisCommands, ledger: Ledger, view: str | None
) -> list[str]:
    known = published_names(client, ledger, registry.online_name)
    if view is None:
        return sorted(known | set(_views_with_rows(client, registry.online_name)))
    if view in known:
        return [view]
    try:
        return [registry.view(view).name]
    except UnknownFeatureView:
        if next(row_keys(client, registry.online_name, view), None) is not None:
            return [view]
        raise


def _views_with_rows(client: RedisCommands, project: str) -> Iterator[str]:
    """Yield the views that have rows, even those that neither side has a record of."""
    for key in keys_with(client, _all_rows(project)):
        view = view_of(key, project)
        if view is not None:
            yield view


def _all_rows(project: str) -> str:
    # The prefix of a view with an empty name is the prefix of all views, and a colon.
    return row_prefix(project, "").removesuffix(":")


def _remove_metadata(run: SyncRun) -> None:
    """Delete the remaining metadata keys of the project, but the lock, which is released later."""
    lock = lock_key(run.project).encode()
    left = run.client.scan_iter(match=f"{metadata_key(run.project, '')}*", count=SCAN_COUNT)
    for key in [key for key in left if key != lock]:
        run.lease.run("DEL", [key])
    remove_fences(run.client, run.project)
