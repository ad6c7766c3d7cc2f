"""The HTTP servers that are compared, each as a process of its own on a free port."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.online.data import NOW
from benchmarks.online.processes import ROOT

__all__ = ["ServerProcess", "bare_server", "feast_server", "our_server"]

_PATIENCE = 120.0


@dataclass(frozen=True)
class ServerProcess:
    """A server that runs.

    Attributes:
        pid: The process, which may have children.
        port: Its port on this machine.
    """

    pid: int
    port: int


def our_server(
    stack: ExitStack, folder: Path, project: Path, url: str
) -> tuple[ServerProcess, str]:
    """Start this project's server; return it with a token."""
    tokens = folder / "tokens.yml"
    tokens.unlink(missing_ok=True)
    made = subprocess.run(
        [
            *_command("featurestore.cli", "token", "new", "--name", "bench"),
            *("--view", "*", "--file", str(tokens), "--format", "json"),
        ],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    )
    port = _free_port()
    words = ["serve", "--port", str(port), "--tokens", str(tokens), "--redis-url", url]
    words += ["--project-dir", str(project), "--now", NOW.isoformat()]
    running = _started(stack, folder, _command("featurestore.cli", *words), port)
    return running, str(json.loads(made.stdout)["token"])


def bare_server(stack: ExitStack, folder: Path, url: str, ready: Path) -> ServerProcess:
    """Start the bare endpoint."""
    port = _free_port()
    words = _command("benchmarks.online.bare_endpoint", url, str(port), str(ready))
    return _started(stack, folder, words, port)


def feast_server(
    stack: ExitStack, folder: Path, python: str, project: Path, url: str
) -> ServerProcess:
    """Start Feast's server."""
    port = _free_port()
    words = ["benchmarks.online.feast_contender", "serve", str(project), url, str(port)]
    return _started(stack, folder, _command(*words, python=python), port)


def _command(module: str, *words: str, python: str = sys.executable) -> list[str]:
    return [python, "-m", module, *words]


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _started(stack: ExitStack, folder: Path, command: Sequence[str], port: int) -> ServerProcess:
    log = stack.enter_context((folder / f"server-{port}.log").open("w+"))
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=log, stderr=log, start_new_session=True, env={**os.environ}
    )
    stack.callback(_end, process)
    deadline = time.monotonic() + _PATIENCE
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return ServerProcess(process.pid, port)
        if process.poll() is not None or time.monotonic() > deadline:
            log.seek(0)
            raise SystemExit(f"{' '.join(command)} does not serve:\n{log.read()[-3000:]}")
        time.sleep(0.05)


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    process.wait()
