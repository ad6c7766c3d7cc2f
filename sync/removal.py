"""Removes rows from Redis: those of a view that the warehouse knows nothing of, or all of them."""

from __future__ import annotations

from collections.abc import Iterator

from sync.canaries import remove_canaries
from sync.context import Context
from sync.publication import Publication
from sync.publisher import publishing
from sync.rows import row_keys
from sync.unknown import groups, unknown_keys

__all__ = ["delete_orphans", "has_rows", "remove_view"]


def has_rows(context: Context, view: str) -> bool:
    """Whether Redis holds any row of a view."""
    return next(row_keys(context.client, context.project, view), None) is not None


def delete_orphans(context: Context, publication: Publication) -> int:
    """Delete the rows of a view that are not among its published ones; return their number."""
    table = context.state.published(publication.name)
    orphans = unknown_keys(context.client, context.warehouse, context.project, publication, table)
    return _unlink(context, orphans)


def remove_view(context: Context, view: str) -> int:
    """Delete every row of a view, and what both sides note about it; return the number of rows.

    The warehouse's record goes first, and Redis's own list of views last: one that is removed by
    half is neither taken for published nor forgotten.
    """
    context.state.drop(view)
    deleted = _unlink(context, row_keys(context.client, context.project, view))
    context.lease.run("DEL", [context.view_book(view), context.schema_book(view)])
    remove_canaries(context.client, context.project, view)
    context.lease.run("SREM", [context.views_book], view)
    return deleted


def _unlink(context: Context, keys: Iterator[bytes]) -> int:
    with publishing(context.client, context.lease) as publisher:
        for group in groups(keys):
            publisher.unlink(group)
    return publisher.applied
