"""Writes rows to Redis, many to a command; the server itself decides whether a row is newer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from featurestore.online.redis.commands import RedisCommands
from featurestore.online.redis.internals import is_cluster
from sync.encoding.byte_columns import ByteColumn, from_pieces
from sync.redis.cluster import sending_to_cluster
from sync.redis.resp import RowBatch
from sync.redis.scripts import LOST
from sync.redis.standalone import sending_to_server
from sync.safety.lent_lock import WriteLease

__all__ = ["Publisher", "publishing"]


class Sender(Protocol):
    """Sends rows to the servers that keep them; answers may come later."""

    def send(self, rows: RowBatch) -> Iterator[Sequence[int]]:
        """Send rows, and yield the answers read meanwhile: rows applied, rows refused."""

    def finish(self) -> Iterator[Sequence[int]]:
        """Wait for the outstanding answers, and yield them."""


class Publisher:
    """Writes rows, and counts the results.

    Args:
        sender: Sends the rows.
        lease: The lock that guards every write.

    Attributes:
        applied: Rows that the server has written or deleted so far.
        refused: Rows that it has refused, because it holds newer ones.
        sent: Rows sent so far.
    """

    def __init__(self, sender: Sender, lease: WriteLease) -> None:
        self.applied = self.refused = self.sent = 0
        self._sender = sender
        self._lease = lease

    def overwrite(self, keys: ByteColumn, values: ByteColumn, expiry: bytes) -> None:
        """Write rows, no matter what the server holds."""
        self._send(RowBatch("overwrite", keys, (values,), expiry))

    def write_newest(
        self, keys: ByteColumn, values: ByteColumn, previous: ByteColumn, expiry: bytes
    ) -> None:
        """Write rows where the server holds none, an older one, or the one published before."""
        self._send(RowBatch("newest", keys, (values, previous), expiry))

    def delete(self, keys: ByteColumn, previous: ByteColumn) -> None:
        """Delete rows, unless the server holds a newer one than was published before."""
        self._send(RowBatch("delete", keys, (previous,)))

    def replace(
        self, keys: ByteColumn, values: ByteColumn, damaged: ByteColumn, expiry: bytes
    ) -> None:
        """Write rows where the server still holds the damaged ones."""
        self._send(RowBatch("replace", keys, (values, damaged), expiry))

    def discard(self, keys: ByteColumn, damaged: ByteColumn) -> None:
        """Delete rows where the server still holds the damaged ones."""
        self._send(RowBatch("discard", keys, (damaged,)))

    def unlink(self, keys: Sequence[bytes]) -> None:
        """Delete rows, no matter what they hold."""
        self._send(RowBatch("unlink", from_pieces(keys)))

    def finish(self) -> None:
        """Wait for all answers."""
        self._count(self._sender.finish())

    def _send(self, rows: RowBatch) -> None:
        self.sent += len(rows)
        self._count(self._sender.send(rows))

    def _count(self, answers: Iterator[Sequence[int]]) -> None:
        for applied, refused in answers:
            # The server found another holder's token, or none.
            if applied == LOST:
                raise self._lease.lost()
            self.applied += applied
            self.refused += refused


@contextmanager
def publishing(client: RedisCommands, lease: WriteLease) -> Iterator[Publisher]:
    """Open a publisher for the length of a block; at its end all answers were read.

    Args:
        client: The online store.
        lease: The lock that guards every write.
    """
    with (sending_to_cluster if is_cluster(client) else sending_to_server)(client, lease) as sender:
        publisher = Publisher(sender, lease)
        yield publisher
        publisher.finish()
