"""The batches of a microbatch model that dbt has run, by the SQL that it wrote for each.

dbt keeps them under `target/run`, where the next command does not replace them, as it does
`run_results.json`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from featurestore.project.nodes import Node

__all__ = ["RunBatch", "run_batches"]

_FORMATS = {"hour": "%Y-%m-%dT%H", "day": "%Y-%m-%d", "month": "%Y-%m", "year": "%Y"}
"""How dbt writes the start of a batch into a file's name, by the length of the batch."""


@dataclass(frozen=True, slots=True)
class RunBatch:
    """A batch that dbt has run.

    Attributes:
        start: The batch's start.
        run_at: When dbt ran it last.
    """

    start: datetime
    run_at: datetime


def run_batches(node: Node, target_path: Path) -> tuple[RunBatch, ...]:
    """Return the batches of a microbatch model that dbt has run since the last `dbt clean`.

    Args:
        node: The model; one of another strategy has none.
        target_path: The folder of dbt's artifacts. Without files of SQL, such as on another machine
            than dbt's, no batch is known.
    """
    written = Path(node.original_file_path)
    folder = target_path / "run" / node.package_name / written.parent / written.stem
    return tuple(_batches(folder, f"{written.stem}_", str(node.config.batch_size)))


def _batches(folder: Path, prefix: str, size: str) -> Iterator[RunBatch]:
    for file in sorted(folder.glob(f"{prefix}*.sql")) if size in _FORMATS else ():
        try:
            named = file.stem.removeprefix(prefix)
            start = datetime.strptime(named, _FORMATS[size]).replace(tzinfo=UTC)
            run_at = datetime.fromtimestamp(file.stat().st_mtime, UTC)
        except (OSError, ValueError):
            continue
        yield RunBatch(start, run_at)
