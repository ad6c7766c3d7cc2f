"""Sends rows to a cluster: to each node its own, one command per slot, all nodes at once.

Rows are collected first, since a command for one row costs as much as one for many. What a node
refuses because slots are on the move, or cannot take because it is down, is sent again by the
client, which knows how to follow; for a while, until the run is given up.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any

from featurestore.online.redis.retry import reshard_errors, retry_while, unreachable_errors
from featurestore.online.redis.slots import by_slot
from sync.encoding.byte_columns import rows_of
from sync.redis.resp import RowBatch, Written, parts
from sync.redis.scripts import WriteGuard, scripts
from sync.safety.fences import fence_key
from sync.safety.lock import Lease

if TYPE_CHECKING:
    import redis

__all__ = ["ClusterSender", "sending_to_cluster"]

_ROWS_AT_ONCE = 65_536
_BYTES_AT_ONCE = 32 * 2**20
_COMMANDS_AT_ONCE = 512


@dataclass(frozen=True, slots=True)
class _Group:
    """Rows that lie in one slot.

    Attributes:
        slot: The slot.
        written: All rows of the same turn.
        start: The first row.
        end: The row after the last.
    """

    slot: int
    written: Written
    start: int
    end: int


@dataclass
class _Node:
    """A connection to one node, with the rows that it is to be sent.

    Attributes:
        pool: Where the connection is from; the client may forget the node meanwhile.
        connection: The connection.
        queue: What is to be sent.
        awaited: What was sent, and is not answered.
    """

    pool: Any
    connection: Any
    queue: deque[_Group] = field(default_factory=deque)
    awaited: deque[_Group] = field(default_factory=deque)

    def give_back(self, *, clean: bool) -> None:
        """Give the connection back; one with answers outstanding is of no use to anybody."""
        if not clean:
            self.connection.disconnect()
        self.pool.release(self.connection)


class ClusterSender:
    """Open connections to the nodes of a cluster, on which rows are written.

    Args:
        client: The cluster.
        lease: The lock that must be held for every write.
    """

    def __init__(self, client: Any, lease: Lease) -> None:
        self._client = client
        self._lease = lease
        self._number = b"%d" % lease.number
        self._scripts = scripts(WriteGuard.FENCE)
        self._shas = {
            name: hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest().encode()
            for name, text in self._scripts.items()
        }
        self._collected: list[RowBatch] = []
        self._size = 0
        self._nodes: dict[str, _Node] = {}

    def load_scripts(self) -> None:
        """Let every node know the scripts."""
        for text in self._scripts.values():
            self._client.script_load(text)

    def send(self, rows: RowBatch) -> Iterator[Sequence[int]]:
        """Send rows; see `Sender`."""
        if self._collected and not rows.continues(self._collected[0]):
            yield from self.finish()
        self._collected.append(rows)
        self._size += rows.size
        if sum(map(len, self._collected)) >= _ROWS_AT_ONCE or self._size >= _BYTES_AT_ONCE:
            yield from self.finish()

    def finish(self) -> Iterator[Sequence[int]]:
        """Send what was collected, and wait for all answers; see `Sender`."""
        if not self._collected:
            return
        rows = RowBatch.joined(self._collected)
        self._collected, self._size = [], 0
        failed = self._assign(rows)
        while any(node.queue for node in self._nodes.values()):
            for name in list(self._nodes):
                self._send_some(name, failed)
            yield from self._receive_all(failed)
        yield from self._follow(failed)

    def close(self) -> None:
        """Give the connections back."""
        for node in self._nodes.values():
            if node.awaited:
                self._lease.doubt()
            node.give_back(clean=not node.awaited)
        self._nodes.clear()

    def _assign(self, rows: RowBatch) -> list[_Group]:
        """Queue rows at the nodes that have their slots; return those of which none has it."""
        failed = []
        for group in _groups(rows):
            try:
                self._node(group.slot).queue.append(group)
            except unreachable_errors():
                failed.append(group)
        return failed

    def _node(self, slot: int) -> _Node:
        node = self._client.nodes_manager.get_node_from_slot(slot)
        if node.name not in self._nodes:
            pool = self._client.get_redis_connection(node).connection_pool
            self._nodes[node.name] = _Node(pool, pool.get_connection())
        return self._nodes[node.name]

    def _send_some(self, name: str, failed: list[_Group]) -> None:
        node = self._nodes[name]
        part = [node.queue.popleft() for _ in range(min(_COMMANDS_AT_ONCE, len(node.queue)))]
        commands = [self._packed(group) for group in part]
        node.awaited.extend(part)
        try:
            if commands:
                node.connection.send_packed_command([b"".join(commands)])
        except unreachable_errors():
            self._lose(name, failed)

    def _packed(self, group: _Group) -> bytes:
        sha = self._shas[group.written.rows.script]
        return group.written.packed(sha, self._fence(group.slot), group.start, group.end)

    def _receive_all(self, failed: list[_Group]) -> Iterator[Sequence[int]]:
        """Yield all answers; an error comes after them, so that nothing stays on its way."""
        errors: list[Exception] = []
        for name in list(self._nodes):
            yield from self._receive(name, failed, errors)
        if errors:
            raise errors[0]

    def _receive(
        self, name: str, failed: list[_Group], errors: list[Exception]
    ) -> Iterator[Sequence[int]]:
        import redis.exceptions as failures

        node = self._nodes[name]
        while node.awaited:
            try:
                answer: Sequence[int] = node.connection.read_response()
            except reshard_errors():
                failed.append(node.awaited.popleft())
            except unreachable_errors():
                self._lose(name, failed)
                return
            except failures.ResponseError as error:
                node.awaited.popleft()
                errors.append(error)
            else:
                node.awaited.popleft()
                yield answer

    def _lose(self, name: str, failed: list[_Group]) -> None:
        """Give up a node's connection; what it was to be sent is sent again another way."""
        node = self._nodes.pop(name)
        self._lease.doubt()
        failed += [*node.awaited, *node.queue]
        node.give_back(clean=False)

    def _follow(self, failed: Sequence[_Group]) -> Iterator[Sequence[int]]:
        """Send again what failed, wherever its slot is by now."""
        for group in failed:
            # The client repeats by itself what was not answered, and does not tell.
            self._lease.doubt()
            rows = group.written.rows.cut(group.start, group.end)
            words = "EVAL", self._scripts[rows.script], *rows.arguments(self._fence(group.slot))
            yield retry_while(
                partial(self._client.execute_command, *words),
                (*reshard_errors(), *unreachable_errors()),
            )

    def _fence(self, slot: int) -> tuple[bytes, bytes]:
        return fence_key(self._lease.project, slot), self._number


def _groups(rows: RowBatch) -> Iterator[_Group]:
    order = by_slot(rows_of(rows.keys))
    written = Written(rows.picked([number for _, number in order]))
    start = 0
    for slot, members in groupby(slot for slot, _ in order):
        end = start + sum(1 for _ in members)
        for first, last in parts(start, end):
            yield _Group(slot, written, first, last)
        start = end


@contextmanager
def sending_to_cluster(client: redis.Redis, lease: Lease) -> Iterator[ClusterSender]:
    """Open a sender for the length of a block.

    Args:
        client: The cluster.
        lease: The lock that must be held for every write.
    """
    sender = ClusterSender(client, lease)
    sender.load_scripts()
    try:
        yield sender
    finally:
        sender.close()
