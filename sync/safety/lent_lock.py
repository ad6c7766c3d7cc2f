"""The lock as a writer sees it: the holder's own, or a copy lent to a process on another machine.

The holder renews the lock. A borrower can only present it: the server refuses its rows once the
lock is lost, on a single server by the token, in a cluster by the fences of the next holder.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from featurestore.errors import SyncError
from featurestore.online.redis.commands import RedisCommands
from sync.safety.lock import Lease, lock_key

__all__ = ["LentLock", "LockGone", "WriteLease"]


class WriteLease(Protocol):
    """A lock that guards writes."""

    @property
    def project(self) -> str:
        """The project, as its keys name it."""

    @property
    def fencing_token(self) -> int:
        """The number that fences of a cluster are compared with."""

    @property
    def guard(self) -> tuple[bytes, bytes]:
        """The lock's key and token."""

    def note_unanswered(self) -> None:
        """Note that a command was sent and not answered."""

    def lost(self) -> SyncError:
        """Return the error about the lost lock."""


class LockGone(SyncError):
    """A borrower's lock was lost; its holder finds out why."""


@dataclass(frozen=True, slots=True)
class LentLock:
    """A lock whose holder is another process; see `WriteLease`.

    Attributes:
        project: The project, as its keys name it.
        token: The lock's value.
        fencing_token: The number that fences of a cluster are compared with.
    """

    project: str
    token: str
    fencing_token: int

    @classmethod
    def of(cls, lease: Lease) -> LentLock:
        """Lend a lock.

        A borrower may be cut off while a command is on its way, and then nobody reads the answer.
        So the holder keeps its fencing token, and the next holder raises the fences.
        """
        lease.note_unanswered()
        return cls(lease.project, lease.token, lease.fencing_token)

    @property
    def guard(self) -> tuple[bytes, bytes]:
        """The lock's key and token."""
        return lock_key(self.project).encode(), self.token.encode()

    def note_unanswered(self) -> None:
        """Do nothing: the holder assumes it anyway."""

    def lost(self) -> SyncError:
        """Return the error about the lost lock."""
        return LockGone("The lock was lost while syncing.")

    def check(self, client: RedisCommands) -> None:
        """Make sure that the lock is still held.

        In a cluster, fences stop a writer only once another holder has raised them.

        Raises:
            LockGone: It is not.
        """
        key, token = self.guard
        if client.get(key) != token:
            raise self.lost()
