"""Measure the HTTP server beside Feast's own and a bare endpoint of redis-py.

Run it with: python -m benchmarks.online.serving_price [--feast PYTHON] [--quick] [--write]

Each server is a process with one worker, and the servers take turns. CPU time counts, of the
server's processes alone, so that other work of the machine does not. This project's server checks
a token.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import uvloop

from benchmarks.engines.cpu import Ratio, cpu_seconds_of, ratio
from benchmarks.online.data import FEATURES, NOW, make
from benchmarks.online.load_client import as_fast_as_possible, at_a_rate, post
from benchmarks.online.processes import run_once, table
from benchmarks.online.server_processes import ServerProcess, bare_server, feast_server, our_server
from benchmarks.page import write_table
from featurestore import FeatureStore
from featurestore.demo.server import embedded_server

VIEWS, ENTITIES, CALLERS = 3, 10_000, 8
REQUESTS = {1: 8_000, 100: 1_000}
"""Entities per request, and the requests of a turn."""
FEAST_IS_SLOWER = {1: 8, 100: 20}
"""By how much fewer requests a turn of Feast has, so that it takes about as long."""
OURS, OURS_AS_FEAST = "featurestore, `/v1/features`", "featurestore, `/get-online-features`"
BARE, FEAST = "a bare endpoint of redis-py", "Feast's server"
REFERENCES = [f"v{view}:{name}" for view in range(VIEWS) for name in FEATURES]
PERCENTILE = 99


def body_of(entities: int) -> bytes:
    """Return the body of a request, which all servers take."""
    asked = {"features": REFERENCES, "entities": {"id": [*range(entities)]}}
    return json.dumps(asked | {"full_feature_names": True}).encode()


def total(body: bytes) -> int:
    """Return the sum of one feature over all views in an answer."""
    found: dict[str, Any] = json.loads(body)
    columns = found.get("values")
    if columns is None:
        names = found["metadata"]["feature_names"]
        columns = {n: one["values"] for n, one in zip(names, found["results"], strict=True)}
    return sum(int(n) for view in range(VIEWS) for n in columns[f"v{view}__i0"])


class Contender:
    """A server with its requests.

    Args:
        name: Its name in the table.
        server: Its process.
        path: The path; `{}` in it is the number of entities.
        token: The token; empty for none.
        fewer: By how much fewer requests a turn has, by the number of entities.
    """

    def __init__(
        self,
        name: str,
        server: ServerProcess,
        path: str,
        *,
        token: str = "",
        fewer: dict[int, int] | None = None,
    ) -> None:
        self.name = name
        self._server = server
        self._requests = {n: post(path.format(n), body_of(n), token) for n in REQUESTS}
        self._fewer = fewer or dict.fromkeys(REQUESTS, 1)

    def turn(self, loop: asyncio.Runner, entities: int, length: float) -> tuple[float, float, int]:
        """Return the CPU seconds and the seconds of one request, and a sum of its values."""
        count = max(int(REQUESTS[entities] * length) // self._fewer[entities], CALLERS)
        before = cpu_seconds_of(self._server.pid)
        seconds, body = loop.run(
            as_fast_as_possible(
                self._server.port, self._requests[entities], callers=CALLERS, count=count
            )
        )
        busy = cpu_seconds_of(self._server.pid) - before
        return busy / count, seconds / count, total(body)

    def slowest(self, loop: asyncio.Runner, rate: float, seconds: float) -> float:
        """Return the 99th percentile of the seconds of requests for one entity at a rate."""
        took = loop.run(
            at_a_rate(
                self._server.port,
                self._requests[1],
                rate=rate,
                seconds=seconds,
                callers=4 * CALLERS,
            )
        )
        return statistics.quantiles(took, n=100)[PERCENTILE - 1]


Turns = dict[str, list[tuple[float, float]]]


def in_turns(
    contenders: Sequence[Contender], loop: asyncio.Runner, entities: int, options: Any
) -> Turns:
    """Return the CPU seconds and the seconds per request of each contender in each round."""
    found: Turns = {one.name: [] for one in contenders}
    totals: set[int] = set()
    for number in range(options.rounds + 1):
        for one in contenders:
            busy, seconds, summed = one.turn(loop, entities, options.length)
            totals.add(summed)
            # The first round fills the caches.
            if number:
                found[one.name].append((busy, seconds))
                print(
                    f"{entities:>4} {one.name:<40} {busy * 1e6:8.0f} µs CPU"
                    f" {1 / seconds:9.0f} requests/s",
                    flush=True,
                )
    assert len(totals) == 1, f"the servers disagree: {totals}"
    return found


def to_ours(turns: Turns, name: str, part: int) -> Ratio:
    """Return the ratios of a contender's cost to this project's, round by round."""
    theirs, ours = ([turn[part] for turn in turns[one]] for one in (name, OURS))
    return ratio(theirs, ours, least=0.0)


def slowest_at_half_rate(
    ours: Contender, bare: Contender, turns: Turns, loop: asyncio.Runner, options: Any
) -> Ratio:
    """Return the ratio of the 99th percentiles at half of this project's greatest rate."""
    rate = 0.5 / min(seconds for _, seconds in turns[OURS])
    pairs = []
    for _ in range(options.rounds):
        pairs.append([one.slowest(loop, rate, 10 * options.length) for one in (ours, bare)])
        print(
            f"p99 at {rate:.0f} requests/s: {[f'{s * 1e3:.2f} ms' for s in pairs[-1]]}", flush=True
        )
    mine, theirs = zip(*pairs, strict=True)
    return ratio(mine, theirs, least=0.0)


