"""One state of a project, as a manifest tells it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from featurestore.errors import ManifestNotFound
from featurestore.lineage.graph import LineageGraph, build_lineage
from featurestore.online.keys import row_prefix
from featurestore.project.manifest import Manifest, load_manifest
from featurestore.project.result_cache import ResultCache
from featurestore.registry.build_registry import build_registry
from featurestore.registry.definitions import FeatureView
from featurestore.registry.registry import Registry

__all__ = ["ProjectState", "load_state", "remark"]


@dataclass(frozen=True)
class ProjectState:
    """A manifest with what is read from it.

    Attributes:
        manifest: dbt's manifest.
        registry: What it declares.
        cache: Where lineage is kept from run to run.
        progress: Told the name of each model that is read.
    """

    manifest: Manifest
    registry: Registry
    cache: ResultCache | None = None
    progress: Callable[[str], None] | None = None

    @cached_property
    def lineage(self) -> LineageGraph:
        """The lineage by compiled SQL."""
        return build_lineage(self.manifest, self.registry, cache=self.cache, progress=self.progress)

    @cached_property
    def file_lineage(self) -> LineageGraph:
        """The lineage by the text of the model files, where there is no compiled SQL."""
        return build_lineage(self.manifest, self.registry, by_file=True)

    @cached_property
    def is_compiled(self) -> bool:
        """Whether the SQL of every feature view is compiled."""
        views = self.registry.feature_views.values()
        nodes = [self.manifest.compiled(view.unique_id) for view in views]
        sql = [node for node in nodes if node.unique_id.startswith("model.")]
        return all(node.compiled_code for node in sql)

    def online_keys(self, view: FeatureView) -> str:
        """Return what the online keys of a view begin with; empty if it has none."""
        return row_prefix(self.registry.project, view.name) if view.online else ""


def remark(old: ProjectState, new: ProjectState) -> str:
    """Say what could not be compared."""
    if old.is_compiled and new.is_compiled:
        return ""
    paths = [str(state.manifest.path) for state in (old, new) if not state.is_compiled]
    return (
        f"There is no compiled SQL in {' and '.join(paths)}: model files are compared instead, so"
        " that a change of form counts as one of logic, and one of a macro is not seen. Run"
        " `dbt compile` there."
    )


def load_state(path: Path, cache: ResultCache | None = None) -> ProjectState:
    """Read the state that dbt left in a folder.

    Args:
        path: A manifest, or the folder in which it lies, as dbt's own `--state` takes it.
        cache: Where lineage is kept from run to run.

    Raises:
        ManifestError: There is no manifest, or it cannot be read.
    """
    file = path / "manifest.json" if path.is_dir() else path
    if not file.exists():
        raise ManifestNotFound(
            f"No dbt manifest at {file}.",
            remedy="Name the manifest to compare with, or the folder that holds it.",
        )
    manifest = load_manifest(file)
    return ProjectState(manifest, build_registry(manifest), cache)
