"""The slots of Redis Cluster: which one a key lies in, and keys that lie in a given one.

https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from itertools import count

__all__ = ["SLOTS", "by_slot", "slot_tags"]

SLOTS = 16_384


def by_slot(keys: Sequence[bytes]) -> dict[int, list[int]]:
    """Return the numbers of the keys that lie in each slot.

    >>> by_slot([b"fs:a:{7}", b"fs:b:{7}", b"fs:a:{8}"])
    {1716: [0, 1], 14171: [2]}
    """
    from redis.crc import key_slot

    found: dict[int, list[int]] = {}
    for index, key in enumerate(keys):
        found.setdefault(key_slot(key), []).append(index)
    return found


@cache
def slot_tags() -> Sequence[str]:
    """Return a hash tag for each slot: the smallest number that lies in it."""
    return _first_of_each(SLOTS, (str(number) for number in count()))


def _first_of_each(slots: int, texts: Iterable[str]) -> Sequence[str]:
    from redis.crc import key_slot

    tags: dict[int, str] = {}
    for text in texts:
        tags.setdefault(key_slot(text.encode()), text)
        if len(tags) == slots:
            break
    return [tags[slot] for slot in range(slots)]
