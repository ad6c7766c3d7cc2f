"""The server's log: one line per message on standard error, with its time in UTC."""

from __future__ import annotations

import logging
import time

__all__ = ["write_server_log"]

_LOGGERS = ("featurestore", "mcp", "uvicorn.error")


def write_server_log(level: str) -> None:
    """Write the messages of the server and of uvicorn to standard error.

    Args:
        level: The least severe messages, such as `info`.
    """
    lines = logging.StreamHandler()
    form = logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%SZ")
    form.converter = time.gmtime
    lines.setFormatter(form)
    # uvicorn writes a line per request to any handler that it finds.
    logging.getLogger("uvicorn.access").propagate = False
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers = [lines]
        logger.setLevel(level.upper())
        logger.propagate = False
