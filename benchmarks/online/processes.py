"""Run contenders, each in its own process that prints JSON as its last line."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def run_once(module: str, *arguments: object, python: str | None = None) -> dict[str, Any]:
    """Run one contender, and return the numbers that it prints.

    Args:
        module: The module under `benchmarks.online`.
        arguments: Its command-line arguments.
        python: The interpreter; by default the running one.
    """
    command = [python or sys.executable, "-m", f"benchmarks.online.{module}", *map(str, arguments)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if result.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{result.stderr[-3000:]}")
    printed: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return printed


def medians(runs: Sequence[dict[str, float]]) -> dict[str, float]:
    """Return the median of each number over several runs."""
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}


def table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table with right-aligned numbers."""
    marks = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, marks, *lines))
