"""The project that agents ask about: it is read when a tool needs it, and again once it changes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property

from featurestore.lineage.graph import LineageGraph
from featurestore.registry.registry import Registry
from featurestore.serve.served_project import FileState, state_of_file
from featurestore.serve.server_config import ServerConfig
from featurestore.store.declared_store import without_connection
from featurestore.store.feature_store import FeatureStore

__all__ = ["AgentProject", "LoadedProject"]


class LoadedProject:
    """The definitions of one manifest, with the store that reads them.

    Args:
        store: The store.
        state: The state of the manifest before it was read.
    """

    def __init__(self, store: FeatureStore, state: FileState) -> None:
        self.store = store
        self.state = state
        self.registry: Registry = store.registry
        self.users = 0
        self.is_old = False

    @cached_property
    def lineage(self) -> LineageGraph:
        """The lineage of every column of the registry."""
        return self.store.lineage()

    @cached_property
    def declared(self) -> FeatureStore:
        """A store that writes statements from the declared types, without a connection."""
        return without_connection(self.store)


class AgentProject:
    """Reads the project of the settings; tools in several threads share it.

    An agent must not answer from definitions that are gone. So a manifest that cannot be read is an
    error of each tool until dbt writes a good one, and never an answer from the one before.

    Args:
        config: The settings.
    """

    def __init__(self, config: ServerConfig) -> None:
        self._config = config
        self._lock = threading.Lock()
        self._loaded: LoadedProject | None = None

    @contextmanager
    def current(self) -> Iterator[LoadedProject]:
        """Return the project of the manifest that is there now.

        Raises:
            FeatureStoreError: A file is missing or broken, or a definition is wrong.
        """
        with self._lock:
            loaded = self._fresh()
            loaded.users += 1
        try:
            yield loaded
        finally:
            with self._lock:
                loaded.users -= 1
                self._close_if_done(loaded)

    def _fresh(self) -> LoadedProject:
        loaded = self._loaded
        if loaded is not None:
            if state_of_file(loaded.store) == loaded.state:
                return loaded
            loaded.is_old, self._loaded = True, None
            self._close_if_done(loaded)
        config = self._config
        store = FeatureStore(
            config.project_dir, config.target, redis_url=config.redis_url, now=config.now
        )
        # The state first: a manifest that dbt writes meanwhile is then loaded once more.
        state = state_of_file(store)
        self._loaded = LoadedProject(store, state)
        return self._loaded

    @staticmethod
    def _close_if_done(loaded: LoadedProject) -> None:
        if loaded.is_old and not loaded.users:
            loaded.store.close()
