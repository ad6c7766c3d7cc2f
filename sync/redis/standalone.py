"""Sends rows to a single server: on a bare connection, several commands ahead of their answers.

So encoding, sending and the server's work overlap.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from featurestore.online.keys import metadata_key
from featurestore.online.redis.commands import RedisCommands
from featurestore.online.redis.internals import RawConnection, raw_connection
from sync.batch_sizes import COMMANDS_AHEAD
from sync.redis.resp import PackedRows, RowBatch, command_ranges
from sync.redis.scripts import WriteGuard, scripts
from sync.redis.transactions import ANSWERS, Transactions, are_allowed, opening
from sync.safety.lent_lock import WriteLease

__all__ = ["StandaloneSender", "sending_to_server"]


@dataclass(frozen=True, slots=True)
class _Unanswered:
    """A command, or a transaction, whose answer was not read yet.

    Attributes:
        rows: The rows.
        answers: The number of answers to read; the last one counts.
    """

    rows: RowBatch
    answers: int = 1


class StandaloneSender:
    """Sends rows on one connection; see `Sender`.

    Args:
        connection: The connection.
        shas: The SHA-1 of each script that the server keeps.
        lease: The lock that guards every write.
    """

    def __init__(
        self, connection: RawConnection, shas: dict[str, bytes], lease: WriteLease
    ) -> None:
        self._connection = connection
        self._shas = shas
        self._guard = lease.guard
        self._opening = opening(self._guard, metadata_key(lease.project, "alarm").encode())
        self._may_use_transactions = are_allowed(connection, self._opening)
        self._unanswered: deque[_Unanswered] = deque()

    def send(self, rows: RowBatch) -> Iterator[Sequence[int]]:
        """Send rows, and yield the answers read meanwhile; see `Sender`."""
        # Rows with an expiry of their own take the server as long in a transaction as in a script.
        plain = self._may_use_transactions and rows.script == "overwrite" and not rows.expiry
        for sent, packed in self._transactions(rows) if plain else self._scripts(rows):
            # A limit, because a server whose answers are not read stops reading commands.
            if len(self._unanswered) >= COMMANDS_AHEAD:
                yield from self._receive()
            self._connection.send(packed)
            self._unanswered.append(sent)

    def finish(self) -> Iterator[Sequence[int]]:
        """Read the outstanding answers; see `Sender`."""
        while self._unanswered:
            yield from self._receive()

    @property
    def is_waiting(self) -> bool:
        """Whether answers are outstanding."""
        return bool(self._unanswered)

    def _scripts(self, rows: RowBatch) -> Iterator[tuple[_Unanswered, bytes]]:
        packed = PackedRows(rows)
        sha = self._shas[rows.script]
        for start, end in command_ranges(0, len(rows)):
            yield _Unanswered(rows.slice(start, end)), packed.packed(sha, self._guard, start, end)

    def _transactions(self, rows: RowBatch) -> Iterator[tuple[_Unanswered, bytes]]:
        packed = Transactions(rows, self._opening)
        for start, end in command_ranges(0, len(rows)):
            yield _Unanswered(rows.slice(start, end), ANSWERS), packed.packed(start, end)

    def _receive(self) -> Iterator[Sequence[int]]:
        sent = self._unanswered.popleft()
        # Only the last answer counts, but an unread one would be taken for the next command's.
        for _ in range(sent.answers):
            answer = self._connection.receive()
        if sent.answers == 1:
            yield answer
        elif answer is None:
            # The lock was touched, perhaps only renewed: the script checks it again.
            ((again, packed),) = self._scripts(sent.rows)
            self._connection.send(packed)
            self._unanswered.append(again)
        else:
            yield _applied(answer, sent.rows)


def _applied(answers: Sequence[Any], rows: RowBatch) -> Sequence[int]:
    for answer in answers:
        if isinstance(answer, Exception):
            raise answer
    return len(rows), 0


@contextmanager
def sending_to_server(client: RedisCommands, lease: WriteLease) -> Iterator[StandaloneSender]:
    """Open a sender for the length of a block.

    Args:
        client: The online store.
        lease: The lock that guards every write.
    """
    shas = {name: _sha(client, script) for name, script in scripts(WriteGuard.LOCK).items()}
    connection = raw_connection(client)
    clean = False
    try:
        sender = StandaloneSender(connection, shas, lease)
        yield sender
        clean = not sender.is_waiting
    finally:
        connection.release(clean=clean)


def _sha(client: RedisCommands, script: str) -> bytes:
    sha = client.script_load(script)
    return sha if isinstance(sha, bytes) else sha.encode()
