"""Measure what the checksum of a row costs a read and a full sync.

Run it with: python -m benchmarks.online.checksum_price [--rounds 11] [--quick] [--write]

Both contenders run in one process and take turns; each turn with the checksum is compared with the
turn without it beside it. CPU time counts, so that other work of the machine does not.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import redis

from benchmarks.online.data import NOW, make
from benchmarks.online.processes import table
from benchmarks.page import write_table
from featurestore import FeatureStore
from featurestore.demo.server import embedded_server
from sync.encoding.byte_columns import ByteColumn, from_block

VIEWS, ENTITIES_PER_READ, CALLS = 3, 100, 25
READ_ENTITIES, SYNC_ENTITIES = 10_000, 250_000
QUARTERS = 4


@contextmanager
def without_checksum() -> Iterator[None]:
    """Write rows without a checksum, and read rows without a check."""
    with (
        mock.patch("featurestore.online.published_schemas.are_sound", _believed),
        mock.patch("sync.encoding.encoder._checksums", _nothing),
    ):
        yield


# Plain functions, because a call of a mock object takes as long as some rows.
def _believed(*_: Any) -> bool:
    return True


def _nothing(keys: ByteColumn, _: Any) -> ByteColumn:
    return from_block(np.empty((len(keys), 0), np.uint8))


def timed(action: Callable[[], Any], server: redis.Redis) -> tuple[float, float]:
    """Return the CPU seconds of an action: of client and server, and of the client alone."""
    busy, own = _busy(server), time.process_time()
    action()
    own = time.process_time() - own
    return own + _busy(server) - busy, own


def _busy(server: redis.Redis) -> float:
    found: Any = server.info("cpu")
    return float(found["used_cpu_user"]) + float(found["used_cpu_sys"])


def ratios(
    action: Callable[[], Any], server: redis.Redis, rounds: int
) -> list[tuple[float, float]]:
    """Return the ratios of both times, with the checksum to without it, for each pair of turns."""
    found = []
    for number in range(rounds):
        # Each contender goes first in every second pair.
        turns = [True, False] if number % 2 else [False, True]
        seconds = {}
        for checked in turns:
            if checked:
                seconds[True] = timed(action, server)
            else:
                with without_checksum():
                    seconds[False] = timed(action, server)
        found.append(tuple(a / b for a, b in zip(seconds[True], seconds[False], strict=True)))
    return found


def line(name: str, found: Sequence[tuple[float, float]]) -> list[str]:
    """Return a line of the table: medians and quartiles."""
    both, own = (statistics.quantiles(times, n=QUARTERS) for times in zip(*found, strict=True))
    return [
        name,
        f"{both[1]:.2f} ({own[1]:.2f})",
        f"{both[0]:.2f} to {both[2]:.2f} ({own[0]:.2f} to {own[2]:.2f})",
    ]


def reads(folder: Path, url: str, rounds: int) -> list[tuple[float, float]]:
    """Compare reads of many entities and all views."""
    make(folder, READ_ENTITIES, VIEWS, ttl=True)
    references = [f"v{view}:*" for view in range(VIEWS)]
    rows = [{"id": entity} for entity in range(ENTITIES_PER_READ)]
    with FeatureStore(folder, redis_url=url, now=NOW) as store:
        store.sync(full=True)

        def read() -> None:
            for _ in range(CALLS):
                store.get_online_features(references, rows, full_feature_names=True).to_dict()

        read()
        return ratios(read, redis.Redis.from_url(url), rounds)


def syncs(folder: Path, url: str, entities: int, rounds: int) -> list[tuple[float, float]]:
    """Compare full syncs of one view."""
    make(folder, entities)
    with FeatureStore(folder, redis_url=url, now=NOW) as store:
        store.sync(full=True)
        return ratios(lambda: store.sync(full=True), redis.Redis.from_url(url), rounds)


def main() -> None:
    """Measure, print, and write the page with `--write`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=11, help="pairs of full syncs")
    parser.add_argument("--quick", action="store_true", help="small sizes, to check that it runs")
    parser.add_argument("--write", action="store_true", help="write docs/reference/performance.md")
    options = parser.parse_args()
    entities, rounds = (5_000, 2) if options.quick else (SYNC_ENTITIES, options.rounds)
    with tempfile.TemporaryDirectory() as temporary, embedded_server(Path(temporary)) as url:
        folder = Path(temporary)
        lines = [
            line(
                f"a read of {ENTITIES_PER_READ} x {VIEWS}",
                reads(folder / "reads", url, rounds if options.quick else 20 * rounds),
            ),
            line(
                f"a full sync of {entities // 1000}k",
                syncs(folder / "syncs", url, entities, rounds),
            ),
        ]
    text = table(["with the checksum, to without it", "median", "quartiles"], lines)
    print(text, file=sys.stdout)
    if options.write:
        write_table("checksum", text)


if __name__ == "__main__":
    main()
