"""The SQL that earlier runs of dbt compiled, for the nodes that the last run left out.

`dbt build --select x` writes a manifest with the SQL of x alone. dbt keeps the files of earlier
runs in `target/compiled`; a file counts while it is newer than what it was compiled from.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from featurestore.project.nodes import CompiledNode

__all__ = ["CompiledFiles"]


@dataclass(frozen=True)
class CompiledFiles:
    """The folder of compiled SQL beside a manifest.

    Attributes:
        project: The name of the dbt project.
        folder: Its folder.
        target: The folder of the manifest.
    """

    project: str
    folder: Path
    target: Path

    def sql(self, node: CompiledNode, relations: Iterable[str]) -> str | None:
        """Return the SQL of a node; None if its file is missing, too old or another target's.

        Args:
            node: A node without SQL in the manifest.
            relations: The tables that it reads, by the names of the present target.
        """
        if not node.original_file_path.endswith(".sql"):
            return None
        compiled = self.target / "compiled" / node.package_name / node.original_file_path
        try:
            written = compiled.stat().st_mtime_ns
            origins = (path.stat().st_mtime_ns for path in self._origins(node))
            changed = max(*origins, self._newest_macro)
            text = compiled.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            return None
        # Another target's SQL names other tables.
        is_this_target = all(relation in text for relation in relations)
        return text if written >= changed and is_this_target else None

    @cached_property
    def _newest_macro(self) -> int:
        """The time of the last change to a macro of the project."""
        files = (self.folder / "macros").rglob("*.sql")
        return max((file.stat().st_mtime_ns for file in files), default=0)

    def _origins(self, node: CompiledNode) -> list[Path]:
        """Return the files that decide a node's SQL: its own, and the project's variables."""
        own = self.folder
        if node.package_name != self.project:
            own = self.folder / "dbt_packages" / node.package_name
        return [own / node.original_file_path, self.folder / "dbt_project.yml"]
