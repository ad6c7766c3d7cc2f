"""Measure what one core of a Spark executor encodes and writes, and plan a sync of many entities.

Run it with: python -m benchmarks.online.spark_rates [--entities 1e9] [--minutes 30]

The functions that executors run are run here, without Spark: one process and one server. CPU time
is counted, of the process and of the server, because the clock would measure both at once, and all
else that the machine does.
"""

from __future__ import annotations

import argparse
import math
import random
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import redis
from pyarrow import parquet

from benchmarks.online.processes import table
from featurestore.demo.server import embedded_server
from featurestore.online.schema import Schema
from sync.encoding.row_encoder import RowEncoder
from sync.safety.lent_lock import LentLock
from sync.safety.lock import lock_key
from sync.spark.executor_tasks import RowWriting, encoding, writing

ROWS = 200_000
DOUBLES = tuple(f"amount_{number}" for number in range(8))
SCHEMA = Schema(
    (("id", "int64"),),
    (*((name, "float64") for name in DOUBLES), ("active", "bool"), ("note", "string")),
)
NEVER, IN_A_DAY = b"", b"86400"
KEPT = 0.5
"""The share of a machine's cores and memory that the plan uses: the rest is Spark's own work, the
server's connections, and the room for a bad day."""
NODE_BYTES = 32 * 2**30
EXECUTOR_CORES = 4


@dataclass(frozen=True)
class Rates:
    """The costs of one row.

    Attributes:
        encode: CPU seconds of an executor to encode it.
        write: CPU seconds of an executor to write it.
        serve: CPU seconds of the server to store it.
        sent: Bytes of the key and the row.
        held: Bytes of the server's memory.
        kept: Bytes of the ledger's table, as Parquet.
    """

    encode: float
    write: float
    serve: float
    sent: float
    held: float
    kept: float


def rows() -> pa.Table:
    """Return rows of ten features, as the warehouse gives them."""
    chance = random.Random(1)
    columns: dict[str, Any] = {
        "id": pa.array(range(ROWS), pa.int64()),
        "at": pa.array(range(ROWS), pa.int64()).cast(pa.timestamp("us")),
        **{name: [chance.random() for _ in range(ROWS)] for name in DOUBLES},
        "active": [number % 2 == 0 for number in range(ROWS)],
        "note": [f"note {number}" for number in range(ROWS)],
    }
    return pa.table(columns)


def measure(url: str, expiry: bytes) -> Rates:
    """Encode and write all rows once; return the costs of one."""
    data = rows()
    encoder = RowEncoder("bench", "v0", SCHEMA, "at", None)
    task = encoding(encoder, keys_only=False, previous=False)
    batches = data.to_batches(10_000)
    seconds, encoded = _cpu(lambda: list(task(batches)))
    with redis.Redis.from_url(url) as client:
        client.execute_command("FLUSHALL", "SYNC")
        client.set(lock_key("bench"), "mine")
        before = _server(client)
        how = RowWriting("overwrite", expiry, url, LentLock("bench", "mine", 0))
        writes, (answer,) = _cpu(lambda: list(writing(how)(encoded)))
        assert answer.column("applied").to_pylist() == [ROWS], answer.to_pylist()
        after = _server(client)
    file = BytesIO()
    parquet.write_table(data, file, compression="snappy")
    sizes = [batch.column(name).nbytes for batch in encoded for name in ("key", "value")]
    return Rates(
        encode=seconds / ROWS,
        write=writes / ROWS,
        serve=(after[0] - before[0]) / ROWS,
        sent=sum(sizes) / ROWS,
        held=(after[1] - before[1]) / ROWS,
        kept=file.tell() / ROWS,
    )


def _cpu(run: Callable[[], Any]) -> tuple[float, Any]:
    start = time.process_time()
    found = run()
    return time.process_time() - start, found


def _server(client: redis.Redis) -> tuple[float, int]:
    """Return the server's CPU seconds and its memory."""
    cpu: Any = client.info("cpu")
    memory: Any = client.info("memory")
    return cpu["used_cpu_user"] + cpu["used_cpu_sys"], int(memory["used_memory"])


def plan(rates: Rates, entities: float, minutes: float, found: float) -> list[list[str]]:
    """Return the lines of a plan: what it takes to publish all entities in some minutes.

    Args:
        rates: The costs of one row.
        entities: The number of entities.
        minutes: The time.
        found: The rows that Spark finds and compares per second and core.
    """
    seconds = 60 * minutes * KEPT
    cores = entities * (1 / found + rates.encode + rates.write) / seconds
    by_cpu = entities * rates.serve / seconds
    by_memory = entities * rates.held / (NODE_BYTES * KEPT)
    return [
        ["executor cores", f"{math.ceil(cores)}"],
        [f"executors of {EXECUTOR_CORES} cores", f"{math.ceil(cores / EXECUTOR_CORES)}"],
        ["Redis nodes, by CPU", f"{math.ceil(by_cpu)}"],
        [f"Redis nodes of {NODE_BYTES >> 30} GiB, by memory", f"{math.ceil(by_memory)}"],
        ["GiB in Redis", f"{entities * rates.held / 2**30:.0f}"],
        ["GiB shuffled and sent", f"{entities * rates.sent / 2**30:.0f}"],
        ["GiB of the ledger's table", f"{entities * rates.kept / 2**30:.0f}"],
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entities", type=float, default=1e9)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument(
        "--found",
        type=float,
        default=50_000,
        help="rows that Spark finds and compares per second and core: measure it by a dry run",
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, embedded_server(Path(folder)) as url:
        found = {"no ttl": measure(url, NEVER), "with a ttl": measure(url, IN_A_DAY)}
    lines = [
        ["rows encoded per second and core", *(f"{1 / r.encode:,.0f}" for r in found.values())],
        ["rows written per second and core", *(f"{1 / r.write:,.0f}" for r in found.values())],
        ["rows stored per second and core", *(f"{1 / r.serve:,.0f}" for r in found.values())],
        ["bytes of a key and its row", *(f"{r.sent:.0f}" for r in found.values())],
        ["bytes of Redis per row", *(f"{r.held:.0f}" for r in found.values())],
        ["bytes of the ledger per row", *(f"{r.kept:.0f}" for r in found.values())],
    ]
    print(table(["", *found], lines))
    print(f"\n{options.entities:,.0f} entities in {options.minutes:g} minutes:\n")
    plans = [
        plan(rates, options.entities, options.minutes, options.found) for rates in found.values()
    ]
    lines = [[same[0][0], *(value for _, value in same)] for same in zip(*plans, strict=True)]
    print(table(["", *found], lines))


if __name__ == "__main__":
    main()
