"""Sends rows to one server: on a bare connection, a few commands ahead of their answers.

So encoding, sending and the server's work overlap.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sync.lock import Lease
from sync.protocol import Rows, packed
from sync.scripts import Guard, scripts

if TYPE_CHECKING:
    import redis

__all__ = ["StandaloneSender", "sending"]

_ROWS_PER_COMMAND = 256
_COMMANDS_AHEAD = 16


class StandaloneSender:
    """An open connection on which rows are written.

    Args:
        connection: The connection.
        shas: The names by which the server knows the scripts.
        guard: The lock's key, and the token that it must hold.
    """

    def __init__(self, connection: Any, shas: dict[str, bytes], guard: tuple[bytes, bytes]) -> None:
        self._connection = connection
        self._shas = shas
        self._guard = guard
        self._awaited = 0

    def send(self, rows: Rows) -> Iterator[Sequence[int]]:
        """Send rows; see `Sender`."""
        for start in range(0, len(rows.keys), _ROWS_PER_COMMAND):
            part = rows.cut(start, start + _ROWS_PER_COMMAND)
            command = packed(self._shas[rows.script], self._guard, part)
            if self._awaited >= _COMMANDS_AHEAD:
                yield self._receive()
            self._connection.send_packed_command([command])
            self._awaited += 1

    def finish(self) -> Iterator[Sequence[int]]:
        """Wait for the answers that are still out; see `Sender`."""
        while self._awaited:
            yield self._receive()

    def _receive(self) -> Sequence[int]:
        answer: Sequence[int] = self._connection.read_response()
        self._awaited -= 1
        return answer


@contextmanager
def sending(client: redis.Redis, lease: Lease) -> Iterator[StandaloneSender]:
    """Open a sender for the length of a block.

    Args:
        client: The online store.
        lease: The lock that must be held for every write.
    """
    shas = {name: _sha(client, script) for name, script in scripts(Guard.LOCK).items()}
    connection = client.connection_pool.get_connection()
    try:
        yield StandaloneSender(connection, shas, lease.held)
    except BaseException:
        # Answers may be outstanding: the connection is of no use to anybody else.
        connection.disconnect()  # type: ignore[no-untyped-call]
        raise
    finally:
        client.connection_pool.release(connection)


def _sha(client: redis.Redis, script: str) -> bytes:
    loaded: Any = client.script_load(script)
    return loaded if isinstance(loaded, bytes) else str(loaded).encode()
