"""Measure how the time per view grows with a project: lint, lineage and catalog page.

Run it with: python -m benchmarks.per_view [--small 101] [--large 1861]

The project is synthetic and all of it is read for the first time. The times are those of the
processor, of all processes together, so that a busy machine does not change the ratios. A ratio of
1 means that a view of the large project takes the time of a view of the small one.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from featurestore import FeatureStore
from featurestore.catalog.page import catalog_page
from featurestore.catalog.statistics import Measured
from tests.support.large_project import large_project


def cpu_seconds(run: Callable[[], Any]) -> float:
    """Return the processor time of a call, in this process and in those that it starts."""
    before = sum(os.times()[:4])
    run()
    return sum(os.times()[:4]) - before


def times_per_view(folder: Path, views: int) -> Mapping[str, float]:
    """Return the time of each step per view of a new project, in milliseconds."""
    large_project(folder, views)
    store = FeatureStore(folder)
    steps: dict[str, Callable[[], Any]] = {
        "the lint": lambda: FeatureStore(folder).lint(),
        "lineage": store.lineage,
        "the page, from kept lineage": lambda: _page(store),
    }
    return {name: cpu_seconds(step) / views * 1_000 for name, step in steps.items()}


def _page(store: FeatureStore) -> str:
    return catalog_page(store.registry, store.lineage(), Measured(), store.now())


def main() -> None:
    """Measure two projects, and print their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", type=int, default=101)
    parser.add_argument("--large", type=int, default=1_861)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        small = times_per_view(folder / "small", options.small)
        large = times_per_view(folder / "large", options.large)
    print(f"| per view | {options.small} views, ms | {options.large} views, ms | ratio |")
    print("| --- | ---: | ---: | ---: |")
    for step, before in small.items():
        print(f"| {step} | {before:.1f} | {large[step]:.1f} | {large[step] / before:.2f} |")


if __name__ == "__main__":
    main()
