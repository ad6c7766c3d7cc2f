"""The settings of the HTTP server, as one frozen value that every worker gets."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from featurestore.errors import FeatureStoreError
from featurestore.values.visible_text import visible

__all__ = ["BACKLOG", "DEFAULT_PORT", "JwtTrust", "RequestLimits", "ServerConfig", "is_loopback"]

DEFAULT_PORT = 6566
"""The port of Feast's server, so that its clients find this one."""

BACKLOG = 2048
"""The connections that may wait to be accepted."""


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """The greatest requests that one worker takes.

    Attributes:
        rows: The entity rows of one request.
        body_bytes: The bytes of one request's body.
        seconds: The time for a request's head and body to arrive, and then for Redis to answer.
        concurrency: The requests that are read at the same time.
    """

    rows: int = 5_000
    body_bytes: int = 1_048_576
    seconds: float = 5.0
    concurrency: int = 256


@dataclass(frozen=True, slots=True)
class JwtTrust:
    """The identity provider whose JWTs count.

    Attributes:
        issuer: The claim `iss` of its tokens.
        audience: The claim `aud` of tokens for this server.
        jwks_url: The address of its public keys.
    """

    issuer: str
    audience: str
    jwks_url: str

    def checked(self) -> JwtTrust:
        """Return this provider if its keys come from it unchanged.

        Raises:
            FeatureStoreError: The address is not HTTPS, and not on this machine.
        """
        url = urlsplit(self.jwks_url)
        local = url.scheme == "http" and is_loopback(url.hostname or "")
        if not url.hostname or not (url.scheme == "https" or local):
            raise FeatureStoreError(
                f"--jwt-jwks-url {visible(self.jwks_url)} is not an HTTPS URL.",
                remedy="Whoever changes the keys on their way signs any token. Give an https://"
                " URL; http:// only for this machine.",
            )
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerConfig:
    """The settings of the HTTP server.

    Attributes:
        project_dir: The dbt project's folder.
        target: The target of the dbt profile; by default dbt's own choice.
        redis_url: The online store; by default `FEATURESTORE_REDIS_URL`, else the local port 6379.
        now: The moment that the server takes as the present, to replay history.
        host: The address to listen on.
        port: The port to listen on; 0 for any free one.
        uds: A Unix socket to listen on, instead of host and port.
        workers: The number of processes.
        tls_cert: The server's certificate with its chain, in PEM; None for plain HTTP.
        tls_key: The key of the certificate; None if the certificate's file holds it.
        log_level: The least severe messages to log.
        access_log: Whether each request is a line on standard output.
        tokens_file: The file of tokens; None for none.
        tokens: The text of further tokens, in the same form.
        jwt: The identity provider whose tokens count too; None for none.
        limits: The greatest requests.
        watch_seconds: The time between two looks at the manifest; 0 to look only on SIGHUP.
        drain_seconds: The time that open requests have to end when the server stops.
    """

    project_dir: Path = Path()
    target: str | None = None
    redis_url: str | None = None
    now: datetime | None = None
    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    uds: str | None = None
    workers: int = 1
    tls_cert: str | None = None
    tls_key: str | None = None
    log_level: str = "info"
    access_log: bool = True
    tokens_file: Path | None = None
    tokens: str = field(default="", repr=False)
    jwt: JwtTrust | None = None
    limits: RequestLimits = field(default_factory=RequestLimits)
    watch_seconds: float = 1.0
    drain_seconds: float = 30.0

    @property
    def uvicorn_options(self) -> dict[str, Any]:
        """The settings of uvicorn that every server of this package has."""
        return {
            "lifespan": "on",
            "log_config": None,
            "log_level": self.log_level,
            "access_log": False,
            "server_header": False,
            "proxy_headers": False,
            "timeout_graceful_shutdown": int(self.drain_seconds),
            "ssl_certfile": self.tls_cert,
            "ssl_keyfile": self.tls_key,
        }

    def checked(self) -> ServerConfig:
        """Return this configuration if a server may run with it.

        Raises:
            FeatureStoreError: The address is open to other machines, or the identity provider's
                keys may be forged.
        """
        if self.jwt is not None:
            self.jwt.checked()
        without_tokens = self.tokens_file is None and not self.tokens and self.jwt is None
        if self.uds is None and without_tokens and not is_loopback(self.host):
            raise FeatureStoreError(
                f"--host {self.host} opens the server to other machines, and it does not ask"
                " callers for a token.",
                remedy="Name a file of tokens with --tokens (`featurestore token new` makes one),"
                " or listen on 127.0.0.1 or on a Unix socket (--uds).",
            )
        return self


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine.

    >>> [host for host in ("localhost", "::1", "127.0.0.2", "a.org") if is_loopback(host)]
    ['localhost', '::1', '127.0.0.2']
    """
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
