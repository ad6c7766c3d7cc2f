"""The contenders of the sync: each fills Redis with the rows of one view, in its own process.

Run one with: python -m benchmarks.online.sync_contenders NAME FOLDER URL
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import redis

from benchmarks.memory import peak_mb
from benchmarks.online.data import NOW, newest
from benchmarks.online.rows import pairs_of

Run = Callable[[], int]
"""Write the rows, and return their number."""
Contender = Callable[[Path, str], Run]
_CHUNK = 1 << 20
_OK = b"+OK\r\n"
SET_COMMAND = b"\r\n$3\r\nSET\r\n"


def ours(*, full: bool = False, recent: bool = False) -> Contender:
    """This project, as a user calls it; `recent` limits it to events of the last hour."""

    def prepare(folder: Path, url: str) -> Run:
        # Load all libraries before the clock starts; Arrow loads pandas if it is installed.
        import jinja2  # noqa: F401
        import pandas as pd  # noqa: F401
        import pyarrow.compute  # noqa: F401
        import redis.asyncio.cluster
        import redis.sentinel  # noqa: F401
        import sqlglot.dialects.duckdb  # noqa: F401
        import yaml  # noqa: F401

        import featurestore.warehouse.duckdb  # noqa: F401
        import sync.job  # noqa: F401
        from featurestore import FeatureStore

        store = FeatureStore(folder, redis_url=url, now=NOW)
        since = newest(folder) - timedelta(hours=1) if recent else None
        return lambda: sum(view.written for view in store.sync(full=full, since=since).views)

    return prepare


def bare_socket(folder: Path, url: str) -> Run:
    """Send ready SET commands, and count the replies: the least work that a client can do."""
    address = urlsplit(url)
    commands = (folder / "rows.resp").read_bytes()
    rows = commands.count(SET_COMMAND)

    def run() -> int:
        with socket.create_connection((address.hostname, address.port)) as connection:
            reader = threading.Thread(target=_await, args=(connection, rows * len(_OK)))
            reader.start()
            connection.sendall(commands)
            reader.join()
        return rows

    return run


def _await(connection: socket.socket, size: int) -> None:
    while size:
        answers = connection.recv(_CHUNK)
        # Every good reply is "+OK": an error has other letters, and a dead server sends none.
        assert {*answers} <= {*_OK}, answers[:80]
        assert answers
        size -= len(answers)


def redis_cli(folder: Path, url: str) -> Run:
    """Send the same commands with `redis-cli --pipe`."""
    rows = (folder / "rows.resp").read_bytes().count(SET_COMMAND)

    def run() -> int:
        with (folder / "rows.resp").open("rb") as commands:
            subprocess.run(
                [str(CLI), "-u", url, "--pipe"],
                stdin=commands,
                stdout=subprocess.DEVNULL,
                check=True,
            )
        return rows

    return run


def redis_py(folder: Path, url: str) -> Run:
    """Write ready keys and values with redis-py, ten thousand per pipeline."""
    parts = list(pairs_of(folder))

    def run() -> int:
        with redis.Redis.from_url(url) as client:
            for keys, values in parts:
                pipeline = client.pipeline(transaction=False)
                for key, value in zip(keys, values, strict=True):
                    pipeline.set(key, value)
                pipeline.execute()
        return sum(len(keys) for keys, _ in parts)

    return run


CLI = shutil.which("redis-cli") or shutil.which("valkey-cli")
CONTENDERS: dict[str, Contender] = {
    "full": ours(full=True),
    "changes": ours(),
    "recent changes": ours(recent=True),
    "bare socket": bare_socket,
    "redis-py": redis_py,
    **({"redis-cli": redis_cli} if CLI else {}),
}


def main() -> None:
    """Run one contender, and print its seconds and its peak memory as JSON."""
    name, folder, url = sys.argv[1:4]
    run = CONTENDERS[name](Path(folder), url)
    start = time.perf_counter()
    written = run()
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "peak_mb": peak_mb(), "written": written}))


if __name__ == "__main__":
    main()
