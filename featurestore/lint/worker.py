"""A process that lints some views: `python -m featurestore.lint.worker MANIFEST PROJECT`.

It reads the names of the views from standard input, and writes one line of JSON per view.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

from featurestore.lint.linter import result_key
from featurestore.lint.manifest_index import ManifestIndex
from featurestore.lint.problem_finder import ProblemFinder
from featurestore.project.manifest import load_manifest
from featurestore.registry.build_registry import build_registry


def lint_views(manifest_path: Path, project: Path, names: list[str]) -> None:
    """Write the key and the problems of each view."""
    manifest = load_manifest(manifest_path, project)
    registry = build_registry(manifest)
    index = ManifestIndex(manifest, registry)
    finder = ProblemFinder(index, project)
    for name in names:
        view = registry.feature_views[name]
        key = result_key(view, index, project)
        problems = [asdict(problem) for problem in finder.problems(view)]
        line = json.dumps({"view": name, "key": key, "problems": problems})
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    lint_views(Path(sys.argv[1]), Path(sys.argv[2]), json.load(sys.stdin))
