"""What keeps a writer that lost its lock away from a cluster, where no script sees the lock.

Every holder of the lock has a number, each greater than the last. A holder that finds that the one
before never gave the lock back may have it, or what it sent, still about: then it puts its number
into every slot, and each write compares its own with that. A lock that was given back leaves
nothing to keep away, so that most of the time there are no fences.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from featurestore.online.keys import book, guard
from sync.slots import SLOTS, slot_tags

if TYPE_CHECKING:
    import redis

__all__ = ["fence_key", "fence_number", "give_back", "remove_fences"]

_AT_ONCE = 2_000
# Where a purge has taken the book of holders, nothing is noted any more.
_GIVE_BACK = """
if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('SET', KEYS[2], ARGV[1]) end
"""
_DAYS_KEPT = 7


def fence_number(client: redis.Redis, project: str) -> int:
    """Return the number of the lock's new holder; fences are up if the last one may be about."""
    number: Any = client.incr(book(project, "holders"))
    returned: Any = client.get(book(project, "returned"))
    if number > 1 and int(returned or 0) != number - 1:
        _raise_fences(client, project, number)
    return int(number)


def give_back(client: redis.Redis, project: str, number: int) -> None:
    """Note that a holder has nothing more to write."""
    client.eval(_GIVE_BACK, 2, book(project, "holders"), book(project, "returned"), str(number))


def fence_key(project: str, slot: int) -> bytes:
    """Return the key of a slot's fence."""
    return guard(project, "fence", tag=slot_tags()[slot]).encode()


def remove_fences(client: redis.Redis, project: str) -> None:
    """Remove every fence of a project."""
    for key in list(client.scan_iter(match=f"{guard(project, tag='')[:-2]}*", count=2_000)):
        client.delete(key)


def _raise_fences(client: redis.Redis, project: str, number: int) -> None:
    every = [fence_key(project, slot) for slot in range(SLOTS)]
    for start in range(0, SLOTS, _AT_ONCE):
        _raise_some(client, every[start : start + _AT_ONCE], number)


def _raise_some(client: redis.Redis, keys: Sequence[bytes], number: int) -> None:
    pipeline = client.pipeline(transaction=False)
    for key in keys:
        pipeline.set(key, number, ex=_DAYS_KEPT * 86_400)
    pipeline.execute()
