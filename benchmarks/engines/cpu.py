"""The processor time of an engine: of this process, of its children and of the engine's server.

A busy machine lengthens every wait, but hardly the work. Linux only.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Ratio", "cpu_seconds", "cpu_seconds_of", "in_turns", "ratio"]

_TICK = 1 / os.sysconf("SC_CLK_TCK")
_PARENT, _TIMES = 1, slice(11, 15)
"""In `/proc/<pid>/stat` behind the name: the parent, and the times with those of ended children."""


def cpu_seconds(*servers: int) -> float:
    """Return the processor time so far of this process, of servers, and of all their children.

    Args:
        servers: The process ids of the servers.
    """
    found = dict(_processes())
    roots = {os.getpid(), *servers}
    # This process knows its own time to the nanosecond; the others' is counted in ticks.
    parent, times = found[os.getpid()]
    found[os.getpid()] = parent, [time.process_time(), *times[2:]]
    return sum(sum(times) for pid, (_, times) in found.items() if _belongs(pid, roots, found))


def cpu_seconds_of(server: int) -> float:
    """Return the processor time so far of another process and its children, in ticks.

    Args:
        server: The process id.
    """
    found = dict(_processes())
    return sum(sum(times) for pid, (_, times) in found.items() if _belongs(pid, {server}, found))


def _processes() -> Iterator[tuple[int, tuple[int, list[float]]]]:
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        yield int(folder.name), (int(fields[_PARENT]), [int(n) * _TICK for n in fields[_TIMES]])


def _belongs(pid: int, roots: set[int], processes: Mapping[int, tuple[int, list[float]]]) -> bool:
    while pid in processes:
        if pid in roots:
            return True
        pid = processes[pid][0]
    return False


def in_turns(
    contenders: Mapping[str, Callable[[], Any]], rounds: int, servers: Sequence[int] = ()
) -> dict[str, list[float]]:
    """Return the processor seconds of each contender in each round.

    Each round begins with another contender. A first round, which fills the caches, does not count.

    Args:
        contenders: What to measure, by name. All must return the same.
        rounds: The number of rounds.
        servers: See `cpu_seconds`.
    """
    names, results = list(contenders), {}
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for number in range(rounds + 1):
        first = number % len(names)
        for name in (*names[first:], *names[:first]):
            before = cpu_seconds(*servers)
            results[name] = contenders[name]()
            if number:
                seconds[name].append(cpu_seconds(*servers) - before)
    assert len({str(result) for result in results.values()}) == 1, f"they disagree: {results}"
    return seconds


@dataclass(frozen=True)
class Ratio:
    """The ratios of two contenders, round by round.

    Attributes:
        median: The median.
        low: The least one.
        high: The greatest one.
    """

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        """Return the median, and the spread in brackets."""
        return f"{self.median:.2f} ({self.low:.2f} to {self.high:.2f})"


def ratio(above: Sequence[float], below: Sequence[float], *, least: float = _TICK) -> Ratio:
    """Return the ratios of two contenders that were measured in the same rounds.

    Args:
        above: The numbers of one contender, by round.
        below: The numbers of the other.
        least: The least number that can be measured; by default a tick.

    >>> print(ratio([2.0, 3.0, 2.2], [1.0, 1.0, 2.0]))
    2.00 (1.10 to 3.00)
    """
    found = [
        max(mine, least) / max(theirs, least) for mine, theirs in zip(above, below, strict=True)
    ]
    return Ratio(statistics.median(found), min(found), max(found))
