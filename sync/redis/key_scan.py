"""Walks over keys, and finds those too that a cluster carries from one node to another meanwhile.

A node that was walked may be given a slot from one that is yet to be, and then neither shows what
lies in it. So a walk is followed by a look into every slot that was on the move: into its source
and its target, twice, since a key only ever goes from the one to the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from featurestore.online.redis.connection import is_cluster, servers

if TYPE_CHECKING:
    import redis

__all__ = ["keys_with"]

_AT_ONCE = 2_000
_ALL = 1_000_000


def keys_with(client: redis.Redis, prefix: str) -> Iterator[bytes]:
    """Yield the keys that begin with a prefix; one may come twice.

    Args:
        client: The online store.
        prefix: Text in which nothing is special in a pattern.
    """
    if not is_cluster(client):
        yield from client.scan_iter(match=f"{prefix}*", count=_AT_ONCE)
        return
    before = _places(client)
    yield from client.scan_iter(match=f"{prefix}*", count=_AT_ONCE)
    moved = before.moved(_places(client))
    for _ in range(2 if moved else 0):
        yield from _in_slots(client, moved, prefix.encode())


@dataclass(frozen=True)
class _Places:
    """Where slots are.

    Attributes:
        owners: The node of each slot.
        open: The slots that are between two nodes.
    """

    owners: Mapping[int, str]
    open: frozenset[int]

    def moved(self, later: _Places) -> list[int]:
        """Return the slots that were on the move at either time, or between."""
        every = self.owners.keys() | later.owners.keys()
        elsewhere = {slot for slot in every if self.owners.get(slot) != later.owners.get(slot)}
        return sorted(elsewhere | self.open | later.open)


def _places(client: Any) -> _Places:
    import redis.exceptions

    owners: dict[int, str] = {}
    between: set[int] = set()
    for server in servers(client):
        try:
            nodes: Mapping[str, Any] = server.cluster("NODES")
        except redis.exceptions.NoPermissionError:
            return _Places({}, frozenset())
        # A node knows of its own slots alone whether they are open.
        own = next(node for node in nodes.values() if "myself" in node["flags"])
        for first, *last in own["slots"]:
            owners |= dict.fromkeys(
                range(int(first), int((last or [first])[0]) + 1), own["node_id"]
            )
        between |= {int(each["slot"]) for each in own["migrations"]}
    return _Places(owners, frozenset(between))


def _in_slots(client: Any, slots: list[int], prefix: bytes) -> Iterator[bytes]:
    for server in servers(client):
        pipeline = server.pipeline(transaction=False)
        for slot in slots:
            pipeline.execute_command("CLUSTER GETKEYSINSLOT", slot, _ALL)
        for keys in pipeline.execute():
            # The client makes text of them, though of other keys it does not.
            raw = (key if isinstance(key, bytes) else key.encode() for key in keys)
            yield from (key for key in raw if key.startswith(prefix))
