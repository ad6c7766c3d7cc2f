"""One open dbt project: its definitions, its connections and its moment in time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from featurestore.errors import ManifestError, ProfileError
from featurestore.governance.foreign_marks import foreign_marks
from featurestore.project.manifest import Manifest, load_manifest
from featurestore.project.namespace import chosen_namespace
from featurestore.project.profile import Project, load_profile, load_project
from featurestore.project.result_cache import ResultCache, checksum
from featurestore.registry.build_registry import build_registry
from featurestore.registry.registry import Registry
from featurestore.store.target_check import checked_target
from featurestore.values.dbt_profile import Profile
from featurestore.values.version import VERSION

if TYPE_CHECKING:
    from featurestore.governance.across_models.marks import Marks
    from featurestore.governance.across_models.personal_features import PersonalFeatures
    from featurestore.governance.across_models.personal_lineage import PersonalLineage
    from featurestore.project.nodes import Node, Source
    from featurestore.warehouse.declared import DeclaredWarehouse
    from featurestore.warehouse.protocol import Warehouse

__all__ = ["Session"]

_NOT_PICKLED = {"profile", "manifest", "declared_warehouse", "_kept_open", "_remedy_of_target"}
"""The manifest is left out since it may take 100 MB; the registry that was read from it is not."""


class Session:
    """The state that all parts of a `FeatureStore` share.

    Each file is read when it is first needed and then kept, so that every method of one store sees
    the same definitions. A project that dbt has parsed again needs a new store.

    Args:
        project_dir: The dbt project's folder.
        target: The target of the dbt profile; by default dbt's own choice.
        redis_url: The online store; by default `FEATURESTORE_REDIS_URL`, else the local port 6379.
        now: The moment that the store takes as the present; by default the clock's.

    Raises:
        ProfileError: The folder does not exist.
    """

    def __init__(
        self,
        project_dir: str | Path = ".",
        target: str | None = None,
        *,
        redis_url: str | None = None,
        now: datetime | None = None,
    ) -> None:
        self.project_dir = Path(project_dir).resolve()
        self.target = target
        self.redis_url = redis_url or os.environ.get("FEATURESTORE_REDIS_URL") or None
        self.keeps_open = False
        self.declared_only = False
        self._now = now
        self._kept_open: Warehouse | None = None
        if not self.project_dir.is_dir():
            raise ProfileError(
                f"The folder {self.project_dir} does not exist.",
                remedy="Name the folder of a dbt project.",
            )

    def __getstate__(self) -> dict[str, Any]:
        """Return the state to pickle: no connection, and no password of the profile."""
        return {name: value for name, value in vars(self).items() if name not in _NOT_PICKLED}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore the state; files that were left out are read again when they are needed."""
        vars(self).update(state, _kept_open=None, keeps_open=False)

    @cached_property
    def project(self) -> Project:
        """The contents of dbt_project.yml.

        Raises:
            ProfileError: The folder is not a dbt project.
        """
        return load_project(self.project_dir)

    @cached_property
    def profile(self) -> Profile:
        """The connection that dbt uses.

        Raises:
            ProfileError: The profile or the target cannot be found.
        """
        return load_profile(self.project, self.target)

    @cached_property
    def manifest(self) -> Manifest:
        """The manifest that dbt wrote.

        Raises:
            ManifestError: It is missing or cannot be read.
        """
        return load_manifest(self.project.manifest_path, self.project.folder)

    @cached_property
    def declared(self) -> Registry:
        """The registry as it is declared, with its problems."""
        return build_registry(self.manifest)

    @property
    def registry(self) -> Registry:
        """The registry without problems; features that inherit a mark are personal data.

        Raises:
            DefinitionProblems: A definition is wrong; all problems are listed.
        """
        self.declared.checked()
        return self._with_inherited_marks

    @cached_property
    def marks(self) -> Marks:
        """The marks for personal data on the columns of all models and sources."""
        from featurestore.governance.across_models.marks import read_marks

        return read_marks(self.manifest, foreign_marks(self.project_dir))

    @cached_property
    def personal_features(self) -> PersonalFeatures:
        """The features and keys that are personal data by inheritance."""
        from featurestore.governance.across_models.personal_features import (
            PersonalFeatures,
            personal_features,
        )

        if not self.marks.personal:
            return PersonalFeatures()
        # The whole result is kept: even an online read asks for it when it starts.
        with self.result_cache("personal_features") as cache:
            key = self._key_of_lineage()
            found = PersonalFeatures.from_json(cache.get(key))
            if found is None:
                with self.personal_lineage() as lineage:
                    found = personal_features(self.declared, lineage)
                cache.put(key, found.to_json())
            return found

    def _key_of_lineage(self) -> str:
        """Hash everything that decides which columns inherit a mark."""
        files = (self.manifest.path, self.manifest.path.with_name("catalog.json"))
        hashes = [sha256(file.read_bytes()).hexdigest() for file in files if file.is_file()]
        return checksum(VERSION, self.marks.text, *hashes)

    @contextmanager
    def personal_lineage(self) -> Iterator[PersonalLineage]:
        """Open the lineage of the marked columns, with its cache."""
        from featurestore.governance.across_models.personal_lineage import PersonalLineage

        with self.result_cache("personal_data") as cache:
            yield PersonalLineage(self.manifest, self.marks, cache)

    @cached_property
    def _with_inherited_marks(self) -> Registry:
        reasons = self.personal_features.reasons if self.marks.personal else {}
        return build_registry(self.manifest, reasons) if reasons else self.declared

    @cached_property
    def online_registry(self) -> Registry:
        """The registry without problems, with the project's namespace in Redis.

        Raises:
            DefinitionProblems: A definition is wrong; all problems are listed.
            ProfileError: The namespace is wrong, or the target has none.
        """
        return replace(self.registry, namespace=chosen_namespace(self.project, self.target))

    @property
    def ledger_schema(self) -> str:
        """The schema that holds the ledger of publications: the one that dbt builds in."""
        return str(self.profile.settings.get("schema") or "main")

    def result_cache(self, name: str) -> ResultCache:
        """Return the cache file of one analysis, beside dbt's artifacts."""
        return ResultCache(self.project.target_path / "featurestore", name)

    def warehouse(self, *, write: bool = False) -> Warehouse:
        """Open the warehouse; the caller closes it.

        Args:
            write: Whether the caller writes tables.

        Raises:
            ManifestOfOtherTarget: The manifest names the tables of another target.
        """
        from featurestore.warehouse import KEPT_OPEN, connect

        if self.declared_only:
            return self.declared_warehouse
        remedy = self._remedy_of_target
        if write:
            # DuckDB refuses a writer in a process that holds the file open for reading.
            self.close()
        elif self.keeps_open and self._kept_open is None and self.profile.adapter in KEPT_OPEN:
            self._kept_open = connect(self.profile)
            if not self.keeps_open:
                # Another thread has left the `with` block since the check above.
                self.close()
        warehouse = connect(self.profile, write=write)
        warehouse.target_remedy = remedy
        warehouse.hides_values = self._has_marks
        return warehouse

    @cached_property
    def declared_warehouse(self) -> DeclaredWarehouse:
        """The declared columns of all models and sources, in place of a connection."""
        from featurestore.sql.dialects import grammar
        from featurestore.warehouse.declared import DeclaredWarehouse

        tables: tuple[Node | Source, ...] = (
            *self.manifest.models(),
            *self.manifest.sources.values(),
        )
        dialect = self.declared.dialect
        relations = {
            table.relation_name: {
                column.name: column.data_type for column in table.columns.values()
            }
            for table in tables
            if table.relation_name
        }
        return DeclaredWarehouse(dialect, grammar(dialect), relations)

    @cached_property
    def _has_marks(self) -> bool:
        """Whether a column of the project is marked as personal data."""
        try:
            return bool(self.marks.personal)
        except ManifestError:
            return False

    @cached_property
    def _remedy_of_target(self) -> str:
        """A remedy for missing tables; empty if the manifest is known to fit the target.

        Raises:
            ManifestOfOtherTarget: The manifest names the tables of another target.
        """
        from featurestore.warehouse import ADAPTERS

        if self.profile.adapter not in ADAPTERS:
            # `connect` refuses it, with the adapters that it knows.
            return ""
        typed = bool(self.target or os.environ.get("DBT_TARGET"))
        try:
            manifest = self.manifest
        except ManifestError:
            # What needs the manifest reports it; a connection alone does not.
            return ""
        return checked_target(self.project, manifest, self.profile, typed=typed)

    def close(self) -> None:
        """Close the kept connection, so that other processes can write to the warehouse."""
        kept, self._kept_open = self._kept_open, None
        if kept is not None:
            kept.close()

    def now(self) -> datetime:
        """Return the given moment, or else the clock's time."""
        return self._now or datetime.now(UTC)
