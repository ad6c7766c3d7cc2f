"""One state of a project, read from a manifest."""

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

__all__ = ["ProjectState", "comparison_remark", "load_state"]


@dataclass(frozen=True)
class ProjectState:
    """A manifest with its registry and its lineage.

    Attributes:
        manifest: dbt's manifest.
        registry: The definitions in it.
        cache: Keeps lineage between runs.
        progress: Receives the name of each model that has been read.
    """

    manifest: Manifest
    registry: Registry
    cache: ResultCache | None = None
    progress: Callable[[str], None] | None = None

    @cached_property
    def lineage(self) -> LineageGraph:
        """The lineage of the compiled SQL."""
        return build_lineage(self.manifest, self.registry, cache=self.cache, progress=self.progress)

    @cached_property
    def file_lineage(self) -> LineageGraph:
        """The lineage of the model files' text, for a manifest without compiled SQL."""
        return build_lineage(self.manifest, self.registry, by_file=True)

    @cached_property
    def is_compiled(self) -> bool:
        """Whether the manifest has the compiled SQL of every feature view."""
        views = self.registry.feature_views.values()
        nodes = [self.manifest.compiled(view.unique_id) for view in views]
        # Seeds have no SQL, so they never have compiled SQL either.
        sql = [node for node in nodes if node.unique_id.startswith("model.")]
        return all(node.compiled_code for node in sql)

    def online_keys(self, view: FeatureView) -> str:
        """Return the prefix of a view's online keys; empty if the view is not online."""
        return row_prefix(self.registry.online_name, view.name) if view.online else ""


def comparison_remark(old: ProjectState, new: ProjectState) -> str:
    """Return a sentence about a comparison without compiled SQL; empty if both states have it."""
    if old.is_compiled and new.is_compiled:
        return ""
    paths = [str(state.manifest.path) for state in (old, new) if not state.is_compiled]
    return (
        f"Without compiled SQL in {' and '.join(paths)}, model files are compared: a new layout"
        " counts as new logic, and a changed macro goes unnoticed. Run `dbt compile` there."
    )


def load_state(path: Path, cache: ResultCache | None = None) -> ProjectState:
    """Return the state in a manifest.

    Args:
        path: A manifest, or its folder as in dbt's own `--state`.
        cache: Keeps lineage between runs.

    Raises:
        ManifestError: The manifest is missing or unreadable.
    """
    file = path / "manifest.json" if path.is_dir() else path
    if not file.exists():
        raise ManifestNotFound(
            f"No dbt manifest at {file}.",
            remedy="Name the manifest to compare with, or its folder.",
        )
    manifest = load_manifest(file)
    return ProjectState(manifest, build_registry(manifest), cache)
