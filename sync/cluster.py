"""Sends rows to a cluster: to each node its own, one command per slot, all nodes at once.

What a node refuses because slots are on the move, or cannot take because it is down, is sent again
by the client, which knows how to follow; for a while, until the run is given up.
"""

from __future__ import annotations

import hashlib
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sync.fences import fence_key
from sync.lock import Lease
from sync.protocol import Rows, packed
from sync.scripts import Guard, scripts
from sync.slots import by_slot

if TYPE_CHECKING:
    import redis

__all__ = ["ClusterSender", "sending_to_cluster"]

_COMMANDS_AT_ONCE = 512
_PATIENCE_SECONDS = 30.0
_PAUSE_SECONDS = 0.2


@dataclass
class _Node:
    """A connection to one node, with the rows that it is to be sent."""

    connection: Any
    queue: deque[tuple[int, Rows]] = field(default_factory=deque)


class ClusterSender:
    """Open connections to the nodes of a cluster, on which rows are written.

    Args:
        client: The cluster.
        lease: The lock that must be held for every write.
    """

    def __init__(self, client: Any, lease: Lease) -> None:
        self._client = client
        self._project = lease.project
        self._number = b"%d" % lease.number
        self._scripts = scripts(Guard.FENCE)
        self._shas = {
            name: hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest().encode()
            for name, text in self._scripts.items()
        }
        self._nodes: dict[str, _Node] = {}

    def load_scripts(self) -> None:
        """Let every node know the scripts."""
        for text in self._scripts.values():
            self._client.script_load(text)

    def send(self, rows: Rows) -> Iterator[Sequence[int]]:
        """Send rows; see `Sender`."""
        failed = self._assign(rows)
        while any(node.queue for node in self._nodes.values()):
            sent = {name: self._send_some(name, failed) for name in list(self._nodes)}
            for name, awaited in sent.items():
                yield from self._receive(name, awaited, failed)
        if failed:
            yield from self._follow(failed)

    def finish(self) -> Iterator[Sequence[int]]:
        """Wait for nothing: every answer has come."""
        return iter(())

    def close(self, *, clean: bool) -> None:
        """Give the connections back; after an error answers may be outstanding, so they end."""
        for name, node in self._nodes.items():
            if not clean:
                node.connection.disconnect()
            self._pool(name).release(node.connection)
        self._nodes.clear()

    def _assign(self, rows: Rows) -> list[tuple[int, Rows]]:
        """Queue rows at the nodes that have their slots; return those of which none has it."""
        import redis.exceptions as failures

        failed = []
        for slot, indices in by_slot(rows.keys).items():
            group = (slot, rows.picked(indices))
            try:
                self._node(slot).queue.append(group)
            except (failures.SlotNotCoveredError, failures.ConnectionError, failures.TimeoutError):
                failed.append(group)
        return failed

    def _node(self, slot: int) -> _Node:
        name = self._client.nodes_manager.get_node_from_slot(slot).name
        if name not in self._nodes:
            self._nodes[name] = _Node(self._pool(name).get_connection())
        return self._nodes[name]

    def _pool(self, name: str) -> Any:
        node = self._client.get_node(node_name=name)
        return self._client.get_redis_connection(node).connection_pool

    def _send_some(self, name: str, failed: list[tuple[int, Rows]]) -> list[tuple[int, Rows]]:
        import redis.exceptions as failures

        node = self._nodes[name]
        part = [node.queue.popleft() for _ in range(min(_COMMANDS_AT_ONCE, len(node.queue)))]
        commands = [packed(self._shas[rows.script], self._fence(slot), rows) for slot, rows in part]
        try:
            if commands:
                node.connection.send_packed_command([b"".join(commands)])
        except (failures.ConnectionError, failures.TimeoutError):
            self._lose(name, part, failed)
            return []
        return part

    def _receive(
        self, name: str, awaited: list[tuple[int, Rows]], failed: list[tuple[int, Rows]]
    ) -> Iterator[Sequence[int]]:
        import redis.exceptions as failures

        for position, group in enumerate(awaited):
            try:
                answer: Sequence[int] = self._nodes[name].connection.read_response()
            except _passing():
                failed.append(group)
            except (failures.ConnectionError, failures.TimeoutError):
                self._lose(name, awaited[position:], failed)
                return
            else:
                yield answer

    def _lose(
        self, name: str, part: Sequence[tuple[int, Rows]], failed: list[tuple[int, Rows]]
    ) -> None:
        """Give up a node's connection; what it was to be sent is sent again another way."""
        node = self._nodes.pop(name)
        node.connection.disconnect()
        self._pool(name).release(node.connection)
        failed += [*part, *node.queue]

    def _follow(self, failed: Sequence[tuple[int, Rows]]) -> Iterator[Sequence[int]]:
        """Send again what failed, wherever its slot is by now."""
        given_up = time.monotonic() + _PATIENCE_SECONDS
        for slot, rows in failed:
            yield self._until(given_up, slot, rows)
            given_up = time.monotonic() + _PATIENCE_SECONDS

    def _until(self, given_up: float, slot: int, rows: Rows) -> Sequence[int]:
        import redis.exceptions as failures

        curable: tuple[type[Exception], ...] = (
            *_passing(),
            failures.RedisClusterException,
            failures.ClusterError,
            failures.ConnectionError,
            failures.TimeoutError,
        )
        script = self._scripts[rows.script]
        arguments = rows.arguments(self._fence(slot))
        while True:
            try:
                answer: Sequence[int] = self._client.execute_command("EVAL", script, *arguments)
            except curable:
                if time.monotonic() > given_up:
                    raise
                time.sleep(_PAUSE_SECONDS)
            else:
                return answer

    def _fence(self, slot: int) -> tuple[bytes, bytes]:
        return fence_key(self._project, slot), self._number


def _passing() -> tuple[type[Exception], ...]:
    """Return the errors of a cluster that is being rearranged."""
    import redis.exceptions as failures

    return (
        failures.MovedError,
        failures.AskError,
        failures.TryAgainError,
        failures.ClusterDownError,
        failures.MasterDownError,
        failures.ReadOnlyError,
        failures.NoScriptError,
    )


@contextmanager
def sending_to_cluster(client: redis.Redis, lease: Lease) -> Iterator[ClusterSender]:
    """Open a sender for the length of a block.

    Args:
        client: The cluster.
        lease: The lock that must be held for every write.
    """
    sender = ClusterSender(client, lease)
    sender.load_scripts()
    clean = False
    try:
        yield sender
        clean = True
    finally:
        sender.close(clean=clean)
