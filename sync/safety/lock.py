"""One sync at a time per project and server: a lock in Redis that expires if its holder dies.

Every write checks the lock at the server. On a single server the scripts compare the lock's token;
in a cluster they see one slot only, so there each slot is guarded by a fence; see `fences`.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any

from featurestore.errors import SyncError, SyncLocked
from featurestore.online.keys import metadata_key
from featurestore.online.redis.commands import RedisCommands
from featurestore.online.redis.internals import is_cluster, shown_server
from featurestore.online.redis.redis_errors import RESHARD_ERRORS, RedisError, ResponseError
from featurestore.online.redis.retry import retry_while
from sync.lua_files import lua_script
from sync.safety.fences import next_fencing_token, raise_fences, return_fencing_token
from sync.safety.lost_lock import LostLock, server_run

__all__ = ["LEASE_SECONDS", "Lease", "lock_key", "sync_lock"]

LEASE_SECONDS = 60.0
"""The lock's time-out: how long a holder that died blocks the next sync.

It is renewed every 20 s, so a renewal that fails is repeated in time. A shorter lease would be lost
while a server hangs for the client's time-out of 30 s."""


class Lease:
    """A lock that is held, and renewed in the background as long as the process lives.

    Args:
        client: The online store.
        project: The dbt project.
        token: The lock's value, which no other holder has.
        seconds: The lock's time-out.

    Attributes:
        project: The dbt project.
        token: The lock's value.
        fencing_token: The number that fences of a cluster are compared with; greater than the
            number of every earlier holder. 0 on a single server.
    """

    def __init__(self, client: RedisCommands, project: str, token: str, seconds: float) -> None:
        self.project = project
        self.token = token
        self.fencing_token = 0
        self._needs_fences = is_cluster(client)
        self._unanswered = False
        self._client = client
        self._key = lock_key(project)
        self._seconds = seconds
        self._server_run = server_run(client)
        self._confirmed = time.monotonic()
        self._done = threading.Event()
        self._lost = threading.Event()
        # A daemon, so that a process that ends in an error does not wait for it.
        self._thread = threading.Thread(target=self._renew, name="sync-lease", daemon=True)
        self._thread.start()

    def take_fencing_token(self) -> None:
        """Take a fencing token (clusters only), and fence off a previous holder if it may be alive.

        A holder that never returned its token may have died with commands on their way.
        """
        if not is_cluster(self._client):
            return
        issued = retry_while(lambda: next_fencing_token(self._client, self.project), RESHARD_ERRORS)
        self.fencing_token = issued.number
        if not issued.previous_returned:
            # The token must not be returned if raising the fences fails half-way.
            self._unanswered = True
            self.fence_off_previous_holders()
            self._unanswered = False

    def fence_off_previous_holders(self) -> None:
        """Raise the fence of every slot of a cluster, so that late commands are refused there."""
        if self._needs_fences:
            raise_fences(self._client, self.project, self.fencing_token)
            self._needs_fences = False

    def note_unanswered(self) -> None:
        """Note that a command was sent and not answered, so the server may execute it late.

        The fencing token is then not returned, and the next holder raises fences.
        """
        self._unanswered = True

    @property
    def guard(self) -> tuple[bytes, bytes]:
        """The lock's key and token, for commands that the server refuses without the lock."""
        return self._key.encode(), self.token.encode()

    def check(self) -> None:
        """Make sure that the lock was not lost, as far as the last renewal knows.

        Raises:
            SyncError: The lock was lost, so another sync may be running.
        """
        if self._lost.is_set():
            raise self.lost()

    def lost(self) -> SyncError:
        """Return the error about the lost lock, with what took it away."""
        return LostLock(
            project=self.project,
            key=self._key,
            run=self._server_run,
            silent_for=time.monotonic() - self._confirmed,
            lease=self._seconds,
            fencing_token=self.fencing_token,
        ).error(self._client)

    def run(self, command: str, keys: Sequence[str | bytes], *arguments: str | bytes) -> Any:
        """Run one command at the server, only if the lock is still held there.

        Args:
            command: A command of Redis whose keys come first, few enough for one script.
            keys: Its keys.
            arguments: The rest of it.

        Raises:
            SyncError: The lock was lost; the command was not executed.
        """
        return self.run_script("run_locked", keys, command, *arguments)

    def run_script(self, name: str, keys: Sequence[str | bytes], *arguments: str | bytes) -> Any:
        """Run a script of this room; its first key is the lock, its first argument the token.

        Args:
            name: The script, which answers LOCKLOST without the lock.
            keys: Its other keys.
            arguments: Its other arguments.

        Raises:
            SyncError: The lock was lost; nothing was executed.
        """
        every = [self._key, *keys]
        words = [*every, self.token, *arguments]
        run = partial(self._client.eval, lua_script("safety", name), len(every), *words)
        try:
            return retry_while(run, RESHARD_ERRORS)
        except ResponseError as error:
            if "LOCKLOST" in str(error):
                raise self.lost() from None
            raise

    def release(self) -> None:
        """Delete the lock, and return the fencing token, if the lock is still held."""
        # The renewal thread ends first, or it would take the released lock for a lost one.
        self._done.set()
        self._thread.join()
        released = self._client.eval(lua_script("safety", "release_lock"), 1, self._key, self.token)
        # After a lost lock, or with a command that may arrive late, the next holder must fence.
        if released and self.fencing_token and not self._unanswered:
            return_fencing_token(self._client, self.project, self.fencing_token)

    def _renew(self) -> None:
        script = lua_script("safety", "renew_lock")
        milliseconds = str(int(self._seconds * 1000))
        # A third, so that two more renewals fit into the lease after one that failed.
        while not self._done.wait(self._seconds / 3):
            try:
                held = self._client.eval(script, 1, self._key, self.token, milliseconds)
            except RedisError:
                # The lock may still be held: only the server's answer says that it is lost.
                continue
            if not held:
                self._lost.set()
                return
            self._confirmed = time.monotonic()


def lock_key(project: str) -> str:
    """Return the key of a project's lock."""
    return metadata_key(project, "lock")


@contextmanager
def sync_lock(
    client: RedisCommands, project: str, *, seconds: float = LEASE_SECONDS
) -> Iterator[Lease]:
    """Hold the project's lock for the length of a block.

    Args:
        client: The online store.
        project: The dbt project.
        seconds: The lock's time-out: how long it outlives a holder that died.

    Raises:
        SyncLocked: Another sync holds the lock.
    """
    key = lock_key(project)
    holder = f"process {os.getpid()} on {socket.gethostname()}"
    # The readable part tells the next sync whom it waits for; the random part makes it unique.
    token = f"{holder} since {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC#{secrets.token_hex(8)}"
    taken = client.set(key, token, nx=True, px=int(seconds * 1000))
    found = token.encode() if taken else client.get(key) or b"another process"
    # A client that missed the first answer repeats the SET, and then finds its own token.
    if found != token.encode():
        raise SyncLocked(
            f"Another sync of project '{project}' is running:"
            f" {found.decode(errors='replace').partition('#')[0]}. The server and database:"
            f" {shown_server(client)}.",
            remedy=f"Wait for it. If it died, its lock expires within {seconds:.0f} s.",
        )
    lease = Lease(client, project, token, seconds)
    try:
        lease.take_fencing_token()
        yield lease
    finally:
        # A lock that cannot be released expires; the error that ended the block matters more.
        with contextlib.suppress(RedisError):
            lease.release()
