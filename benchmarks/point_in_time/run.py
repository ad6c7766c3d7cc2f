"""Run every contender on every size, in turns, and write docs/reference/performance.md.

Run it with: python -m benchmarks.point_in_time.run [--sizes 100k-1M-3 ...] [--rounds 3] [--write]

Each run is a separate process. The contenders take turns, so that a busy moment of the machine
affects all of them, and medians are compared as ratios. All contenders must find the same number of
values.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.files import read_through
from benchmarks.page import write_table
from benchmarks.point_in_time.contenders import CONTENDERS
from benchmarks.point_in_time.data import SIZES, SPILL, Size, make

ROOT = Path(__file__).parents[2]
OURS, FEAST = "featurestore", "Feast, DuckDB store"
_MINUTES = 10


@dataclass(frozen=True)
class Result:
    """The median of one contender's runs at one size."""

    seconds: float
    peak_mb: float
    checksum: str


def command_of(name: str, size: Size, folder: Path, feast: str | None) -> list[str]:
    """Return the command that runs one contender."""
    package = "benchmarks.point_in_time"
    if name == FEAST:
        return [str(feast), "-m", f"{package}.feast_contender", str(folder), str(size.views)]
    return [sys.executable, "-m", f"{package}.contenders", name, size.name, str(folder)]


def run_once(command: list[str]) -> Result | None:
    """Run one contender in its own process; return None if it fails or takes too long."""
    try:
        result = subprocess.run(
            command,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=_MINUTES * 60,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None
    if result.returncode:
        print(result.stderr[-2000:], file=sys.stderr)
        return None
    return Result(**json.loads(result.stdout.splitlines()[-1]))


def measure(size: Size, folder: Path, rounds: int, feast: str | None) -> dict[str, Result]:
    """Run all contenders in turns, and return the medians of each."""
    names = [*CONTENDERS, *([FEAST] if feast else [])]
    runs: dict[str, list[Result]] = {name: [] for name in names}
    for number in range(rounds):
        for name, done in runs.items():
            if number and not done:
                continue
            read_through(folder)
            result = run_once(command_of(name, size, folder, feast))
            if result is not None:
                done.append(result)
                print(f"{size.name:>12} {name:<32} {result.seconds:8.2f} s", file=sys.stderr)
    found = {name: _median(done) for name, done in runs.items() if done}
    checksums = {result.checksum for result in found.values()}
    assert len(checksums) == 1, f"{size.name}: the contenders disagree: {checksums}"
    return found


def _median(runs: list[Result]) -> Result:
    return Result(
        statistics.median(run.seconds for run in runs),
        statistics.median(run.peak_mb for run in runs),
        runs[0].checksum,
    )


def table(results: dict[str, dict[str, Result]]) -> str:
    """Return a table of times and memory, as ratios to this project."""
    lines = [
        "| contender | " + " | ".join(results) + " |",
        "| --- |" + " ---: |" * len(results),
    ]
    for name in dict.fromkeys(name for found in results.values() for name in found):
        cells = [_cell(found.get(name), found[OURS]) for found in results.values()]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(result: Result | None, ours: Result) -> str:
    if result is None:
        return "did not finish"
    return f"{result.seconds / ours.seconds:.2f} ({result.peak_mb / ours.peak_mb:.2f})"


def main() -> None:
    """Measure, print, and write the page with `--write`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", nargs="*", default=list(SIZES), help="the sizes to measure")
    parser.add_argument("--rounds", type=int, default=3, help="how many times each contender runs")
    parser.add_argument("--folder", type=Path, help="a folder that keeps the data between runs")
    parser.add_argument("--feast", help="the interpreter of an environment with Feast")
    parser.add_argument("--write", action="store_true", help="write docs/reference/performance.md")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        results = {}
        for name in options.sizes:
            size = SIZES.get(name, SPILL)
            folder = (options.folder or Path(temporary)) / name
            make(size, folder)
            results[name] = measure(size, folder, options.rounds, options.feast)
    text = table(results)
    print(text)
    if options.write:
        write_table("point-in-time", text)


if __name__ == "__main__":
    main()
