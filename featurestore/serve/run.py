"""Run the HTTP server: uvicorn with uvloop and httptools, in one process or in several."""

from __future__ import annotations

import logging
import os
import signal
import socket
import ssl
import stat
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from featurestore.errors import FeatureStoreError, MissingExtra
from featurestore.serve.server_config import BACKLOG, ServerConfig

__all__ = ["run_server"]

_LOG = logging.getLogger(__name__)
_PACKAGES = ("starlette", "uvicorn", "uvloop", "httptools", "prometheus_client")
_SOCKET_RIGHTS = 0o660
"""Who may connect to a Unix socket: the server's user and group."""


def run_server(config: ServerConfig) -> None:
    """Serve until a signal ends the process.

    Raises:
        MissingExtra: A package of the server is not installed.
        FeatureStoreError: The project, the address or the certificate cannot be served.
    """
    refuse_missing_packages()
    if config.jwt is not None and find_spec("jwt") is None:
        raise MissingExtra("pyjwt", "jwt", purpose="--jwt-issuer")
    config.checked()
    check_certificate(config)
    # Before the workers start, so that a broken project is one error and not one per worker.
    from featurestore.serve.served_project import load_project_to_serve

    served = load_project_to_serve(config)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    for number in (signal.SIGTERM, signal.SIGINT):
        # uvicorn raises the signal once more when all is done: the end is then a good one.
        signal.signal(number, _exit)
    listener = bound_socket(config)
    try:
        _LOG.info("Serving '%s' at %s.", served.registry.project, url_of(config, listener))
        if config.workers > 1:
            from featurestore.serve.workers import run_workers

            run_workers(config, listener)
        else:
            from featurestore.serve.uvicorn_server import server_of

            server_of(config, served).run([listener])
    finally:
        listener.close()
        if config.uds is not None:
            Path(config.uds).unlink(missing_ok=True)


def _exit(_: int, __: object) -> None:
    raise SystemExit(0)


def refuse_missing_packages() -> None:
    """Raise if a package of the server is not installed.

    Raises:
        MissingExtra: One is not.
    """
    for package in _PACKAGES:
        if find_spec(package) is None:
            raise MissingExtra(package, "serve", purpose="`featurestore serve`")


def check_certificate(config: ServerConfig) -> None:
    """Raise if the files for TLS cannot be used.

    Raises:
        FeatureStoreError: They cannot.
    """
    if config.tls_cert is None:
        if config.tls_key is not None:
            raise FeatureStoreError(
                f"--tls-key {config.tls_key} is given without a certificate.",
                remedy="Name the certificate with --tls-cert.",
            )
        return
    try:
        # With an empty password, since OpenSSL would ask the terminal for one.
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
            config.tls_cert, config.tls_key, password=""
        )
    except (OSError, ssl.SSLError) as error:
        raise FeatureStoreError(
            f"The certificate {config.tls_cert} with the key {config.tls_key or config.tls_cert}"
            f" cannot be used: {error.strerror or error}.",
            remedy="Give both as PEM files that belong together; the key without a password.",
        ) from None


def bound_socket(config: ServerConfig) -> socket.socket:
    """Return a socket that listens at the address of a configuration.

    Raises:
        FeatureStoreError: The address is taken, or cannot be listened at.
    """
    try:
        return _unix_socket(config.uds) if config.uds else _tcp_socket(config.host, config.port)
    except OSError as error:
        where = config.uds or f"{config.host}:{config.port}"
        raise FeatureStoreError(
            f"Cannot listen at {where}: {error.strerror or error}.",
            remedy="Stop the process that listens there, or choose another --port or --uds.",
        ) from None


def _tcp_socket(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def _unix_socket(path: str) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _remove_dead_socket(path)
        listener.bind(path)
        os.chmod(path, _SOCKET_RIGHTS)  # noqa: PTH101, the path may be longer than the file system's
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def _remove_dead_socket(path: str) -> None:
    """Remove the socket that a killed server left; never a file, nor a socket that is in use."""
    with suppress(FileNotFoundError):
        if stat.S_ISSOCK(os.stat(path).st_mode):  # noqa: PTH116
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
                try:
                    probe.connect(path)
                except ConnectionRefusedError:
                    Path(path).unlink()


def url_of(config: ServerConfig, listener: socket.socket) -> str:
    """Return the address of a server, for its log."""
    if config.uds is not None:
        return f"unix:{config.uds}"
    host, port = listener.getsockname()[:2]
    scheme = "http" if config.tls_cert is None else "https"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
