"""Scans keys, and also finds the keys that a cluster moves between nodes meanwhile.

A slot may move from a node that SCAN has not reached yet to one that it has finished, and then
neither shows the slot's keys. So after the scan, every slot that was moving is read again, on its
source and its target. It is read twice, because a key moves one way only, from source to target: a
key that the first reading missed on both nodes has arrived by the second.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from featurestore.online.redis.commands import RedisCommands
from featurestore.online.redis.internals import is_cluster, servers
from featurestore.online.redis.redis_errors import NoPermissionError
from sync.batch_sizes import SCAN_COUNT

__all__ = ["SlotOwners", "keys_of_server", "keys_with", "moved_keys", "slot_owners"]

_ALL_KEYS = 1_000_000
"""More keys than a slot has; CLUSTER GETKEYSINSLOT needs a limit."""


def keys_with(client: RedisCommands, prefix: str) -> Iterator[bytes]:
    """Yield the keys with a prefix; a key may come twice.

    Args:
        client: The online store.
        prefix: The prefix, without characters that are special in a pattern.
    """
    if not is_cluster(client):
        yield from keys_of_server(client, prefix)
        return
    before = slot_owners(client)
    yield from client.scan_iter(match=f"{prefix}*", count=SCAN_COUNT)
    yield from moved_keys(client, prefix, before)


def keys_of_server(server: RedisCommands, prefix: str) -> Iterator[bytes]:
    """Yield the keys with a prefix that one server has; see `keys_with`."""
    yield from server.scan_iter(match=f"{prefix}*", count=SCAN_COUNT)


def moved_keys(client: RedisCommands, prefix: str, before: SlotOwners) -> Iterator[bytes]:
    """Yield the keys with a prefix in the slots that moved during a scan.

    Args:
        client: The cluster.
        prefix: The prefix.
        before: The owners of the slots when the scan began.
    """
    moved = before.moved_until(slot_owners(client))
    for _ in range(2 if moved else 0):
        yield from _keys_in_slots(client, moved, prefix.encode())


@dataclass(frozen=True, slots=True)
class SlotOwners:
    """The nodes that own the slots at one moment.

    Attributes:
        owners: The node of each slot.
        moving: The slots that are moving between two nodes.
    """

    owners: Mapping[int, str]
    moving: frozenset[int]

    def moved_until(self, later: SlotOwners) -> list[int]:
        """Return the slots that were moving at either moment, or moved in between."""
        every = self.owners.keys() | later.owners.keys()
        elsewhere = {slot for slot in every if self.owners.get(slot) != later.owners.get(slot)}
        return sorted(elsewhere | self.moving | later.moving)


def slot_owners(client: RedisCommands) -> SlotOwners:
    """Return which node owns each slot of a cluster."""
    owners: dict[int, str] = {}
    moving: set[int] = set()
    for server in servers(client):
        try:
            nodes: Mapping[str, Mapping[str, Any]] = server.cluster("NODES")
        except NoPermissionError:
            return SlotOwners({}, frozenset())
        # Only a slot's own nodes know that it is moving, so each node is asked about itself.
        own = next(node for node in nodes.values() if "myself" in node["flags"])
        for first, *last in own["slots"]:
            owners |= dict.fromkeys(
                range(int(first), int((last or [first])[0]) + 1), own["node_id"]
            )
        moving |= {int(each["slot"]) for each in own["migrations"]}
    return SlotOwners(owners, frozenset(moving))


def _keys_in_slots(client: RedisCommands, slots: list[int], prefix: bytes) -> Iterator[bytes]:
    for server in servers(client):
        pipeline = server.pipeline(transaction=False)
        for slot in slots:
            pipeline.execute_command("CLUSTER GETKEYSINSLOT", slot, _ALL_KEYS)
        for keys in pipeline.execute():
            # redis-py decodes the keys of this command, and of no other.
            raw = (key if isinstance(key, bytes) else key.encode() for key in keys)
            yield from (key for key in raw if key.startswith(prefix))
