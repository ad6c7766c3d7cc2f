"""Measure what a read costs by the shape of its result, against a bare MGET with hiredis.

Run it with: python -m benchmarks.online.exit_price [--rounds 40] [--quick] [--write]

All contenders run in one process and take turns; each turn is compared with the turn of the bare
MGET beside it. CPU time counts, of the client and of the server, so that other work of the machine
does not. Rows are read with their checksums.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import redis
import redis.asyncio
import uvloop

from benchmarks.online.data import FEATURES, NOW, make
from benchmarks.online.processes import table
from benchmarks.online.rows import by_hand, key_of
from benchmarks.page import write_table
from featurestore import FeatureStore
from featurestore.demo.server import embedded_server
from featurestore.online.redis.async_reader import AsyncReader, async_reader
from featurestore.online.response import OnlineResponse

VIEWS, ENTITIES, CALLERS = 3, 10_000, 16
CALLS = {1: 320, 100: 48}
"""Entities per request, and the calls of a turn; in an event loop all callers together."""
BARE, UNDECODED = "a bare MGET", "rows, undecoded"
NUMBERS = [name for name, (kind, _) in FEATURES.items() if kind in {"bigint", "double", "boolean"}]
NO_TIMESTAMPS = [name for name, (kind, _) in FEATURES.items() if kind != "timestamp"]

Exit = tuple[list[str], Callable[[OnlineResponse], Any]]
EXITS: Mapping[str, Exit] = {
    "`to_dict`, without timestamp features": (NO_TIMESTAMPS, OnlineResponse.to_dict),
    "`to_dict`": ([*FEATURES], OnlineResponse.to_dict),
    "`to_matrix`, of numbers": (NUMBERS, OnlineResponse.to_matrix),
    "`to_arrow`, of numbers": (NUMBERS, OnlineResponse.to_arrow),
    "`to_arrow`": ([*FEATURES], OnlineResponse.to_arrow),
    "`to_json_columns`": ([*FEATURES], OnlineResponse.to_json_columns),
}
Turn = Callable[[], Any]
Run = Callable[[Any], Any]
Seconds = tuple[float, float]


def _keys(entities: int) -> list[bytes]:
    return [key_of(v, entity).encode() for v in range(VIEWS) for entity in range(entities)]


def _references(names: list[str]) -> list[str]:
    return [f"v{view}:{name}" for view in range(VIEWS) for name in names]


def _busy(server: redis.Redis) -> float:
    found: Any = server.info("cpu")
    return float(found["used_cpu_user"]) + float(found["used_cpu_sys"])


def check(store: FeatureStore, found: list[bytes], entities: int) -> None:
    """Check that each exit has the values of the bare rows."""
    rows = [{"id": entity} for entity in range(entities)]
    expected = [by_hand(raw)[0] for raw in found]
    response = store.get_online_features(_references([*FEATURES]), rows, full_feature_names=True)
    names = [f"v{view}__i0" for view in range(VIEWS)]
    matrix = response.to_matrix(names).T.ravel().tolist()
    arrow = response.to_arrow()
    in_arrow = [value for name in names for value in arrow[name].to_pylist()]
    columns = response.to_dict()
    assert expected == matrix == in_arrow == [value for name in names for value in columns[name]]


def blocking(store: FeatureStore, url: str, entities: int) -> dict[str, Turn]:
    """Return a turn of each contender that blocks."""
    client, keys = redis.Redis.from_url(url), _keys(entities)
    rows = [{"id": entity} for entity in range(entities)]
    # No contender counts whose values differ.
    check(store, client.mget(keys), entities)

    def read(names: list[str], convert: Callable[[OnlineResponse], Any]) -> Turn:
        asked = _references(names)
        return lambda: convert(store.get_online_features(asked, rows, full_feature_names=True))

    turns: dict[str, Turn] = {BARE: lambda: client.mget(keys)}
    turns |= {name: read(*each) for name, each in EXITS.items()}

    def repeated(action: Turn) -> Turn:
        def turn() -> None:
            for _ in range(CALLS[entities]):
                action()

        return turn

    return {name: repeated(action) for name, action in turns.items()}


def in_loop(
    store: FeatureStore, bare: redis.asyncio.Redis, reader: AsyncReader, entities: int, run: Run
) -> dict[str, Turn]:
    """Return a turn of each contender in an event loop, with several callers at once."""
    keys = _keys(entities)
    rows = [{"id": entity} for entity in range(entities)]

    def read(
        names: list[str], convert: Callable[[OnlineResponse], Any]
    ) -> Callable[[], Awaitable[Any]]:
        asked = _references(names)

        async def action() -> None:
            convert(await store.get_online_features_async(asked, rows, full_feature_names=True))

        return action

    actions: dict[str, Callable[[], Awaitable[Any]]] = {
        BARE: lambda: bare.mget(keys),
        UNDECODED: lambda: reader.mget(keys),
    }
    actions |= {name: read(*each) for name, each in EXITS.items()}

    def repeated(action: Callable[[], Awaitable[Any]]) -> Turn:
        async def caller() -> None:
            for _ in range(CALLS[entities] // CALLERS):
                await action()

        async def turn() -> None:
            await asyncio.gather(*[caller() for _ in range(CALLERS)])

        return lambda: run(turn())

    return {name: repeated(action) for name, action in actions.items()}


async def _made(url: str) -> AsyncReader:
    return async_reader(url)


def ratios(turns: Mapping[str, Turn], server: redis.Redis, rounds: int) -> dict[str, str]:
    """Return the CPU time of each contender to the bare MGET: of both sides, and of the client."""
    found: dict[str, list[Seconds]] = {name: [] for name in turns}
    for turn in turns.values():
        turn()
    for _ in range(rounds):
        for name, turn in turns.items():
            busy, own = _busy(server), time.process_time()
            turn()
            own = time.process_time() - own
            found[name].append((own + _busy(server) - busy, own))
    return {
        name: "{:.2f} ({:.2f})".format(
            *(
                statistics.median(a[side] / b[side] for a, b in zip(done, found[BARE], strict=True))
                for side in range(2)
            )
        )
        for name, done in found.items()
    }


def main() -> None:
    """Measure, print, and write the page with `--write`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40, help="turns of each contender")
    parser.add_argument("--quick", action="store_true", help="few turns, to check that it runs")
    parser.add_argument("--write", action="store_true", help="write docs/reference/performance.md")
    options = parser.parse_args()
    rounds, columns = 2 if options.quick else options.rounds, list[dict[str, str]]()
    with (
        tempfile.TemporaryDirectory() as temporary,
        embedded_server(Path(temporary)) as url,
        redis.Redis.from_url(url) as server,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop,
    ):
        make(Path(temporary) / "data", ENTITIES, VIEWS, ttl=True)
        store = FeatureStore(Path(temporary) / "data", redis_url=url, now=NOW)
        store.sync(full=True)
        columns += [ratios(blocking(store, url, count), server, rounds) for count in CALLS]
        bare, reader = redis.asyncio.Redis.from_url(url), loop.run(_made(url))
        columns += [
            ratios(in_loop(store, bare, reader, count, loop.run), server, rounds) for count in CALLS
        ]
        for opened in (store, bare, reader):
            loop.run(opened.aclose())
    heads = [f"{entities} x {VIEWS}{suffix}" for suffix in ("", ", async") for entities in CALLS]
    names = [BARE, UNDECODED, *EXITS]
    lines = [[name, *(column.get(name, "") for column in columns)] for name in names]
    text = table(["CPU of both sides (of the client)", *heads], lines)
    print(text)
    if options.write:
        write_table("exits", text)


if __name__ == "__main__":
    main()
