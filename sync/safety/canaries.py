"""Canaries: small keys all over a cluster that are missing where a part of it lost its data.

On a single server the epoch is lost together with the rows. In a cluster, one node may come back
empty while the epoch is on another. So each view has a canary in every 64th slot that repeats the
epoch. While rows are written the canaries hold the lock's token instead, so a node lost meanwhile
is noticed at the end. A single server has no canaries.
"""

from __future__ import annotations

from typing import Any

from featurestore.online.keys import guard_key
from featurestore.online.redis.commands import RedisCommands, Word
from featurestore.online.redis.internals import is_cluster
from featurestore.online.redis.slots import SLOTS, slot_tags
from sync.lua_files import lua_script

__all__ = ["canaries_agree", "remove_canaries", "set_canaries", "swap_canaries"]

# 256 canaries per view. A node owns ranges of many slots, so a canary in every 64th slot finds each
# node, and 256 keys are few enough to write with every publication.
_SLOTS_PER_CANARY = 64


def set_canaries(client: RedisCommands, project: str, view: str, text: str) -> None:
    """Write a text into every canary of a view."""
    _on_each(client, project, view, "SET", text)


def swap_canaries(client: RedisCommands, project: str, view: str, old: str, new: str) -> bool:
    """Replace one text by another in every canary; return whether all had the old one."""
    return all(_on_each(client, project, view, "EVAL", old, new))


def canaries_agree(client: RedisCommands, project: str, view: str, text: str) -> bool:
    """Return whether every canary of a view holds a text."""
    found = _on_each(client, project, view, "GET")
    return all(held == text.encode() for held in found)


def remove_canaries(client: RedisCommands, project: str, view: str) -> None:
    """Delete every canary of a view."""
    _on_each(client, project, view, "UNLINK")


def _on_each(
    client: RedisCommands, project: str, view: str, command: str, *arguments: Word
) -> list[Any]:
    """Run one command for each canary, in one round trip per node."""
    if not is_cluster(client):
        return []
    pipeline = client.pipeline(transaction=False)
    # The swap is a script, so that a node that came back empty is not given the new text.
    begin = (lua_script("safety", "swap_canary"), 1) if command == "EVAL" else ()
    for slot in range(0, SLOTS, _SLOTS_PER_CANARY):
        key = guard_key(project, "canary", view, tag=slot_tags()[slot])
        pipeline.execute_command(command, *begin, key, *arguments)
    return pipeline.execute()
