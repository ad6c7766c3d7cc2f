"""What keeps a writer that lost its lock away from a cluster, where no script sees the lock.

Every holder of the lock has a number, each greater than the last. A holder that finds that the one
before never gave the lock back may have it, or what it sent, still about: then it puts its number
into every slot, and each write compares its own with that. A lock is given back when all that was
sent is answered, and then there is nothing to keep away, so that most of the time there are no
fences. What the books say of holders may be lost with the node they lie on; so a publication that
is not as its own book says raises fences too.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from featurestore.online.keys import guard_key, metadata_key
from featurestore.online.redis.slots import SLOTS, slot_tags

if TYPE_CHECKING:
    import redis

__all__ = ["Number", "fence_key", "give_back", "next_number", "raise_fences", "remove_fences"]

_AT_ONCE = 2_000
# At least the clock's milliseconds: numbers go on where the book of the last one was lost.
_NEXT = """
local held = redis.call('GET', KEYS[1])
local number = math.max(tonumber(held or 0) + 1, tonumber(ARGV[1]))
redis.call('SET', KEYS[1], string.format('%.0f', number))
return {number, held == redis.call('GET', KEYS[2]) and 1 or 0}
"""
# Where a purge has taken the book of holders, nothing is noted any more.
_GIVE_BACK = """
if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('SET', KEYS[2], ARGV[1]) end
"""
_DAYS_KEPT = 7


class Number(NamedTuple):
    """The number of a holder of the lock.

    Attributes:
        value: Greater than that of any holder before.
        alone: Whether the one before has given the lock back, if there was one.
    """

    value: int
    alone: bool


def next_number(client: redis.Redis, project: str) -> Number:
    """Return the number of the lock's new holder."""
    books = metadata_key(project, "holders"), metadata_key(project, "returned")
    answer: Any = client.eval(_NEXT, 2, *books, str(time.time_ns() // 1_000_000))
    return Number(answer[0], bool(answer[1]))


def give_back(client: redis.Redis, project: str, number: int) -> None:
    """Note that a holder has nothing more to write."""
    client.eval(
        _GIVE_BACK,
        2,
        metadata_key(project, "holders"),
        metadata_key(project, "returned"),
        str(number),
    )


def fence_key(project: str, slot: int) -> bytes:
    """Return the key of a slot's fence."""
    return guard_key(project, "fence", tag=slot_tags()[slot]).encode()


def remove_fences(client: redis.Redis, project: str) -> None:
    """Remove every fence of a project."""
    for key in list(client.scan_iter(match=f"{guard_key(project, tag='')[:-2]}*", count=2_000)):
        client.delete(key)


def raise_fences(client: redis.Redis, project: str, number: int) -> None:
    """Put a number into every slot: what is sent by holders before is refused from here on."""
    every = [fence_key(project, slot) for slot in range(SLOTS)]
    for start in range(0, SLOTS, _AT_ONCE):
        _raise_some(client, every[start : start + _AT_ONCE], number)


def _raise_some(client: redis.Redis, keys: Sequence[bytes], number: int) -> None:
    pipeline = client.pipeline(transaction=False)
    for key in keys:
        pipeline.set(key, number, ex=_DAYS_KEPT * 86_400)
    pipeline.execute()
