"""Writes rows to Redis, many to a command: what must be decided is decided at the server."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from featurestore.online.redis.connection import is_cluster
from sync.encoding.byte_columns import from_pieces
from sync.redis.resp import RowBatch
from sync.redis.scripts import LOST
from sync.safety.lock import Lease, lock_lost

if TYPE_CHECKING:
    import pyarrow as pa
    import redis

__all__ = ["GRACE", "Publisher", "expiry_shift", "publishing"]

GRACE = timedelta(days=1)
"""How long Redis keeps a row that has outlived its ttl, so that a reader can say so."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Sender(Protocol):
    """Sends rows to the servers that keep them; answers may come later."""

    def send(self, rows: RowBatch) -> Iterator[Sequence[int]]:
        """Send rows, and yield the answers that have come since: rows applied, and refused."""

    def finish(self) -> Iterator[Sequence[int]]:
        """Wait for the answers that are still out, and yield them."""


class Publisher:
    """Writes rows, and counts what became of them.

    Args:
        sender: How they get to the servers.

    Attributes:
        applied: Rows that the server has written or deleted so far.
        refused: Rows that it has not, because it holds newer ones.
        sent: Rows that were sent.
    """

    def __init__(self, sender: Sender) -> None:
        self.applied = self.refused = self.sent = 0
        self._sender = sender

    def overwrite(self, keys: pa.Array[Any], values: pa.Array[Any], expiry: bytes) -> None:
        """Write rows whatever the server holds."""
        self._send(RowBatch("overwrite", keys, (values,), expiry))

    def write_newest(
        self,
        keys: pa.Array[Any],
        values: pa.Array[Any],
        previous: pa.Array[Any],
        expiry: bytes,
    ) -> None:
        """Write rows where the server holds none, an older one, or the one we published before."""
        self._send(RowBatch("newest", keys, (values, previous), expiry))

    def delete(self, keys: pa.Array[Any], previous: pa.Array[Any]) -> None:
        """Delete rows, unless the server holds a newer one than we published before."""
        self._send(RowBatch("delete", keys, (previous,)))

    def unlink(self, keys: Sequence[bytes]) -> None:
        """Delete rows whatever they hold."""
        self._send(RowBatch("unlink", from_pieces(keys)))

    def finish(self) -> None:
        """Wait for all answers."""
        self._count(self._sender.finish())

    def _send(self, rows: RowBatch) -> None:
        self.sent += len(rows)
        self._count(self._sender.send(rows))

    def _count(self, answers: Iterator[Sequence[int]]) -> None:
        for applied, refused in answers:
            if applied == LOST:
                raise lock_lost()
            self.applied += int(applied)
            self.refused += int(refused)


@contextmanager
def publishing(client: redis.Redis, lease: Lease) -> Iterator[Publisher]:
    """Open a publisher for the length of a block; at its end all answers are in.

    Args:
        client: The online store.
        lease: The lock that must be held for every write.
    """
    from sync.redis.cluster import sending_to_cluster
    from sync.redis.standalone import sending

    with (sending_to_cluster if is_cluster(client) else sending)(client, lease) as sender:
        publisher = Publisher(sender)
        yield publisher
        publisher.finish()


def expiry_shift(ttl: timedelta | None, now: datetime) -> bytes:
    """Return what is added to an event's seconds to get a row's remaining time.

    The time is relative to the moment at which the store stands, so that history can be replayed.
    """
    if ttl is None:
        return b""
    return f"{(ttl + GRACE - (now - _EPOCH)).total_seconds():.6f}".encode()
