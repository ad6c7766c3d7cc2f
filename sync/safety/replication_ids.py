"""Notices a server that was replaced or restarted during a run, by its replication id.

A replica that takes over, and a server restarted from a snapshot, may have the lock and lack the
last rows, since copies are made a little later. Either way the server that takes writes has a new
replication id. A loss after the end of a publication is covered by the epoch: it was written last,
so it is lost first.
"""

from __future__ import annotations

from featurestore.errors import SyncError
from featurestore.online.redis.commands import RedisCommands
from featurestore.online.redis.internals import servers
from featurestore.online.redis.redis_errors import NoPermissionError

__all__ = ["check_replication_ids", "replication_ids"]


def replication_ids(client: RedisCommands) -> frozenset[str]:
    """Return the replication ids of the servers that take writes; empty if the user may not ask."""
    try:
        found = [server.info("replication") for server in servers(client)]
    except NoPermissionError:
        return frozenset()
    return frozenset(str(info.get("master_replid", "")) for info in found)


def check_replication_ids(client: RedisCommands, at_start: frozenset[str]) -> None:
    """Make sure that no server was replaced or restarted since the start of the run.

    Args:
        client: The online store.
        at_start: The replication ids at the start.

    Raises:
        SyncError: A server was, so rows that it had confirmed may be lost.
    """
    now = replication_ids(client)
    # Masters may join or leave the cluster, but must not be swapped.
    if not (now <= at_start or at_start <= now):
        raise SyncError(
            "A server of the online store was restarted, or another took its place, while syncing:"
            " rows that were written before may be lost.",
            remedy="Run the sync again; it publishes what is missing.",
        )
