"""Removes rows from Redis: those of a view that the warehouse knows nothing of, or all of them."""

from __future__ import annotations

from sync.context import Context, Publication
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
    return sum(_unlink(context, keys) for keys in groups(orphans))


def remove_view(context: Context, view: str) -> int:
    """Delete every row of a view, and what both sides note about it; return the number of rows.

    The warehouse's record goes first, and Redis's own list of views last: one that is removed by
    half is neither taken for published nor forgotten.
    """
    context.state.drop(view)
    rows = row_keys(context.client, context.project, view)
    deleted = sum(_unlink(context, keys) for keys in groups(rows))
    # One by one: the books of a view need not lie in one slot of a cluster.
    context.lease.run("DEL", [context.view_book(view)])
    context.lease.run("DEL", [context.schema_book(view)])
    context.lease.run("SREM", [context.views_book], view)
    return deleted


def _unlink(context: Context, keys: list[bytes]) -> int:
    # A script takes some thousands of arguments at the most.
    parts = [keys[start : start + 1_000] for start in range(0, len(keys), 1_000)]
    return sum(int(context.lease.run("UNLINK", part)) for part in parts)
