"""Measure registry, lint and lineage on a large project, copied from the example's nodes.

Run it with: python -m benchmarks.scale [--models 5000] [--views 500] [--write]

Build the example first: `make demo`, or `dbt build`. Ratios compare medians of one run.
"""

from __future__ import annotations

import argparse
import copy
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.page import write_table
from featurestore import FeatureStore

ROOT = Path(__file__).parents[1]
MANIFEST = ROOT / "target" / "manifest.json"
ROUNDS = 5


def grown(manifest: dict[str, Any], models: int, views: int) -> dict[str, Any]:
    """Return a manifest with copies of the example's models, up to the given numbers."""
    grown = copy.deepcopy(manifest)
    real = [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]
    tagged = [node for node in real if "featurestore" in node["config"]["meta"]]
    plain = [node for node in real if "featurestore" not in node["config"]["meta"]]
    grown["nodes"] = {
        node["unique_id"]: node
        for kind, count in ((tagged, views), (plain, models - views))
        for node in _copies(kind, count)
    }
    return grown


def _copies(nodes: list[dict[str, Any]], count: int) -> Iterator[dict[str, Any]]:
    for number in range(count):
        node = nodes[number % len(nodes)]
        if number < len(nodes):
            yield node
            continue
        name = f"{node['name']}_{number}"
        sql = node["compiled_code"].replace("7 days", f"{number} days")
        yield {
            **node,
            "name": name,
            "alias": name,
            "unique_id": f"{node['unique_id']}_{number}",
            "compiled_code": sql,
            "relation_name": f'{node["relation_name"][:-1]}_{number}"',
        }


def project(folder: Path, models: int, views: int) -> Path:
    """Write a project with that many models; return the path of its manifest."""
    (folder / "target").mkdir(parents=True)
    for name in ("dbt_project.yml", "profiles.yml"):
        (folder / name).write_text((ROOT / name).read_text("utf-8"), "utf-8")
    path = folder / "target" / "manifest.json"
    path.write_text(json.dumps(grown(json.loads(MANIFEST.read_text("utf-8")), models, views)))
    return path


def seconds(run: Callable[[], Any], rounds: int = ROUNDS) -> float:
    """Return the median time of several runs in seconds."""
    found = []
    for _ in range(rounds):
        start = time.perf_counter()
        run()
        found.append(time.perf_counter() - start)
    return statistics.median(found)


def measure(folder: Path, models: int, views: int) -> list[tuple[str, float, str]]:
    """Return each measurement: its name, the ratio, and the name of its base."""
    path = project(folder, models, views)
    load = seconds(lambda: json.loads(path.read_bytes()))
    registry = seconds(lambda: FeatureStore(folder).declared)
    program = str(Path(sys.executable).with_name("featurestore"))
    command = [program, "list", "--project-dir", str(folder)]
    start = [program, "--version"]
    listed = seconds(lambda: subprocess.run(command, capture_output=True, check=True))
    nothing = seconds(lambda: subprocess.run(start, capture_output=True, check=True))
    first_lint = seconds(lambda: FeatureStore(folder).lint(), rounds=1)
    lint = seconds(lambda: FeatureStore(folder).lint())
    first_trace = seconds(lambda: FeatureStore(folder).lineage(), rounds=1)
    trace = seconds(lambda: FeatureStore(folder).lineage())
    return [
        ("the registry", registry / load, "`json.loads` of the manifest"),
        ("`featurestore list`", listed / nothing, "`featurestore --version`"),
        ("the lint, when nothing changed", lint / first_lint, "the first lint"),
        ("lineage, when nothing changed", trace / first_trace, "the first lineage"),
    ]


def main() -> None:
    """Measure, print, and write the page with `--write`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=int, default=5_000)
    parser.add_argument("--views", type=int, default=500)
    parser.add_argument("--write", action="store_true", help="write docs/reference/performance.md")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(Path(folder) / "grown", options.models, options.views)
    lines = ["| what | takes | of the time of |", "| --- | ---: | --- |"]
    lines += [f"| {name} | {ratio:.2f} | {of} |" for name, ratio, of in rows]
    print("\n".join(lines))
    if options.write:
        write_table("scale", "\n".join(lines))


if __name__ == "__main__":
    main()
