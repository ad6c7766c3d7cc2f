"""Many reads at once whose answers tell whose they are."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from featurestore.errors import OnlineStoreError
from featurestore.online.redis.error_messages import translated

KEYS = 3_000
"""The number of keys; every seventh does not exist."""


def key(number: int) -> bytes:
    """Return a key."""
    return b"shared:%d" % number


def value(number: int) -> bytes | None:
    """Return the value of a key; lengths differ, so that answers are cut at many places."""
    return None if number % 7 == 0 else b"%d|" % number + b"x" * (number * 31 % 90)


def fill(client: Any) -> None:
    """Write the keys."""
    client.mset({key(n): value(n) for n in range(KEYS) if value(n) is not None})


class Answers:
    """Reads, and counts what came of them; a wrong answer fails at once.

    Args:
        reader: What reads many keys.
        chance: Chooses the keys, and who is cancelled.
    """

    def __init__(
        self, read: Callable[[list[bytes]], Awaitable[list[bytes | None]]], chance: random.Random
    ) -> None:
        self._read = read
        self._chance = chance
        self.counts: Counter[str] = Counter()

    async def one(self) -> None:
        """Read some keys, and check that each has its own value."""
        chance = self._chance
        count = chance.choice([1, 2, 3, 3, 3, 8] if chance.random() < 0.99 else [700])
        numbers = [chance.randrange(KEYS) for _ in range(count)]
        try:
            with translated("redis://server"):
                found = await self._read([key(n) for n in numbers])
        except OnlineStoreError as error:
            self.counts[type(error).__name__] += 1
            return
        expected = [value(n) for n in numbers]
        assert expected == found, "an answer went to another caller"
        self.counts["right"] += 1

    async def many(self, count: int, at_once: int, cancelled: float) -> None:
        """Read again and again, some readers at once. A part is cancelled on the way."""
        left = iter(range(count))

        async def reader() -> None:
            for _ in left:
                if self._chance.random() >= cancelled:
                    await self.one()
                    continue
                task = asyncio.create_task(self.one())
                for _ in range(self._chance.randrange(6)):
                    await asyncio.sleep(0)
                task.cancel()
                await asyncio.wait([task])
                if task.cancelled():
                    self.counts["cancelled"] += 1
                else:
                    task.result()

        await asyncio.gather(*[reader() for _ in range(at_once)])
