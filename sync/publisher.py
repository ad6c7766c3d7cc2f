"""Writes rows to Redis: in scripts that decide at the server, many rows to a command.

The commands are packed here and sent on a bare connection, a few ahead of their answers, so that
encoding, sending and the server's work overlap.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sync.lock import lock_lost
from sync.scripts import LOST, SCRIPTS, Script

if TYPE_CHECKING:
    import redis

__all__ = ["GRACE", "Publisher", "expiry_shift", "publishing"]

GRACE = timedelta(days=1)
"""How long Redis keeps a row that has outlived its ttl, so that a reader can say so."""

_ROWS_PER_COMMAND = 256
_COMMANDS_AHEAD = 16
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass
class Publisher:
    """An open connection on which rows are written.

    Attributes:
        applied: Rows that the server has written or deleted so far.
        refused: Rows that it has not, because it holds newer ones.
        sent: Rows that were sent.
    """

    connection: Any
    shas: dict[str, bytes]
    lock: tuple[bytes, bytes]
    applied: int = 0
    refused: int = 0
    sent: int = 0

    def __post_init__(self) -> None:
        self._awaited: deque[int] = deque()

    def overwrite(self, keys: Sequence[bytes], values: Sequence[bytes], expiry: bytes) -> None:
        """Write rows whatever the server holds."""
        self._send("overwrite", keys, [values], expiry)

    def write_newest(
        self,
        keys: Sequence[bytes],
        values: Sequence[bytes],
        previous: Sequence[bytes],
        expiry: bytes,
    ) -> None:
        """Write rows where the server holds none, an older one, or the one we published before."""
        self._send("newest", keys, [values, previous], expiry)

    def delete(self, keys: Sequence[bytes], previous: Sequence[bytes]) -> None:
        """Delete rows, unless the server holds a newer one than we published before."""
        self._send("delete", keys, [previous], b"")

    def finish(self) -> None:
        """Wait for all answers."""
        while self._awaited:
            self._receive()

    def _send(
        self, script: str, keys: Sequence[bytes], columns: Sequence[Sequence[bytes]], expiry: bytes
    ) -> None:
        for start in range(0, len(keys), _ROWS_PER_COMMAND):
            part = slice(start, start + _ROWS_PER_COMMAND)
            rows = keys[part]
            packed = _packed(
                self.shas[script], self.lock, rows, [column[part] for column in columns], expiry
            )
            if len(self._awaited) >= _COMMANDS_AHEAD:
                self._receive()
            self.connection.send_packed_command([packed])
            self._awaited.append(len(rows))
            self.sent += len(rows)

    def _receive(self) -> None:
        answer = self.connection.read_response()
        self._awaited.popleft()
        applied, refused = answer
        if applied == LOST:
            raise lock_lost()
        self.applied += int(applied)
        self.refused += int(refused)


@contextmanager
def publishing(client: redis.Redis, lock: tuple[bytes, bytes]) -> Iterator[Publisher]:
    """Open a publisher for the length of a block; at its end all answers are in.

    Args:
        client: The online store.
        lock: The key and the token of the lock that must be held for every write.
    """
    shas = {name: _sha(client, script) for name, script in SCRIPTS.items()}
    connection = client.connection_pool.get_connection()
    publisher = Publisher(connection, shas, lock)
    try:
        yield publisher
        publisher.finish()
    except BaseException:
        # Answers may be outstanding: the connection is of no use to anybody else.
        connection.disconnect()  # type: ignore[no-untyped-call]
        raise
    finally:
        client.connection_pool.release(connection)


def expiry_shift(ttl: timedelta | None, now: datetime) -> bytes:
    """Return what is added to an event's seconds to get a row's remaining time.

    The time is relative to the moment at which the store stands, so that history can be replayed.
    """
    if ttl is None:
        return b""
    return f"{(ttl + GRACE - (now - _EPOCH)).total_seconds():.6f}".encode()


def _sha(client: redis.Redis, script: Script) -> bytes:
    loaded: Any = client.script_load(script)
    return loaded if isinstance(loaded, bytes) else str(loaded).encode()


def _packed(
    sha: bytes,
    lock: tuple[bytes, bytes],
    keys: Sequence[bytes],
    columns: Sequence[Sequence[bytes]],
    expiry: bytes,
) -> bytes:
    """Write one EVALSHA in the server's protocol.

    https://redis.io/docs/latest/develop/reference/protocol-spec/
    """
    key, token = lock
    count = len(keys)
    arguments = 6 + count * (1 + len(columns))
    head = [b"*%d\r\n" % arguments]
    head += [_bulk(part) for part in (b"EVALSHA", sha, b"%d" % (count + 1), key)]
    body = [b"$%d\r\n%b\r\n" % (len(part), part) for part in keys]
    tail = [_bulk(token), _bulk(expiry)]
    for column in columns:
        tail += [b"$%d\r\n%b\r\n" % (len(part), part) for part in column]
    return b"".join([*head, *body, *tail])


def _bulk(part: bytes) -> bytes:
    return b"$%d\r\n%b\r\n" % (len(part), part)
