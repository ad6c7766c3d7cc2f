"""The application: two hot paths in raw ASGI, and starlette for the rest."""

from __future__ import annotations

import asyncio
import logging
import signal
from contextlib import suppress
from typing import Any

from featurestore.serve.access_log import AccessLog
from featurestore.serve.callers import CALLER, Callers, Provider, TokenRefused, TokenSource
from featurestore.serve.exchange import HttpAnswer, HttpScope, Receive, Send, send_answer
from featurestore.serve.feast import FeastEndpoint
from featurestore.serve.features import FeaturesEndpoint
from featurestore.serve.health import ReadinessProbe
from featurestore.serve.hot_endpoint import Gate, HotEndpoint
from featurestore.serve.metrics import ServerMetrics
from featurestore.serve.problems import HttpProblem
from featurestore.serve.reload import ProjectHolder
from featurestore.serve.routes import other_paths
from featurestore.serve.served_project import ServedProject, load_project_to_serve
from featurestore.serve.server_config import ServerConfig
from featurestore.serve.tracing import request_span, tracer
from featurestore.serve.visit import VISIT, Visit

__all__ = ["FeatureServer"]

_LOG = logging.getLogger(__name__)
_OPEN = frozenset({"/healthz", "/readyz", "/", "/try.js", "/try.css"})
"""The paths that need no token: what they answer without one names nothing of the project."""


class FeatureServer:
    """The ASGI application of one worker.

    Args:
        config: The settings.
        served: The project, if it is loaded already.
    """

    def __init__(self, config: ServerConfig, served: ServedProject | None = None) -> None:
        self.config = config
        self._served = served
        self._tokens = TokenSource(config.tokens_file, config.tokens)
        self._callers = Callers(self._tokens, _provider(config), local=config.uds is None)
        self._metrics = ServerMetrics()
        self._log = AccessLog() if config.access_log else None
        self._tracer = tracer()
        self._hot: dict[str, HotEndpoint] = {}
        self._others: Any = None
        self._holder: ProjectHolder | None = None
        self._watch: asyncio.Task[None] | None = None

    async def __call__(self, scope: HttpScope, receive: Receive, send: Send) -> None:
        """HttpAnswer one request, or start and stop with the server."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        visit = scope[VISIT] = Visit.of(scope)
        try:
            if self._tracer is None:
                await self._answer(visit, scope, receive, visit.marking(send))
            else:
                with request_span(self._tracer, scope, visit):
                    await self._answer(visit, scope, receive, visit.marking(send))
        finally:
            self._note(visit)

    async def _answer(self, visit: Visit, scope: HttpScope, receive: Receive, send: Send) -> None:
        try:
            scope[CALLER] = caller = await self._callers.caller(scope)
            visit.caller = caller.name
        except HttpProblem as problem:
            if visit.path not in _OPEN:
                if isinstance(problem, TokenRefused):
                    self._metrics.token_refused(problem.reason)
                await send_answer(send, HttpAnswer.of(problem))
                return
        hot = self._hot.get(visit.path)
        if hot is None:
            await self._others(scope, receive, send)
            return
        self._metrics.request_begins()
        try:
            await hot(scope, receive, send)
        finally:
            self._metrics.request_ends()

    def _note(self, visit: Visit) -> None:
        service = visit.service
        if service and self._holder is not None:
            services = self._holder.current().registry.feature_services
            # A label for each name that a client makes up would fill the memory.
            service = service if service in services else "unknown"
        self._metrics.request(visit.route, service, visit.status, visit.seconds)
        if self._log is not None:
            self._log.note(visit)

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                try:
                    await self.start()
                except Exception as error:  # noqa: BLE001, any reason stops the server
                    await send({"type": "lifespan.startup.failed", "message": str(error)})
                    return
                await send({"type": "lifespan.startup.complete"})
            else:
                await self.stop()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def start(self) -> None:
        """Load the project, and begin to watch its manifest.

        Raises:
            FeatureStoreError: The project cannot be served.
        """
        served = self._served or load_project_to_serve(self.config)
        limits = self.config.limits
        holder = ProjectHolder(self.config, served, self._metrics)
        gate = Gate(limits.concurrency)
        self._hot = {
            "/v1/features": HotEndpoint(
                FeaturesEndpoint(holder.current, limits.rows), gate, limits
            ),
            "/get-online-features": HotEndpoint(
                FeastEndpoint(holder.current, limits.rows), gate, limits
            ),
        }
        self._others = other_paths(holder, ReadinessProbe(holder, limits.seconds), self._metrics)
        self._holder = holder
        self._watch = asyncio.create_task(holder.watch(self._refresh))
        # Only the main thread gets signals.
        with suppress(ValueError, RuntimeError, NotImplementedError):
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, holder.ask)

    def _refresh(self) -> None:
        self._tokens.refresh()
        self._metrics.tokens_read(self._tokens.error)

    async def stop(self) -> None:
        """Close the connections to the online store."""
        if self._watch is not None and self._holder is not None:
            self._watch.cancel()
            with suppress(asyncio.CancelledError):
                await self._watch
            await self._holder.close()
        if self._log is not None:
            self._log.flush()


def _provider(config: ServerConfig) -> Provider | None:
    if config.jwt is None:
        return None
    from featurestore.serve.jwt_tokens import JwtCallers

    return JwtCallers(config.jwt)