def measure(options: argparse.Namespace, folder: Path) -> str:
    """Return the table."""
    project = folder / "reading"
    make(project, ENTITIES, VIEWS, ttl=True)
    with (
        ExitStack() as stack,
        embedded_server(folder) as url,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as loop,
    ):
        FeatureStore(project, redis_url=url, now=NOW).sync(full=True)
        server, token = our_server(stack, folder, project, url)
        ours = Contender(OURS, server, "/v1/features", token=token)
        ready = folder / "ready"
        ready.mkdir(exist_ok=True)
        for count in REQUESTS:
            request = post("/v1/features", body_of(count), token)
            _, body = loop.run(as_fast_as_possible(server.port, request, callers=1, count=1))
            (ready / f"{count}.json").write_bytes(body)
        bare = Contender(BARE, bare_server(stack, folder, url, ready), "/{}")
        as_feast = Contender(OURS_AS_FEAST, server, "/get-online-features", token=token)
        contenders = [ours, as_feast, bare]
        if options.feast:
            run_once("feast_contender", "fill", project, url, python=options.feast)
            theirs = feast_server(stack, folder, options.feast, project, url)
            contenders.append(
                Contender(FEAST, theirs, "/get-online-features", fewer=FEAST_IS_SLOWER)
            )
        found = {count: in_turns(contenders, loop, count, options) for count in REQUESTS}
        slowest = slowest_at_half_rate(ours, bare, found[1], loop, options)
    lines = [
        [one.name, *(str(to_ours(found[n], one.name, part)) for part in range(2) for n in REQUESTS)]
        for one in contenders
    ]
    head = [f"{what}, {n} x {VIEWS}" for what in ("CPU", "time") for n in REQUESTS]
    percentile = f"{PERCENTILE}th percentile of this project's server to that of the bare endpoint"
    return (
        f"{table(['server', *head], lines)}\n\n{table(['', percentile], [['1 x 3', str(slowest)]])}"
    )


def main() -> None:
    """Measure, print, and write the page with `--write`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="turns of each server")
    parser.add_argument("--length", type=float, default=1.0, help="a factor for a turn's requests")
    parser.add_argument("--quick", action="store_true", help="short turns, to check that it runs")
    parser.add_argument("--feast", help="the interpreter of an environment with Feast")
    parser.add_argument("--folder", type=Path, help="a folder that keeps the data between runs")
    parser.add_argument("--write", action="store_true", help="write docs/reference/performance.md")
    options = parser.parse_args()
    if options.quick:
        options.length, options.rounds = 0.05, 2
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        text = measure(options, folder)
    print(text)
    if options.write:
        write_table("serving", text)


if __name__ == "__main__":
    main()
