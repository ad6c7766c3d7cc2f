"""Sends rows to a cluster: each node gets its own rows, all nodes at once, one command per slot.

Rows are collected first, since a command for one row costs as much as one for many. A node may
refuse rows because their slot is moving, or be down. Those rows are sent again by redis-py's
client, which follows a moving slot, with retries until `RETRY_SECONDS` have passed.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby

from featurestore.online.redis.commands import RedisCommands
from featurestore.online.redis.internals import RawConnection, connect_to_node, node_of_slot
from featurestore.online.redis.redis_errors import (
    RESHARD_ERRORS,
    UNREACHABLE_ERRORS,
    ResponseError,
)
from featurestore.online.redis.retry import retry_while
from featurestore.online.redis.slots import by_slot
from sync.batch_sizes import CLUSTER_BYTES, CLUSTER_ROWS, COMMANDS_PER_NODE
from sync.encoding.byte_columns import rows_of
from sync.redis.resp import Guard, PackedRows, RowBatch, command_ranges
from sync.redis.scripts import WriteGuard, scripts
from sync.safety.fences import fence_key
from sync.safety.lent_lock import WriteLease

__all__ = ["ClusterSender", "sending_to_cluster"]


@dataclass(frozen=True, slots=True)
class _SlotRows:
    """Rows of one slot, few enough for one command.

    Attributes:
        slot: The slot.
        packed: All rows that were collected together.
        start: The index of the first row in `packed`.
        end: The index after the last row.
    """

    slot: int
    packed: PackedRows
    start: int
    end: int


@dataclass
class _Node:
    """A connection to one node, with the rows to send to it.

    Attributes:
        connection: The connection.
        queue: The rows to send.
        unanswered: The rows that were sent, and whose answers were not read.
    """

    connection: RawConnection
    queue: deque[_SlotRows] = field(default_factory=deque)
    unanswered: deque[_SlotRows] = field(default_factory=deque)


class ClusterSender:
    """Sends rows on one connection per node; see `Sender`.

    Args:
        client: The cluster.
        lease: The lock that guards every write.
    """

    def __init__(self, client: RedisCommands, lease: WriteLease) -> None:
        self._client = client
        self._lease = lease
        self._token = b"%d" % lease.fencing_token
        self._scripts = scripts(WriteGuard.FENCE)
        # Computed here, not taken from SCRIPT LOAD, whose answers come from many nodes.
        self._shas = {
            name: hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest().encode()
            for name, text in self._scripts.items()
        }
        self._collected: list[RowBatch] = []
        self._size = 0
        self._nodes: dict[str, _Node] = {}

    def load_scripts(self) -> None:
        """Load the scripts at every node."""
        for text in self._scripts.values():
            self._client.script_load(text)

    def send(self, rows: RowBatch) -> Iterator[Sequence[int]]:
        """Collect rows, and send them once there are enough; see `Sender`."""
        # One command runs one script with one expiry, so other rows need another collection.
        if self._collected and not rows.continues(self._collected[0]):
            yield from self.finish()
        self._collected.append(rows)
        self._size += rows.size
        if sum(map(len, self._collected)) >= CLUSTER_ROWS or self._size >= CLUSTER_BYTES:
            yield from self.finish()

    def finish(self) -> Iterator[Sequence[int]]:
        """Send the collected rows, and read all answers; see `Sender`."""
        if not self._collected:
            return
        rows = RowBatch.joined(self._collected)
        self._collected, self._size = [], 0
        failed = self._assign(rows)
        # In turns, so that all nodes work while the answers of one are read.
        while any(node.queue for node in self._nodes.values()):
            for name in list(self._nodes):
                self._send_some(name, failed)
            yield from self._receive_all(failed)
        yield from self._send_again(failed)

    def close(self) -> None:
        """Give the connections back."""
        for node in self._nodes.values():
            if node.unanswered:
                self._lease.note_unanswered()
            node.connection.release(clean=not node.unanswered)
        self._nodes.clear()

    def _assign(self, rows: RowBatch) -> list[_SlotRows]:
        """Queue rows at the nodes that own their slots; return the rows that no node owns."""
        failed = []
        for part in _by_slot(rows):
            try:
                self._node(part.slot).queue.append(part)
            except UNREACHABLE_ERRORS:
                failed.append(part)
        return failed

    def _node(self, slot: int) -> _Node:
        # Looked up once: another thread may refresh the slots between a name and its connection.
        node = node_of_slot(self._client, slot)
        if node.name not in self._nodes:
            self._nodes[node.name] = _Node(connect_to_node(self._client, node))
        return self._nodes[node.name]

    def _send_some(self, name: str, failed: list[_SlotRows]) -> None:
        node = self._nodes[name]
        count = min(COMMANDS_PER_NODE, len(node.queue))
        parts = [node.queue.popleft() for _ in range(count)]
        commands = [self._packed(part) for part in parts]
        node.unanswered.extend(parts)
        try:
            if commands:
                node.connection.send(b"".join(commands))
        except UNREACHABLE_ERRORS:
            self._drop_node(name, failed)

    def _packed(self, part: _SlotRows) -> bytes:
        sha = self._shas[part.packed.rows.script]
        return part.packed.packed(sha, self._fence(part.slot), part.start, part.end)

    def _receive_all(self, failed: list[_SlotRows]) -> Iterator[Sequence[int]]:
        """Yield all answers, and raise the first error after them, so that none stays unread."""
        errors: list[Exception] = []
        for name in list(self._nodes):
            yield from self._receive(name, failed, errors)
        if errors:
            raise errors[0]

    def _receive(
        self, name: str, failed: list[_SlotRows], errors: list[Exception]
    ) -> Iterator[Sequence[int]]:
        node = self._nodes[name]
        while node.unanswered:
            try:
                answer: Sequence[int] = node.connection.receive()
            except RESHARD_ERRORS:
                failed.append(node.unanswered.popleft())
            except UNREACHABLE_ERRORS:
                self._drop_node(name, failed)
                return
            except ResponseError as error:
                node.unanswered.popleft()
                errors.append(error)
            else:
                node.unanswered.popleft()
                yield answer

    def _drop_node(self, name: str, failed: list[_SlotRows]) -> None:
        """Close the connection to a node; its rows are sent again by the client."""
        node = self._nodes.pop(name)
        self._lease.note_unanswered()
        # Unanswered rows may have been written already: sending a row twice is safe.
        failed += [*node.unanswered, *node.queue]
        node.connection.release(clean=False)

    def _send_again(self, failed: Sequence[_SlotRows]) -> Iterator[Sequence[int]]:
        """Send failed rows by the client, which finds the node that owns their slot by now."""
        for part in failed:
            # The client repeats a command without an answer by itself, and does not report it.
            self._lease.note_unanswered()
            rows = part.packed.rows.slice(part.start, part.end)
            # EVAL with the text, since the slot's new node may not have the script.
            script, fence = self._scripts[rows.script], self._fence(part.slot)
            evaluate = partial(
                self._client.execute_command, "EVAL", script, *rows.eval_arguments(fence)
            )
            yield retry_while(evaluate, (*RESHARD_ERRORS, *UNREACHABLE_ERRORS))

    def _fence(self, slot: int) -> Guard:
        return fence_key(self._lease.project, slot), self._token


def _by_slot(rows: RowBatch) -> Iterator[_SlotRows]:
    order = by_slot(rows_of(rows.keys))
    # Sorted by slot first: each command is then one slice of every column.
    packed = PackedRows(rows.take([index for _, index in order]))
    start = 0
    for slot, members in groupby(slot for slot, _ in order):
        end = start + sum(1 for _ in members)
        for first, last in command_ranges(start, end):
            yield _SlotRows(slot, packed, first, last)
        start = end


@contextmanager
def sending_to_cluster(client: RedisCommands, lease: WriteLease) -> Iterator[ClusterSender]:
    """Open a sender for the length of a block.

    Args:
        client: The cluster.
        lease: The lock that guards every write.
    """
    sender = ClusterSender(client, lease)
    sender.load_scripts()
    try:
        yield sender
    finally:
        sender.close()
