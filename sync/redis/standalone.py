"""Sends rows to one server: on a bare connection, a few commands ahead of their answers.

So encoding, sending and the server's work overlap.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from featurestore.online.keys import metadata_key
from sync.redis.resp import RowBatch, Written, parts
from sync.redis.scripts import WriteGuard, scripts
from sync.redis.transactions import ANSWERS, Transactions, are_allowed, opening
from sync.safety.lock import Lease

if TYPE_CHECKING:
    import redis

__all__ = ["StandaloneSender", "sending"]

_COMMANDS_AHEAD = 64


@dataclass(frozen=True, slots=True)
class _Sent:
    """What was sent, and is not answered.

    Attributes:
        rows: The rows.
        answers: How many answers there will be, of which the last one counts.
    """

    rows: RowBatch
    answers: int = 1


class StandaloneSender:
    """An open connection on which rows are written.

    Args:
        connection: The connection.
        shas: The names by which the server knows the scripts.
        lease: The lock that must be held for every write.
    """

    def __init__(self, connection: Any, shas: dict[str, bytes], lease: Lease) -> None:
        self._connection = connection
        self._shas = shas
        self._guard = lease.held
        self._opening = opening(self._guard, metadata_key(lease.project, "alarm").encode())
        self._plainly = are_allowed(connection, self._opening)
        self._awaited: deque[_Sent] = deque()

    def send(self, rows: RowBatch) -> Iterator[Sequence[int]]:
        """Send rows; see `Sender`."""
        # An expiry of its own for each row takes the server as long either way.
        plain = self._plainly and rows.script == "overwrite" and not rows.expiry
        for sent, packed in self._plain(rows) if plain else self._script(rows):
            if len(self._awaited) >= _COMMANDS_AHEAD:
                yield from self._receive()
            self._connection.send_packed_command([packed])
            self._awaited.append(sent)

    def finish(self) -> Iterator[Sequence[int]]:
        """Wait for the answers that are still out; see `Sender`."""
        while self._awaited:
            yield from self._receive()

    def _script(self, rows: RowBatch) -> Iterator[tuple[_Sent, bytes]]:
        written = Written(rows)
        for start, end in parts(0, len(rows)):
            packed = written.packed(self._shas[rows.script], self._guard, start, end)
            yield _Sent(rows.cut(start, end)), packed

    def _plain(self, rows: RowBatch) -> Iterator[tuple[_Sent, bytes]]:
        written = Transactions(rows, self._opening)
        for start, end in parts(0, len(rows)):
            yield _Sent(rows.cut(start, end), ANSWERS), written.packed(start, end)

    def _receive(self) -> Iterator[Sequence[int]]:
        sent = self._awaited.popleft()
        for _ in range(sent.answers):
            answer = self._connection.read_response()
        if sent.answers == 1:
            yield answer
        elif answer is None:
            # Somebody touched the lock, if only to renew it: the script looks at it again.
            ((again, packed),) = self._script(sent.rows)
            self._connection.send_packed_command([packed])
            self._awaited.append(again)
        else:
            yield _applied(answer, sent.rows)


def _applied(answers: Sequence[Any], rows: RowBatch) -> Sequence[int]:
    for answer in answers:
        if isinstance(answer, Exception):
            raise answer
    return len(rows), 0


@contextmanager
def sending(client: redis.Redis, lease: Lease) -> Iterator[StandaloneSender]:
    """Open a sender for the length of a block.

    Args:
        client: The online store.
        lease: The lock that must be held for every write.
    """
    shas = {name: _sha(client, script) for name, script in scripts(WriteGuard.LOCK).items()}
    connection = client.connection_pool.get_connection()
    try:
        yield StandaloneSender(connection, shas, lease)
    except BaseException:
        # Answers may be outstanding: the connection is of no use to anybody else.
        connection.disconnect()  # type: ignore[no-untyped-call]
        raise
    finally:
        client.connection_pool.release(connection)


def _sha(client: redis.Redis, script: str) -> bytes:
    loaded: Any = client.script_load(script)
    return loaded if isinstance(loaded, bytes) else str(loaded).encode()
