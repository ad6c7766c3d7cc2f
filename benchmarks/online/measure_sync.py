"""Measure the sync: contenders take turns to fill an empty Redis; its memory is read afterwards."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis

from benchmarks.files import read_through
from benchmarks.online.data import change, make
from benchmarks.online.processes import medians, run_once, table
from benchmarks.online.rows import checksum, save
from benchmarks.online.sync_contenders import CLI
from featurestore.demo.server import embedded_server

Runs = dict[str, list[dict[str, float]]]


@dataclass(frozen=True)
class Step:
    """One contender's turn.

    Attributes:
        label: The contender's name on the page.
        contender: The contender to run.
        ttl: Whether the view has a ttl.
        fills: Whether the turn starts with an empty Redis.
        changed: Whether some entities get a newer row before the turn.
        ours: Whether the contender is this project, whose memory is then reported.
    """

    label: str
    contender: str
    ttl: bool = False
    fills: bool = True
    changed: bool = False
    ours: bool = True


OURS, WITH_TTL = "featurestore, full", "featurestore, full, with a ttl"
FEAST = "Feast materialize"
# The order matters: a turn that looks for changes compares with the turn before it.
STEPS = (
    Step(OURS, "full"),
    Step("featurestore, nothing changed", "changes", fills=False),
    Step("featurestore, 1 % changed", "changes", fills=False, changed=True),
    Step("featurestore, 1 % changed, --since", "recent changes", fills=False, changed=True),
    Step(WITH_TTL, "full", ttl=True),
    Step("featurestore, 1 % changed, with a ttl", "changes", ttl=True, fills=False, changed=True),
    Step("bare socket, commands ready", "bare socket", ours=False),
    Step("bare socket, with a ttl", "bare socket", ttl=True, ours=False),
    *([Step("redis-cli --pipe, commands ready", "redis-cli", ours=False)] if CLI else []),
    Step("redis-py pipeline, values ready", "redis-py", ours=False),
)


@dataclass
class Bench:
    """The projects of one size, and their Redis server."""

    entities: int
    folder: Path
    url: str

    def __post_init__(self) -> None:
        self.client = redis.Redis.from_url(self.url)
        for ttl in (False, True):
            make(self.project(ttl=ttl), self.entities, ttl=ttl)

    def project(self, *, ttl: bool = False) -> Path:
        """Return the project's folder."""
        return self.folder / ("ttl" if ttl else "plain")

    def used(self) -> int:
        """Return the server's memory, without the buffers of this connection."""
        self.client.connection_pool.disconnect()
        info: Any = self.client.info("memory")
        return int(info["used_memory"])

    def empty(self) -> int:
        """Empty the server; return the memory that remains."""
        # Without SYNC some servers free the memory later.
        self.client.execute_command("FLUSHALL", "SYNC")
        return self.used()

    def take(self, step: Step) -> dict[str, float]:
        """Run one step of a round."""
        project = self.project(ttl=step.ttl)
        before = self.empty() if step.fills else 0
        expected = change(project, self.entities) if step.changed else 0
        read_through(project)
        result = run_once("sync_contenders", step.contender, project, self.url)
        written = result.pop("written")
        assert written == (self.entities if step.fills else expected), f"{step.label}: {written}"
        if step.fills:
            result["bytes"] = (self.used() - before) / self.entities
        if step.contender == "full" and not (project / "rows.pickle").exists():
            save(self.client, project, ttl=step.ttl)
        self.check(step.label, checksum(self.client))
        return result

    def feast(self, python: str) -> dict[str, float]:
        """Run Feast, which reports the rows that it has written."""
        before = self.empty()
        read_through(self.project())
        result = run_once("feast_contender", "sync", self.project(), self.url, python=python)
        result["bytes"] = (self.used() - before) / self.entities
        self.check(FEAST, (result.pop("rows"), result.pop("sum")))
        return result

    def check(self, label: str, found: tuple[int, int]) -> None:
        """Check that a contender has written every row, with the same values as the others."""
        self.known = getattr(self, "known", found)
        assert found == self.known == (self.entities, found[1]), f"{label}: {found}, {self.known}"


def measure(sizes: list[int], rounds: int, folder: Path, feast: str | None, most: int) -> str:
    """Measure all sizes, and return the tables.

    Args:
        sizes: Numbers of entities.
        rounds: How often each contender runs.
        folder: The folder of the data.
        feast: The interpreter of an environment with Feast.
        most: The greatest number of entities for Feast.
    """
    found = {size: _one(size, rounds, folder, feast if size <= most else None) for size in sizes}
    if feast and min(sizes) > most:
        found[most] = _one(most, rounds, folder, feast)
    labels = list(dict.fromkeys(label for runs in found.values() for label in runs))
    lines = [[label, *(_cell(done, label) for done in found.values())] for label in labels]
    times = table(["contender", *map(_short, found)], lines)
    return f"{times}\n\n{_memory(found)}"


def _one(size: int, rounds: int, folder: Path, feast: str | None) -> dict[str, dict[str, float]]:
    place = folder / f"sync-{size}"
    place.mkdir(parents=True, exist_ok=True)
    with embedded_server(place) as url:
        bench = Bench(size, place, url)
        turns: dict[str, Callable[[], dict[str, float]]] = {
            step.label: lambda step=step: bench.take(step) for step in STEPS
        }
        if feast:
            turns[FEAST] = lambda: bench.feast(feast)
        runs: Runs = {label: [] for label in turns}
        for _ in range(rounds):
            for label, turn in turns.items():
                runs[label].append(turn())
                print(f"{_short(size)} {label:<42} {runs[label][-1]}", file=sys.stderr)
        return {label: medians(done) for label, done in runs.items()}


def _cell(found: dict[str, dict[str, float]], label: str) -> str:
    """Return the time, and for a sync the memory, as ratios to a full sync."""
    if label not in found:
        return ""
    result, ours = found[label], found[OURS]
    shown = f"{result['seconds'] / ours['seconds']:.2f}"
    keeps = label == FEAST or any(step.label == label and step.ours for step in STEPS)
    return f"{shown} ({result['peak_mb'] / ours['peak_mb']:.2f})" if keeps else shown


def _memory(found: dict[int, dict[str, dict[str, float]]]) -> str:
    """Return the bytes per entity in Redis, and how the job's memory grows with the entities."""
    first, last = min(found), max(found)
    lines = []
    for label in (OURS, WITH_TTL, FEAST):
        sizes = [size for size in found if label in found[size]]
        if not sizes:
            continue
        growth = found[max(sizes)][label]["peak_mb"] / found[min(sizes)][label]["peak_mb"]
        grown = f"{growth:.2f}" if len(sizes) > 1 else ""
        lines.append([label, f"{found[max(sizes)][label]['bytes']:.0f}", grown])
    growth = f"peak memory of the job at {_short(last)}, to that at {_short(first)}"
    return table(["contender", "bytes of Redis per entity", growth], lines)


def _short(count: int) -> str:
    return f"{count // 1_000_000}M" if count >= 1_000_000 else f"{count / 1000:g}k"
