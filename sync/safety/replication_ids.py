"""Tells whether the servers that were written to are the ones that hold the rows in the end.

A replica that takes its master's place, and a server that was restarted from a snapshot, may have
the lock and lack the rows written last: copies are made a little later. But neither continues the
history of the one before: each server that takes writes names its own, and takes a new name then.
What is lost after a publication was called done is the business of its epoch, which was written
last and so is lost with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from featurestore.errors import SyncError
from featurestore.online.redis.connection import servers

if TYPE_CHECKING:
    import redis

__all__ = ["check_replication_ids", "replication_ids"]


def replication_ids(client: redis.Redis) -> frozenset[str]:
    """Return the names of the servers' histories; none where a user may not ask for them."""
    import redis.exceptions

    try:
        found: list[dict[str, Any]] = [each.info("replication") for each in servers(client)]
    except redis.exceptions.NoPermissionError:
        return frozenset()
    return frozenset(str(info.get("master_replid", "")) for info in found)


def check_replication_ids(client: redis.Redis, begun: frozenset[str]) -> None:
    """Make sure that no server lost its place since.

    Args:
        client: The online store.
        begun: The histories that the run began with.

    Raises:
        SyncError: One did, so rows that it had confirmed may be gone.
    """
    now = replication_ids(client)
    # Some may have come, or gone, with their slots in order; not one for another.
    if not (now <= begun or begun <= now):
        raise SyncError(
            "A server of the online store was restarted, or another took its place, while syncing:"
            " rows that were written before may be lost.",
            remedy="Run the sync again; it publishes what is missing.",
        )
