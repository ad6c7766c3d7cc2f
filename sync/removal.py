"""Removes rows from Redis: those of a view that the warehouse knows nothing of, or all of them."""

from __future__ import annotations

from collections.abc import Iterator

from sync.orphans import groups, unknown_keys
from sync.redis.publisher import publishing
from sync.redis.stored_rows import row_keys
from sync.run import SyncRun
from sync.safety.canaries import remove_canaries
from sync.warehouse.publication import Publication

__all__ = ["delete_orphans", "has_rows", "remove_view"]


def has_rows(context: SyncRun, view: str) -> bool:
    """Whether Redis holds any row of a view."""
    return next(row_keys(context.client, context.project, view), None) is not None


def delete_orphans(context: SyncRun, publication: Publication) -> int:
    """Delete the rows of a view that are not among its published ones; return their number."""
    table = context.state.published(publication.name)
    orphans = unknown_keys(context.client, context.warehouse, context.project, publication, table)
    return _unlink(context, orphans)


def remove_view(context: SyncRun, view: str) -> int:
    """Delete every row of a view, and what both sides note about it; return the number of rows.

    The warehouse's record goes first, and Redis's own list of views last: one that is removed by
    half is neither taken for published nor forgotten.
    """
    context.state.drop(view)
    deleted = _unlink(context, row_keys(context.client, context.project, view))
    context.lease.run("DEL", [context.view_key(view), context.schema_key(view)])
    remove_canaries(context.client, context.project, view)
    context.lease.run("SREM", [context.views_key], view)
    return deleted


def _unlink(context: SyncRun, keys: Iterator[bytes]) -> int:
    with publishing(context.client, context.lease) as publisher:
        for group in groups(keys):
            publisher.unlink(group)
    return publisher.applied
