"""Find, compare and write the catalog's files."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from pathlib import Path

import yaml

from featurestore.catalog.docs_blocks import MARK
from featurestore.errors import FeatureStoreError
from featurestore.values.atomic_file import atomic_write

__all__ = ["blocks_path", "refuse_second_overview", "stale_lines", "write_file"]

NAME = "featurestore_catalog.md"
_OVERVIEW = re.compile(r"{%-?\s*docs\s+__overview__\s*-?%}")


def blocks_path(project_dir: Path) -> Path:
    """Return the path of the docs blocks: a file from an earlier run, else a new path."""
    folders = _model_folders(project_dir)
    for path in _pages(folders):
        if path.read_text(encoding="utf-8", errors="replace").startswith(MARK):
            return path
    return folders[0] / NAME


def refuse_second_overview(project_dir: Path, own: Path) -> None:
    """Raise if the project has another overview: dbt refuses two blocks with one name.

    Raises:
        FeatureStoreError: Another file of the project has an `__overview__` block.
    """
    for path in _pages(_model_folders(project_dir)):
        if path.resolve() != own.resolve() and _OVERVIEW.search(
            path.read_text(encoding="utf-8", errors="replace")
        ):
            raise FeatureStoreError(
                f"The project already has an overview: the block `__overview__` in {path}.",
                remedy="Keep it with --no-overview, or remove it there.",
            )


def stale_lines(path: Path, text: str) -> str:
    """Return the difference between a file and a text as a unified diff; empty if equal."""
    before = path.read_text(encoding="utf-8") if path.is_file() else ""
    if before == text:
        return ""
    lines = difflib.unified_diff(
        before.splitlines(keepends=True),
        text.splitlines(keepends=True),
        str(path),
        f"{path} (as the project is now)",
    )
    return "".join(lines)


def write_file(path: Path, text: str, *, mark: str = "") -> None:
    """Write a file atomically.

    Args:
        path: The file; its folder is created.
        text: The content.
        mark: The first line that an existing file must have to be replaced; empty for any file.

    Raises:
        FeatureStoreError: The path has another file, or is not writable.
    """
    try:
        if mark and path.is_file() and not path.read_text(encoding="utf-8").startswith(mark):
            raise FeatureStoreError(
                f"{path} was not written by `featurestore docs`.",
                remedy="Name another file with --markdown, or remove it.",
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as part:
            part.write_text(text, encoding="utf-8")
    except OSError as error:
        raise FeatureStoreError(f"Cannot write {path}: {error.strerror}.") from error


def _model_folders(project_dir: Path) -> list[Path]:
    try:
        text = (project_dir / "dbt_project.yml").read_text(encoding="utf-8")
    except OSError as error:
        raise FeatureStoreError(
            f"Cannot read {project_dir / 'dbt_project.yml'}: {error.strerror}.",
            remedy="Run in a dbt project, or name one with --project-dir.",
        ) from error
    listed = (yaml.safe_load(text) or {}).get("model-paths") or ["models"]
    return [project_dir / str(name) for name in listed]


def _pages(folders: list[Path]) -> Iterator[Path]:
    for folder in folders:
        yield from sorted(folder.rglob("*.md"))
