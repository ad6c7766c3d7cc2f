"""Measure training sets and syncs on each engine, and write docs/reference/performance.md.

Run it in the environment of the engines' tests: make bench-engines

The contenders of an engine take turns in one process. Their processor time counts, that of the
engine's server included, and each round gives a ratio to the best form by hand. All contenders must
find the same sums.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks.engines import syncs, training
from benchmarks.engines.histories import RECENT, SIZES, Size
from benchmarks.online.processes import table
from benchmarks.page import write_table

PARTS = ("training", "sync")
ENGINES = (*training.GOALS,)
SERVER = Size(100_000, 1_000_000)
"""The size on engines other than DuckDB."""


def main() -> None:
    """Measure, print, and write the page with `--write`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", nargs="*", choices=PARTS, default=PARTS)
    parser.add_argument("--engines", nargs="*", choices=ENGINES, default=ENGINES)
    parser.add_argument("--rounds", type=int, default=7, help="how many times each contender runs")
    parser.add_argument("--entities", type=int, default=1_000_000, help="the entities of a sync")
    parser.add_argument("--quick", action="store_true", help="small sizes, to check that it runs")
    parser.add_argument("--folder", type=Path, help="a folder that keeps the data between runs")
    parser.add_argument("--write", action="store_true", help="write docs/reference/performance.md")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        for part in options.parts:
            text = _trainings(options, folder) if part == "training" else _syncs(options, folder)
            print(f"{part}\n\n{text}\n")
            if options.write:
                write_table(f"engines-{part}", text)


def _trainings(options: argparse.Namespace, folder: Path) -> str:
    lines = []
    for engine in options.engines:
        for size in _sizes(engine, quick=options.quick):
            found = training.measure(engine, size, options.rounds, folder / size.name)
            print(found, file=sys.stderr)
            goal = f"{training.GOALS[engine]:.2f}"
            lines.append(
                [
                    *(found.what, str(found.statement), goal, str(found.call)),
                    *(found.shapes, found.best, found.others),
                ]
            )
    head = [
        *("engine, size", "statement, to the best by hand", "goal", "whole call, to the same"),
        *("chosen", "best by hand", "others, to the best"),
    ]
    return table(head, lines)


def _sizes(engine: str, *, quick: bool) -> tuple[Size, ...]:
    if quick:
        return (Size(2_000, 20_000, 2), Size(2_000, 20_000, recent=True))[
            : 1 + (engine == "duckdb")
        ]
    return (*SIZES, RECENT) if engine == "duckdb" else (SERVER,)


def _syncs(options: argparse.Namespace, folder: Path) -> str:
    entities = 5_000 if options.quick else options.entities
    lines = []
    for engine in ("duckdb", "postgres"):
        if engine in options.engines:
            lines += syncs.measure(engine, entities, options.rounds, folder / f"sync-{entities}")
    return table(["engine, entities", "what", "to", "ratio", "goal"], lines)


if __name__ == "__main__":
    main()
