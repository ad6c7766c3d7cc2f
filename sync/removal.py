"""Deletes rows from Redis: the orphans of a view, or all its rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sync.lapses import Lapses
from sync.orphans import key_groups, unknown_keys
from sync.redis.metadata import schema_key, view_key, views_key
from sync.redis.publisher import publishing
from sync.redis.stored_rows import row_keys
from sync.safety.canaries import remove_canaries
from sync.safety.ownership import note_own_rows
from sync.sync_run import SyncRun
from sync.warehouse.publication import Publication

__all__ = ["delete_orphans", "has_rows", "remove_view", "unlink_rows"]


def has_rows(run: SyncRun, view: str) -> bool:
    """Return whether Redis holds any row of a view."""
    return next(row_keys(run.client, run.project, view), None) is not None


def delete_orphans(run: SyncRun, publication: Publication, lapses: Lapses) -> int:
    """Delete the rows of a view that are not among its published rows; return their number.

    Rows that left for their time alone stay: readers say EXPIRED, until the server drops them.
    """
    table = run.ledger.published(publication.name)
    orphans = unknown_keys(run, publication, table)
    return _unlink(run, (key for group in key_groups(orphans) for key in lapses.left_out(group)))


def remove_view(
    run: SyncRun, view: str, unlink: Callable[[SyncRun, str], int] | None = None
) -> int:
    """Delete every row of a view and its records on both sides; return the number of rows.

    The ledger's records go first, and the view's name in Redis' list of views last. So a view that
    is half removed does not count as published, and the next run finds it again.

    Args:
        run: The run.
        view: The view.
        unlink: Deletes its rows; by default `unlink_rows`.
    """
    # In this order a crash never leaves rows that no record leads to.
    run.ledger.drop(view)
    deleted = (unlink or unlink_rows)(run, view)
    run.lease.run("DEL", [view_key(run.project, view), schema_key(run.project, view)])
    remove_canaries(run.client, run.project, view)
    note_own_rows(run.lease, view)
    run.lease.run("SREM", [views_key(run.project)], view)
    return deleted


def unlink_rows(run: SyncRun, view: str) -> int:
    """Delete every row of a view; return their number."""
    return _unlink(run, row_keys(run.client, run.project, view))


def _unlink(run: SyncRun, keys: Iterator[bytes]) -> int:
    with publishing(run.client, run.lease) as publisher:
        for group in key_groups(keys):
            publisher.unlink(group)
    return publisher.applied
