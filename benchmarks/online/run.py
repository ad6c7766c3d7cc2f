"""Run the benchmarks of the sync and of reading, and write docs/reference/performance.md.

Run it with: python -m benchmarks.online.run [sync] [reading] [--quick] [--rounds 3] [--write]

Each run is a separate process. The contenders take turns, so that a busy moment of the machine
affects all of them, and medians are compared as ratios. All contenders must write and read the same
values.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from benchmarks.online import measure_reading, measure_sync
from benchmarks.page import write_table

PARTS = ("sync", "reading")
SIZES = (250_000, 1_000_000)


def main() -> None:
    """Measure, print, and write the page with `--write`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "parts", nargs="*", choices=[*PARTS, []], help="the benchmarks to run; default: all"
    )
    parser.add_argument("--sizes", type=int, nargs="*", default=SIZES, help="numbers of entities")
    parser.add_argument("--rounds", type=int, default=3, help="how many times each contender runs")
    parser.add_argument(
        "--quick", action="store_true", help="small sizes and one round, to check that it runs"
    )
    parser.add_argument("--folder", type=Path, help="a folder that keeps the data between runs")
    parser.add_argument(
        "--feast", help="the interpreter of an environment with Feast; see feast_contender.py"
    )
    parser.add_argument(
        "--feast-entities",
        type=int,
        default=250_000,
        help="the greatest number of entities for Feast",
    )
    parser.add_argument("--write", action="store_true", help="write docs/reference/performance.md")
    options = parser.parse_args()
    if options.quick:
        options.sizes, options.rounds, options.feast_entities = [2_000, 8_000], 1, 2_000
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        for part in options.parts or PARTS:
            text = _measure(part, options, folder)
            print(f"{part}\n\n{text}\n")
            if options.write:
                write_table(part, text)


def _measure(part: str, options: argparse.Namespace, folder: Path) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    if part == "reading":
        calls = 1 if options.quick else 10
        return measure_reading.measure(options.rounds, calls, folder, options.feast)
    return measure_sync.measure(
        list(options.sizes), options.rounds, folder, options.feast, options.feast_entities
    )


if __name__ == "__main__":
    main()
