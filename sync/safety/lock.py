"""One sync at a time per project and server: a lock in Redis that a dead holder loses by itself."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from featurestore.errors import SyncError, SyncLocked
from featurestore.online.keys import metadata_key
from featurestore.online.redis.connection import is_cluster
from featurestore.online.redis.retry import reshard_errors, retry_while
from sync.safety.fences import give_back, next_number, raise_fences

if TYPE_CHECKING:
    import redis

__all__ = ["LEASE_SECONDS", "Lease", "lock_key", "lock_lost", "sync_lock"]

LEASE_SECONDS = 60.0

_IF_HELD = "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end "
_RENEW = f"{_IF_HELD} return redis.call('PEXPIRE', KEYS[1], ARGV[2])"
_RELEASE = f"{_IF_HELD} return redis.call('DEL', KEYS[1])"
_GUARDED = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return redis.error_reply('LOCKLOST') end
local command = {ARGV[2]}
for i = 2, #KEYS do command[i] = KEYS[i] end
for i = 3, #ARGV do command[#KEYS + i - 2] = ARGV[i] end
return redis.call(unpack(command))
"""


class Lease:
    """A lock that is held, and renewed in the background as long as the process lives.

    Args:
        client: The online store.
        project: The dbt project.
        token: The lock's value, which no other holder has.
        seconds: How long it outlives its holder.

    Attributes:
        project: The dbt project.
        token: The lock's value.
        number: What fences in a cluster are compared with; greater than that of any holder before.
    """

    def __init__(self, client: redis.Redis, project: str, token: str, seconds: float) -> None:
        self.project = project
        self.token = token
        self.number = 0
        self._fenced = not is_cluster(client)
        self._doubtful = False
        self._client = client
        self._key = lock_key(project)
        self._seconds = seconds
        self._done = threading.Event()
        self._lost = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="sync-lease", daemon=True)
        self._thread.start()

    def take_number(self) -> None:
        """Have a number, where one is needed; keep a holder before away who may be about."""
        if not is_cluster(self._client):
            return
        number = retry_while(lambda: next_number(self._client, self.project), reshard_errors())
        self.number = number.value
        if not number.alone:
            self._doubtful = True
            self.keep_others_out()
            self._doubtful = False

    def keep_others_out(self) -> None:
        """Have whatever a holder before has sent refused in every slot of a cluster."""
        if not self._fenced:
            raise_fences(self._client, self.project, self.number)
            self._fenced = True

    def doubt(self) -> None:
        """Note that something sent was not answered, so that it may be done when nobody expects."""
        self._doubtful = True

    @property
    def held(self) -> tuple[bytes, bytes]:
        """The lock's key and token, for commands that the server shall refuse without it."""
        return self._key.encode(), self.token.encode()

    def check(self) -> None:
        """Make sure that the lock is still held.

        Raises:
            SyncError: It was lost, so another sync may be at work.
        """
        if self._lost.is_set():
            raise lock_lost()

    def run(self, command: str, keys: Sequence[str | bytes], *arguments: str | bytes) -> Any:
        """Run one command at the server, if and only if the lock is still held there.

        Args:
            command: A command of Redis that takes its keys first, few enough for one script.
            keys: Its keys.
            arguments: The rest of it.

        Raises:
            SyncError: The lock was lost; nothing was done.
        """
        import redis.exceptions

        every = [self._key, *keys]
        words = [*every, self.token, command, *arguments]
        try:
            return retry_while(
                lambda: self._client.eval(_GUARDED, len(every), *words), reshard_errors()
            )
        except redis.exceptions.ResponseError as error:
            if "LOCKLOST" in str(error):
                raise lock_lost() from None
            raise

    def release(self) -> None:
        """Give the lock back, if it is still held."""
        self._done.set()
        self._thread.join()
        held = self._client.eval(_RELEASE, 1, self._key, self.token)
        if held and self.number and not self._doubtful:
            give_back(self._client, self.project, self.number)

    def _keep(self) -> None:
        import redis.exceptions

        milliseconds = str(int(self._seconds * 1000))
        while not self._done.wait(self._seconds / 3):
            try:
                held = self._client.eval(_RENEW, 1, self._key, self.token, milliseconds)
            except redis.exceptions.RedisError:
                continue
            if not held:
                self._lost.set()
                return


def lock_key(project: str) -> str:
    """Return the key of a project's lock."""
    return metadata_key(project, "lock")


def lock_lost() -> SyncError:
    """Return the error that says that another may be at work now."""
    return SyncError(
        "The lock was lost while syncing: the online store was flushed, restarted, or could not be"
        " reached for too long, or another sync took over.",
        remedy="Run the sync again; it publishes what is missing.",
    )


@contextmanager
def sync_lock(
    client: redis.Redis, project: str, *, seconds: float = LEASE_SECONDS
) -> Iterator[Lease]:
    """Hold the project's lock for the length of a block.

    Args:
        client: The online store.
        project: The dbt project.
        seconds: How long the lock outlives a holder that died.

    Raises:
        SyncLocked: Another sync holds it.
    """
    import redis.exceptions

    key = lock_key(project)
    holder = f"process {os.getpid()} on {socket.gethostname()}"
    token = f"{holder} since {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC#{secrets.token_hex(8)}"
    taken = client.set(key, token, nx=True, px=int(seconds * 1000))
    found: Any = token.encode() if taken else client.get(key) or b"another process"
    # A client that missed the answer asks again, and then finds its own.
    if found != token.encode():
        raise SyncLocked(
            f"Another sync of project '{project}' is at work:"
            f" {found.decode(errors='replace').partition('#')[0]}.",
            remedy=f"Wait for it; the lock of one that died frees itself within {seconds:.0f} s.",
        )
    lease = Lease(client, project, token, seconds)
    try:
        lease.take_number()
        yield lease
    finally:
        # A lock that cannot be given back expires; what ended the block is the thing to tell.
        with contextlib.suppress(redis.exceptions.RedisError):
            lease.release()
