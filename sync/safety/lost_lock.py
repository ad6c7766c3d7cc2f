"""Finds out how a run lost its lock, for the message."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from featurestore.errors import SyncError
from featurestore.online.keys import metadata_key
from featurestore.online.redis.commands import RedisCommands
from featurestore.online.redis.internals import is_cluster
from featurestore.online.redis.redis_errors import RedisError
from sync.safety.fences import last_fencing_token

__all__ = ["LostLock", "server_run"]


def server_run(client: RedisCommands) -> str:
    """Return the id that a single server has until it is restarted; empty if it does not tell."""
    if is_cluster(client):
        return ""
    # A user of the sync alone may lack the right to INFO.
    with suppress(RedisError):
        return str(client.info("server").get("run_id", ""))
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LostLock:
    """What a run knows about the lock that it lost.

    Attributes:
        project: The dbt project.
        key: The lock.
        run: The server's `server_run` when the lock was taken.
        silent_for: The seconds since the server last confirmed the lock.
        lease: The lock's time-out in seconds.
        fencing_token: The holder's fencing token in a cluster; 0 on a single server.
    """

    project: str
    key: str
    run: str
    silent_for: float
    lease: float
    fencing_token: int = 0

    def error(self, client: RedisCommands) -> SyncError:
        """Return the error of the run, with what took the lock away."""
        cause = "the online store cannot be reached"
        with suppress(RedisError):
            cause = self._cause(client)
        return SyncError(
            f"The lock was lost while syncing: {cause}.",
            remedy="Run the sync again; it publishes what is missing.",
        )

    def _cause(self, client: RedisCommands) -> str:
        is_late = self.silent_for > self.lease
        late = f"it lasts {self.lease:.0f} s, and was not renewed for {self.silent_for:.0f} s"
        holder = client.get(self.key)
        if holder is not None:
            name = holder.decode(errors="replace").partition("#")[0]
            return f"{name} has taken it" + (f", because {late}" if is_late else "")
        if self.run and self.run != server_run(client):
            return "the server of the online store was restarted"
        if not client.hgetall(metadata_key(self.project, "owner")):
            return "the online store was flushed, or the project was purged from it"
        if self.fencing_token and last_fencing_token(client, self.project) > self.fencing_token:
            return "another sync took it over, and has ended"
        if is_late:
            return late
        return "its key was deleted or evicted; Redis must not evict keys (`maxmemory-policy`)"
