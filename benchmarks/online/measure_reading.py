"""Measure reading: contenders take turns, and each run is the median of many calls."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.online.data import NOW, make
from benchmarks.online.processes import medians, run_once, table
from featurestore import FeatureStore
from featurestore.demo.server import embedded_server

ENTITIES = 10_000
VIEWS = 3
SHAPES = {1: 1000, 100: 100}
"""Entities per request, and the least number of calls."""
OURS, FEAST = "featurestore", "Feast"
LABELS = {
    OURS: "featurestore",
    "MGET": "redis-py and hiredis, MGET, undecoded",
    "MGET and struct": "redis-py and hiredis, MGET and `struct`, by hand",
    "MGET alone": "redis-py alone, MGET, undecoded",
    FEAST: "Feast SDK",
}


def measure(rounds: int, calls: int, folder: Path, feast: str | None) -> str:
    """Measure all contenders, and return the table.

    Args:
        rounds: How often each contender runs.
        calls: A factor for the least number of calls.
        folder: The folder of the data.
        feast: The interpreter of an environment with Feast.
    """
    project = folder / "reading"
    make(project, ENTITIES, VIEWS, ttl=True)
    columns = [(count, suffix) for suffix in ("", ", async") for count in SHAPES]
    names = [name for name in LABELS if name != FEAST or feast]
    runs: dict[tuple[str, int, str], list[dict[str, float]]] = {
        (name, *column): [] for column in columns for name in names
    }
    with embedded_server(folder) as url:
        FeatureStore(project, redis_url=url, now=NOW).sync(full=True)
        if feast:
            run_once("feast_contender", "fill", project, url, python=feast)
        for _ in range(rounds):
            for (name, count, suffix), done in runs.items():
                own = name == FEAST
                module, python = ("feast_contender", feast) if own else ("read_contenders", None)
                what = ("read" if own else name) + suffix
                arguments = (what, count, SHAPES[count] * calls, project, url)
                done.append(run_once(module, *arguments, python=python))
                print(f"{count:>4} {name + suffix:<28} {done[-1]}", file=sys.stderr)
    for count, suffix in columns:
        sums = {run["sum"] for name in names for run in runs[name, count, suffix]}
        assert len(sums) == 1, f"{count}{suffix}: the contenders disagree: {sums}"
    found = {key: medians(done)["seconds"] for key, done in runs.items()}
    lines = [
        [LABELS[name], *(f"{found[name, *c] / found[OURS, *c]:.2f}" for c in columns)]
        for name in names
    ]
    return table(["contender", *(f"{count} x {VIEWS}{suffix}" for count, suffix in columns)], lines)
