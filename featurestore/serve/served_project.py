"""The project that is served: one store per manifest, closed once its last request is done."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from featurestore.registry.registry import Registry
from featurestore.serve.grants import Grant
from featurestore.serve.permissions import Permissions
from featurestore.serve.server_config import ServerConfig
from featurestore.store.feature_store import FeatureStore

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FileState", "ServedProject", "load_project_to_serve", "state_of_file"]

FileState = tuple[int, int, int] | None
"""The time, the size and the inode of a file; None if it does not exist."""


class ServedProject:
    """The definitions of one manifest, with the store that reads them.

    As a context it counts the requests that use its store.

    Args:
        store: The store.
        registry: Its definitions, without problems.
        state: The state of the manifest that they were read from.
    """

    def __init__(self, store: FeatureStore, registry: Registry, state: FileState) -> None:
        self.store = store
        self.registry = registry
        self.state = state
        self.loaded_at = datetime.now(UTC)
        self._permissions: dict[Grant, Permissions] = {}
        self._users = 0
        self._when_idle: Callable[[], None] | None = None

    def permissions(self, grant: Grant) -> Permissions:
        """Return what a grant allows of this project."""
        found = self._permissions.get(grant)
        if found is None:
            found = self._permissions[grant] = Permissions(self.registry, grant)
        return found

    def __enter__(self) -> FeatureStore:
        """Count one more request."""
        self._users += 1
        return self.store

    def __exit__(self, *error: object) -> None:
        """Count one request less."""
        self._users -= 1
        if not self._users and self._when_idle is not None:
            self._when_idle()

    def retire(self, when_idle: Callable[[], None]) -> None:
        """Call a function once no request uses the store; no further one will."""
        self._when_idle = when_idle
        if not self._users:
            when_idle()


def load_project_to_serve(config: ServerConfig) -> ServedProject:
    """Return the project of the manifest that is there now.

    Raises:
        FeatureStoreError: A file is missing or broken, a definition is wrong, or the URL of the
            online store cannot be understood.
    """
    store = FeatureStore(
        config.project_dir, config.target, redis_url=config.redis_url, now=config.now
    )
    # The state first: a manifest that dbt writes meanwhile is then loaded once more.
    state = state_of_file(store)
    store.prepare_online()
    return ServedProject(store, store.registry, state)


def state_of_file(store: FeatureStore) -> FileState:
    """Return the state of a project's manifest."""
    try:
        found = store.project.manifest_path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
