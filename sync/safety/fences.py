"""Fencing tokens for a cluster, where no script sees both the lock and a row.

Every holder of the lock takes a fencing token, a number greater than that of every earlier holder,
and returns it once all its commands are answered. If the previous holder did not return its token,
it may still be alive, or its commands may still be on their way. Then the new holder raises a
fence: it writes its own token into every slot, and each write is refused whose token is lower.

A sync after a clean one needs no fence. The record of the tokens may be lost with its node; a
publication whose metadata is damaged therefore raises fences too.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from featurestore.online.keys import guard_key, metadata_key
from featurestore.online.redis.commands import RedisCommands
from featurestore.online.redis.slots import SLOTS, slot_tags
from sync.batch_sizes import FENCES_PER_PIPELINE, SCAN_COUNT
from sync.lua_files import lua_script

__all__ = [
    "FencingToken",
    "fence_key",
    "last_fencing_token",
    "next_fencing_token",
    "raise_fences",
    "remove_fences",
    "return_fencing_token",
]

# A fence is needed as long as a command of an old holder may still arrive: minutes at most. A week
# also covers a machine that sleeps over a long weekend with a sync in the middle.
_DAYS_KEPT = 7


class FencingToken(NamedTuple):
    """The fencing token of a holder of the lock.

    Attributes:
        number: Greater than the number of every earlier holder.
        previous_returned: Whether the previous holder returned its token, if there was one.
    """

    number: int
    previous_returned: bool


def next_fencing_token(client: RedisCommands, project: str) -> FencingToken:
    """Return a fencing token for the lock's new holder."""
    # At least the clock, because the counter may be lost with its node and start again at 0.
    milliseconds = str(time.time_ns() // 1_000_000)
    script = lua_script("safety", "next_fencing_token")
    answer: Any = client.eval(script, 2, *_token_keys(project), milliseconds)
    return FencingToken(answer[0], bool(answer[1]))


def last_fencing_token(client: RedisCommands, project: str) -> int:
    """Return the number of the last fencing token that was issued; 0 if none is recorded."""
    return int(client.get(_token_keys(project)[0]) or 0)


def return_fencing_token(client: RedisCommands, project: str, number: int) -> None:
    """Note that a holder has nothing left to write."""
    script = lua_script("safety", "return_fencing_token")
    client.eval(script, 2, *_token_keys(project), str(number))


def _token_keys(project: str) -> tuple[str, str]:
    """Return the keys of the last token that was issued, and of the last one returned."""
    return metadata_key(project, "holders"), metadata_key(project, "returned")


def fence_key(project: str, slot: int) -> bytes:
    """Return the key of a slot's fence."""
    return guard_key(project, "fence", tag=slot_tags()[slot]).encode()


def remove_fences(client: RedisCommands, project: str) -> None:
    """Delete every fence of a project."""
    pattern = f"{guard_key(project, tag='')[:-2]}*"
    # A list first, because deleting keys during a scan may make it skip others.
    for key in list(client.scan_iter(match=pattern, count=SCAN_COUNT)):
        client.delete(key)


def raise_fences(client: RedisCommands, project: str, number: int) -> None:
    """Write a fencing token into every slot, so that commands of earlier holders are refused."""
    every = [fence_key(project, slot) for slot in range(SLOTS)]
    # In parts: a pipeline of all slots would keep every command and answer in memory at once.
    for start in range(0, SLOTS, FENCES_PER_PIPELINE):
        _raise_some(client, every[start : start + FENCES_PER_PIPELINE], number)


def _raise_some(client: RedisCommands, keys: Sequence[bytes], number: int) -> None:
    pipeline = client.pipeline(transaction=False)
    for key in keys:
        pipeline.set(key, number, ex=_DAYS_KEPT * 86_400)
    pipeline.execute()
