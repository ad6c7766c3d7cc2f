"""Small keys all over a cluster that are gone when a part of it has lost its data.

One server's epoch goes with its data. In a cluster, a node may come back empty while the book with
the epoch lies on another: so each view has a key in every 64th slot, which repeats the epoch. While
rows are being written the keys repeat the lock's token instead, so that a node that is lost in the
middle of it is noticed at the end. One server needs none of this, and gets none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from featurestore.online.keys import guard_key
from featurestore.online.redis.connection import is_cluster
from featurestore.online.redis.slots import SLOTS, slot_tags

if TYPE_CHECKING:
    import redis

__all__ = ["canaries_agree", "remove_canaries", "set_canaries", "swap_canaries"]

_EVERY = 64
_SWAP = """
local held = redis.call('GET', KEYS[1])
if held ~= ARGV[1] and held ~= ARGV[2] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1
"""


def _keys(client: redis.Redis, project: str, view: str) -> list[str]:
    if not is_cluster(client):
        return []
    tags = slot_tags()
    return [guard_key(project, "canary", view, tag=tags[slot]) for slot in range(0, SLOTS, _EVERY)]


def _on_each(keys: list[str], client: redis.Redis, command: str, *arguments: Any) -> list[Any]:
    """Run one command for each key, in one round trip per node."""
    if not keys:
        return []
    pipeline: Any = client.pipeline(transaction=False)
    for key in keys:
        parts = [_SWAP, 1, key] if command == "EVAL" else [key]
        pipeline.execute_command(command, *parts, *arguments)
    answers: list[Any] = pipeline.execute()
    return answers


def set_canaries(client: redis.Redis, project: str, view: str, text: str) -> None:
    """Let every canary of a view repeat a text."""
    _on_each(_keys(client, project, view), client, "SET", text)


def swap_canaries(client: redis.Redis, project: str, view: str, old: str, new: str) -> bool:
    """Let every canary that repeats the old text repeat a new one; return whether all did."""
    return all(_on_each(_keys(client, project, view), client, "EVAL", old, new))


def canaries_agree(client: redis.Redis, project: str, view: str, text: str) -> bool:
    """Whether every canary of a view repeats a text."""
    found = _on_each(_keys(client, project, view), client, "GET")
    return all(held == text.encode() for held in found)


def remove_canaries(client: redis.Redis, project: str, view: str) -> None:
    """Remove every canary of a view."""
    _on_each(_keys(client, project, view), client, "UNLINK")
