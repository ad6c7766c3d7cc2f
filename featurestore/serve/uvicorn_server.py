"""uvicorn with uvloop and httptools, set up for one worker."""

from __future__ import annotations

import uvicorn

from featurestore.serve.app import FeatureServer
from featurestore.serve.connection_protocol import protocol_class
from featurestore.serve.served_project import ServedProject
from featurestore.serve.server_config import BACKLOG, ServerConfig

__all__ = ["server_of"]

_KEEP_ALIVE_SECONDS = 75
"""As in nginx: longer than most clients keep an idle connection, so they close it first."""


def server_of(config: ServerConfig, served: ServedProject | None = None) -> uvicorn.Server:
    """Return uvicorn with the application of one worker.

    Args:
        config: The settings.
        served: The project, if it is loaded already.
    """
    settings = uvicorn.Config(
        FeatureServer(config, served),
        loop="uvloop",
        http=protocol_class(config.limits.seconds),
        ws="none",
        interface="asgi3",
        backlog=BACKLOG,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        **config.uvicorn_options,
    )
    return uvicorn.Server(settings)
