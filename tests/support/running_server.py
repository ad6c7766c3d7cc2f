"""A real HTTP server in a thread of the test process, on a Unix socket of its own."""

from __future__ import annotations

import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from featurestore.serve.run import bound_socket, url_of
from featurestore.serve.served_project import load_project_to_serve
from featurestore.serve.server_config import RequestLimits, ServerConfig
from featurestore.serve.uvicorn_server import server_of
from tests.support.online_project import NOW, Shop

PATIENCE = 60.0
"""Seconds to wait for a condition: far longer than it takes, so that no test measures speed."""
PATIENT = RequestLimits(seconds=PATIENCE)
"""The server's own limits, but for its time."""


class RunningServer:
    """A server that runs, with a client for it."""

    def __init__(self, uds: str | None, url: str = "http://server") -> None:
        self.uds = uds
        self.url = url
        self.http = self.client()

    def client(self, **options: Any) -> httpx.Client:
        """Return a further client."""
        transport = httpx.HTTPTransport(uds=self.uds)
        return httpx.Client(transport=transport, base_url=self.url, timeout=PATIENCE, **options)

    def read(self, **body: Any) -> httpx.Response:
        """Ask for features."""
        return self.http.post("/v1/features", json=body)

    def feast(self, **body: Any) -> httpx.Response:
        """Ask for features as Feast's clients do."""
        return self.http.post("/get-online-features", json=body)

    def connect(self) -> socket.socket:
        """Return a bare connection."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(PATIENCE)
        connection.connect(str(self.uds))
        return connection


@contextmanager
def running_server(
    shop: Shop, *, limits: RequestLimits | None = None, tcp: bool = False, **settings: Any
) -> Iterator[RunningServer]:
    """Serve a project until the end of the block.

    Args:
        shop: The project.
        limits: The limits; by default `PATIENT`.
        tcp: Listen on a free port of this machine, instead of a Unix socket.
        settings: Further settings of the server.
    """
    # Not pytest's folder: the path of a Unix socket has at most 107 bytes.
    folder = tempfile.mkdtemp(prefix="fs-serve-")
    config = ServerConfig(
        project_dir=shop.folder,
        redis_url=shop.url,
        uds=None if tcp else str(Path(folder) / "s"),
        port=0,
        limits=limits or PATIENT,
        **{"now": NOW, "watch_seconds": 0.02, "access_log": False, **settings},
    )
    server = server_of(config, load_project_to_serve(config))
    listener = bound_socket(config)
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        wait_for(lambda: server.started or not thread.is_alive())
        running = RunningServer(config.uds, url_of(config, listener) if tcp else "http://server")
        with running.http:
            yield running
    finally:
        server.should_exit = True
        thread.join()
        listener.close()
        shutil.rmtree(folder)


def wait_for(condition: Callable[[], Any]) -> Any:
    """Wait for a condition; return its value."""
    deadline = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < deadline, "the condition was not met in time"
        time.sleep(0.01)
    return found
