"""A dbt project that is open: its definitions, its connection, the moment at which it stands."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from featurestore.project.manifest import Manifest, load_manifest
from featurestore.project.profile import Project, load_profile, load_project
from featurestore.registry.registry import Registry, build_registry
from featurestore.values.dbt_profile import Profile

if TYPE_CHECKING:
    from featurestore.warehouse.protocol import Warehouse

__all__ = ["Session"]


class Session:
    """What all that `FeatureStore` does has in common; nothing is read before it is needed.

    Args:
        project_dir: The dbt project's folder.
        target: The target of the dbt profile; by default dbt's own choice.
        redis_url: The online store; by default `FEATURESTORE_REDIS_URL`, else the local port 6379.
        now: The moment at which the store stands, for replaying history; by default the clock's.
    """

    def __init__(
        self,
        project_dir: str | Path = ".",
        target: str | None = None,
        *,
        redis_url: str | None = None,
        now: datetime | None = None,
    ) -> None:
        self._project_dir = Path(project_dir).resolve()
        self._target = target
        self._redis_url = redis_url
        self._now = now
        self._keeps_open = False
        self._kept_open: Warehouse | None = None

    def __repr__(self) -> str:
        """Show the project; the online store's URL may have a password."""
        return f"{type(self).__name__}({str(self._project_dir)!r}, target={self._target!r})"

    @cached_property
    def project(self) -> Project:
        """What dbt_project.yml says.

        Raises:
            ProfileError: The folder is no dbt project.
        """
        return load_project(self._project_dir)

    @cached_property
    def profile(self) -> Profile:
        """The connection that dbt uses.

        Raises:
            ProfileError: The profile or the target cannot be found.
        """
        return load_profile(self.project, self._target)

    @cached_property
    def manifest(self) -> Manifest:
        """The manifest that dbt wrote.

        Raises:
            ManifestError: It is missing or cannot be read.
        """
        return load_manifest(self.project.manifest_path)

    @cached_property
    def declared(self) -> Registry:
        """The registry as it is declared, problems included."""
        return build_registry(self.manifest)

    @property
    def registry(self) -> Registry:
        """The registry: `.entities`, `.feature_views`, `.feature_services`.

        Raises:
            DefinitionProblems: Anything is declared wrongly; all of it is listed.
        """
        return self.declared.checked()

    def warehouse(self, *, write: bool = False) -> Warehouse:
        """Open the warehouse; close it after use.

        Args:
            write: Whether tables are to be written.
        """
        from featurestore.warehouse import KEPT_OPEN, connect

        if write:
            self._let_go()
        elif self._keeps_open and self._kept_open is None and self.profile.adapter in KEPT_OPEN:
            self._kept_open = connect(self.profile)
            if not self._keeps_open:
                # The block has ended meanwhile, in another thread.
                self._let_go()
        return connect(self.profile, write=write)

    def _let_go(self) -> None:
        """Let others write to the warehouse."""
        kept, self._kept_open = self._kept_open, None
        if kept is not None:
            kept.close()

    def now(self) -> datetime:
        """Return the moment at which the store stands: the clock's, unless one was given."""
        return self._now or datetime.now(UTC)
