"""GET /readyz: whether this server can answer. Many probes at once ask Redis once."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from featurestore.online.readiness import OnlineReadiness
from featurestore.serve.reload import ProjectHolder
from featurestore.serve.served_project import ServedProject

__all__ = ["ReadinessProbe"]

_KEPT_SECONDS = 1.0


class ReadinessProbe:
    """Tells whether Redis answers and every online view can be read.

    Args:
        holder: Holds the project that is served.
        seconds: The time that Redis has to answer.
    """

    def __init__(self, holder: ProjectHolder, seconds: float) -> None:
        self._holder = holder
        self._seconds = seconds
        self._lock = asyncio.Lock()
        self._known: tuple[float, ServedProject, OnlineReadiness] | None = None

    async def report(self) -> tuple[bool, dict[str, Any]]:
        """Return whether the server is ready, and its state in words.

        A broken new manifest leaves the server ready, since it serves the old one.
        """
        served = self._holder.current()
        found = await self._readiness(served)
        state: dict[str, Any] = {
            "status": "ready" if found.is_ready else "not ready",
            "online_store": found.unreachable or "ready",
            "views": {name: reason or "ready" for name, reason in found.views.items()},
            "manifest": {
                "loaded_at": served.loaded_at,
                "status": f"broken: {self._holder.error}" if self._holder.error else "served",
            },
        }
        return found.is_ready, state

    async def _readiness(self, served: ServedProject) -> OnlineReadiness:
        async with self._lock:
            known = self._known
            if known and known[1] is served and time.monotonic() - known[0] < _KEPT_SECONDS:
                return known[2]
            found = await self._asked(served)
            self._known = time.monotonic(), served, found
            return found

    async def _asked(self, served: ServedProject) -> OnlineReadiness:
        try:
            async with asyncio.timeout(self._seconds):
                with served as store:
                    return await store.online_readiness()
        except TimeoutError:
            return OnlineReadiness(
                unreachable=f"The online store did not answer within {self._seconds:g} seconds."
            )
