"""Load a new manifest without dropping a request: on SIGHUP, and when the file changes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

from featurestore.errors import FeatureStoreError
from featurestore.serve.metrics import ServerMetrics
from featurestore.serve.served_project import (
    ServedProject,
    load_project_to_serve,
    state_of_file,
)
from featurestore.serve.server_config import ServerConfig

__all__ = ["ProjectHolder"]

_LOG = logging.getLogger(__name__)


class ProjectHolder:
    """Holds the project that is served, and replaces it as a whole.

    Args:
        config: The settings of the server.
        served: The first project.
        metrics: Learns of the reads and of the reloads.

    Attributes:
        error: Why the newest manifest is not served; empty if it is.
    """

    def __init__(self, config: ServerConfig, served: ServedProject, metrics: ServerMetrics) -> None:
        self._config = config
        self._served = served
        self._metrics = metrics
        self._begin(served)
        self._asked = asyncio.Event()
        self._closing: set[asyncio.Task[None]] = set()
        self.error = ""

    def current(self) -> ServedProject:
        """Return the project that is served now."""
        return self._served

    def ask(self) -> None:
        """Ask for a reload, even of an unchanged manifest."""
        self._asked.set()

    async def watch(self, refresh: Callable[[], None]) -> None:
        """Reload when asked, and whenever the manifest has changed; runs until it is cancelled.

        Args:
            refresh: Called at each look, for what else may have changed.
        """
        tried = seen = self._served.state
        while True:
            asked = await self._pause()
            refresh()
            state = state_of_file(self._served.store)
            # dbt writes the file in place, so it is read only once it has stopped to change.
            settled = state == seen and state != tried
            seen = state
            if asked or settled:
                tried = state
                await self.reload()

    async def _pause(self) -> bool:
        """Wait for the next look at the file; return whether a reload was asked for."""
        seconds = self._config.watch_seconds or None
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._asked.wait()
        asked = self._asked.is_set()
        self._asked.clear()
        return asked

    async def reload(self) -> None:
        """Load the manifest that is there now; keep the old one if the new one is broken."""
        try:
            new = await asyncio.to_thread(load_project_to_serve, self._config)
        except FeatureStoreError as error:
            self._keep(str(error))
        except Exception as error:  # noqa: BLE001, a bug must not end the watch
            _LOG.exception("Loading the manifest failed.")
            self._keep(f"{type(error).__name__}: {error}")
        else:
            self.replace(new)
            _LOG.info("Loaded the manifest of project '%s'.", new.registry.project)

    def _keep(self, reason: str) -> None:
        self.error = reason
        self._metrics.manifest_refused()
        _LOG.error("The new manifest is not served, the old one still is: %s", reason)

    def replace(self, new: ServedProject) -> None:
        """Serve another project from the next request on."""
        self._begin(new)
        old, self._served, self.error = self._served, new, ""
        old.retire(lambda: self._close(old))

    def _begin(self, served: ServedProject) -> None:
        served.store.observe_online(self._metrics)
        self._metrics.manifest_served(served.loaded_at.timestamp())

    def _close(self, old: ServedProject) -> None:
        task = asyncio.create_task(old.store.aclose())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """Close the connections to the online store."""
        if self._closing:
            await asyncio.wait(self._closing)
        await self._served.store.aclose()
