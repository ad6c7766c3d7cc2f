"""Several worker processes on one socket: start them, replace dead ones, pass signals on.

uvicorn's own supervisor restarts its workers on SIGHUP, which would fail for a broken manifest.
These workers get the signal, and keep the old manifest.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import socket
import threading
import time
from contextlib import suppress
from multiprocessing.context import SpawnProcess
from types import FrameType

from featurestore.serve.metrics import forget_worker, shared_metrics
from featurestore.serve.server_config import ServerConfig
from featurestore.serve.server_log import write_server_log

__all__ = ["run_workers"]

_LOG = logging.getLogger(__name__)
_POLL_SECONDS = 0.2
_RESTART_SECONDS = 1.0
"""The least time between two starts in one place, so that a worker that fails does not spin."""


def run_workers(config: ServerConfig, listener: socket.socket) -> None:
    """Run the workers until SIGTERM or SIGINT, then wait for their open requests."""
    crew = _Crew(config, listener)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, crew.note)
    with shared_metrics():
        crew.run()


def _work(config: ServerConfig, listener: socket.socket) -> None:
    """Serve in one worker, which ends with its parent."""
    from featurestore.serve.uvicorn_server import server_of

    # The server takes the signal once it has started; until then it must not end the process.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    write_server_log(config.log_level)
    server_of(config).run([listener])


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)


class _Crew:
    """The workers of one server."""

    def __init__(self, config: ServerConfig, listener: socket.socket) -> None:
        self._config = config
        self._listener = listener
        self._spawn = multiprocessing.get_context("spawn")
        self._workers: list[tuple[SpawnProcess, float]] = []
        self._signals: list[int] = []

    def note(self, number: int, _: FrameType | None) -> None:
        """Remember a signal; the loop acts on it."""
        self._signals.append(number)

    def run(self) -> None:
        """Keep the workers alive until a signal ends them."""
        self._workers = [self._started() for _ in range(self._config.workers)]
        while True:
            signals, self._signals = self._signals, []
            if signal.SIGHUP in signals:
                self._pass_on(signal.SIGHUP)
            if {signal.SIGTERM, signal.SIGINT} & {*signals}:
                break
            self._replace_dead()
            time.sleep(_POLL_SECONDS)
        self._pass_on(signal.SIGTERM)
        for process, _ in self._workers:
            process.join()

    def _started(self) -> tuple[SpawnProcess, float]:
        process = self._spawn.Process(target=_work, args=(self._config, self._listener))
        process.start()
        return process, time.monotonic()

    def _replace_dead(self) -> None:
        for place, (process, started) in enumerate(self._workers):
            if process.is_alive() or time.monotonic() - started < _RESTART_SECONDS:
                continue
            _LOG.error(
                "Worker %s ended with code %s; starting another.", process.pid, process.exitcode
            )
            forget_worker(process.pid or 0)
            self._workers[place] = self._started()

    def _pass_on(self, number: int) -> None:
        for process, _ in self._workers:
            if process.pid is not None and process.is_alive():
                _send(process.pid, number)


def _send(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)
