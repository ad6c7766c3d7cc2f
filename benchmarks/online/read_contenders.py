"""The contenders of reading: each reads the same entities repeatedly, in its own process.

Run one with: python -m benchmarks.online.read_contenders NAME ENTITIES CALLS FOLDER URL
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from benchmarks.online.data import NOW
from benchmarks.online.rows import by_hand, key_of
from featurestore import FeatureStore

VIEWS = 3
REFERENCES = [f"v{view}:*" for view in range(VIEWS)]
_WARM = 20

Read = Callable[[], Any]
Prepare = Callable[[int, FeatureStore, str], Read]


def _keys(entities: int) -> list[str]:
    return [key_of(view, entity) for view in range(VIEWS) for entity in range(entities)]


def ours(entities: int, store: FeatureStore, _: str) -> Read:
    """This project: values by feature, with their statuses."""
    rows = [{"id": entity} for entity in range(entities)]
    return lambda: store.get_online_features(REFERENCES, rows, full_feature_names=True).to_dict()


def ours_async(entities: int, store: FeatureStore, _: str) -> Read:
    """This project in an event loop."""
    rows = [{"id": entity} for entity in range(entities)]

    async def read() -> Any:
        found = await store.get_online_features_async(REFERENCES, rows, full_feature_names=True)
        return found.to_dict()

    return read


def bare(entities: int, _: FeatureStore, url: str) -> Read:
    """redis-py: the same bytes, undecoded."""
    import redis

    client, keys = redis.Redis.from_url(url), _keys(entities)
    return lambda: client.mget(keys)


def bare_async(entities: int, _: FeatureStore, url: str) -> Read:
    """redis-py in an event loop."""
    import redis.asyncio

    client, keys = redis.asyncio.Redis.from_url(url), _keys(entities)

    async def read() -> Any:
        return await client.mget(keys)

    return read


def alone(prepare: Prepare) -> Prepare:
    """The same with redis-py in pure Python, without hiredis."""

    def prepared(entities: int, store: FeatureStore, url: str) -> Read:
        assert "redis" not in sys.modules
        sys.modules["hiredis"] = None  # type: ignore[assignment]
        return prepare(entities, store, url)

    return prepared


def hand(entities: int, _: FeatureStore, url: str) -> Read:
    """redis-py with hand-written keys and decoding: no NULLs, no ttl, no statuses."""
    import redis

    client = redis.Redis.from_url(url)
    return lambda: [by_hand(raw) for raw in client.mget(_keys(entities))]


def hand_async(entities: int, _: FeatureStore, url: str) -> Read:
    """The same in an event loop."""
    import redis.asyncio

    client = redis.asyncio.Redis.from_url(url)

    async def read() -> Any:
        return [by_hand(raw) for raw in await client.mget(_keys(entities))]

    return read


def of_columns(found: dict[str, list[Any]]) -> int:
    """Return the sum of one feature over all views, from values by feature."""
    return sum(sum(found[f"v{view}__i0"]) for view in range(VIEWS))


def of_bytes(found: list[bytes]) -> int:
    """Return the same sum from undecoded rows."""
    return sum(by_hand(raw)[0] for raw in found)


def of_rows(found: list[tuple[Any, ...]]) -> int:
    """Return the same sum from decoded rows."""
    return sum(row[0] for row in found)


CONTENDERS: dict[str, tuple[Prepare, Callable[[Any], int]]] = {
    "featurestore": (ours, of_columns),
    "featurestore, async": (ours_async, of_columns),
    "MGET": (bare, of_bytes),
    "MGET, async": (bare_async, of_bytes),
    "MGET alone": (alone(bare), of_bytes),
    "MGET alone, async": (alone(bare_async), of_bytes),
    "MGET and struct": (hand, of_rows),
    "MGET and struct, async": (hand_async, of_rows),
}


async def measure(read: Read, calls: int) -> tuple[float, Any]:
    """Return the median seconds of a call, and the result of the last call."""
    seconds, found = [], None
    for number in range(_WARM + calls):
        start = time.perf_counter()
        found = read()
        if isinstance(found, Awaitable):
            found = await found
        if number >= _WARM:
            seconds.append(time.perf_counter() - start)
    return statistics.median(seconds), found


def main() -> None:
    """Run one contender, and print the median of its calls and a sum of its values as JSON."""
    name, entities, calls, folder, url = sys.argv[1:6]
    prepare, total = CONTENDERS[name]
    read = prepare(int(entities), FeatureStore(Path(folder), redis_url=url, now=NOW), url)
    seconds, found = asyncio.run(measure(read, int(calls)))
    print(json.dumps({"seconds": seconds, "sum": total(found)}))


if __name__ == "__main__":
    main()
