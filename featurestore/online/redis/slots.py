"""The slots of Redis Cluster: the slot of a key, and a hash tag for each slot.

https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from itertools import count

__all__ = ["SLOTS", "by_slot", "slot_of", "slot_tags"]

SLOTS = 16_384


def slot_of(key: bytes) -> int:
    """Return the slot of a key.

    >>> slot_of(b"fs:a:{7}")
    1716
    """
    from redis.crc import key_slot

    return int(key_slot(key))


def by_slot(keys: Sequence[bytes]) -> list[tuple[int, int]]:
    """Return the slot and the index of each key, sorted by slot.

    >>> by_slot([b"fs:a:{8}", b"fs:a:{7}", b"fs:b:{7}"])
    [(1716, 1), (1716, 2), (14171, 0)]
    """
    from redis.crc import key_slot

    return sorted((key_slot(key), number) for number, key in enumerate(keys))


@cache
def slot_tags() -> Sequence[str]:
    """Return a hash tag for each slot: the smallest number that hashes to it."""
    return _first_of_each(SLOTS, (str(number) for number in count()))


def _first_of_each(slots: int, texts: Iterable[str]) -> Sequence[str]:
    from redis.crc import key_slot

    tags: dict[int, str] = {}
    for text in texts:
        tags.setdefault(key_slot(text.encode()), text)
        if len(tags) == slots:
            break
    return [tags[slot] for slot in range(slots)]
