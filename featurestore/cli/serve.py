"""`serve`: features by HTTP."""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from featurestore.cli.option_values import optional_moment
from featurestore.cli.options import Now, ProjectDir, RedisUrl, Target
from featurestore.errors import FeatureStoreError

if TYPE_CHECKING:
    from featurestore.serve.server_config import JwtTrust, RequestLimits

__all__ = ["IdentityProvider", "Limits", "Listening", "serve_command"]


class LogLevel(StrEnum):
    """The least severe messages that the server logs."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True)
class Listening:
    """Where the server listens, and with how many processes."""

    host: Annotated[
        str,
        typer.Option(
            "--host",
            envvar="FEATURESTORE_SERVE_HOST",
            show_envvar=False,
            metavar="HOST",
            help="The address.",
        ),
    ] = "127.0.0.1"
    port: Annotated[
        int,
        typer.Option(
            "--port",
            envvar="FEATURESTORE_SERVE_PORT",
            show_envvar=False,
            min=0,
            max=65535,
            help="The port; 0 for any free one.",
        ),
    ] = 6566
    uds: Annotated[
        str | None,
        typer.Option(
            "--uds",
            envvar="FEATURESTORE_SERVE_UDS",
            show_envvar=False,
            metavar="PATH",
            help="A Unix socket, instead of host and port.",
        ),
    ] = None
    workers: Annotated[
        int,
        typer.Option(
            "--workers",
            envvar="FEATURESTORE_SERVE_WORKERS",
            show_envvar=False,
            min=1,
            metavar="N",
            help="The processes.",
        ),
    ] = 1
    tls_cert: Annotated[
        str | None,
        typer.Option(
            "--tls-cert",
            envvar="FEATURESTORE_SERVE_TLS_CERT",
            show_envvar=False,
            metavar="FILE",
            help="The certificate with its chain, in PEM.",
        ),
    ] = None
    tls_key: Annotated[
        str | None,
        typer.Option(
            "--tls-key",
            envvar="FEATURESTORE_SERVE_TLS_KEY",
            show_envvar=False,
            metavar="FILE",
            help="The certificate's key, in PEM.",
        ),
    ] = None


@dataclass(frozen=True)
class Limits:
    """The greatest requests."""

    max_rows: Annotated[
        int,
        typer.Option(
            "--max-rows",
            envvar="FEATURESTORE_SERVE_MAX_ROWS",
            show_envvar=False,
            min=1,
            metavar="N",
            help="The entity rows of one request.",
        ),
    ] = 5_000
    max_body_bytes: Annotated[
        int,
        typer.Option(
            "--max-body-bytes",
            envvar="FEATURESTORE_SERVE_MAX_BODY_BYTES",
            show_envvar=False,
            min=1,
            metavar="N",
            help="The bytes of one request's body.",
        ),
    ] = 1_048_576
    timeout: Annotated[
        float,
        typer.Option(
            "--timeout",
            envvar="FEATURESTORE_SERVE_TIMEOUT",
            show_envvar=False,
            min=0.001,
            metavar="S",
            help="The seconds for a request to arrive and for Redis to answer.",
        ),
    ] = 5.0
    max_in_flight: Annotated[
        int,
        typer.Option(
            "--max-in-flight",
            envvar="FEATURESTORE_SERVE_MAX_IN_FLIGHT",
            show_envvar=False,
            min=1,
            metavar="N",
            help="The requests that one worker reads at the same time.",
        ),
    ] = 256

    def as_limits(self) -> RequestLimits:
        """Return the limits of the server."""
        from featurestore.serve.server_config import RequestLimits

        return RequestLimits(
            rows=self.max_rows,
            body_bytes=self.max_body_bytes,
            seconds=self.timeout,
            concurrency=self.max_in_flight,
        )


@dataclass(frozen=True)
class IdentityProvider:
    """The identity provider whose tokens count too."""

    jwt_issuer: Annotated[
        str | None,
        typer.Option(
            "--jwt-issuer",
            envvar="FEATURESTORE_SERVE_JWT_ISSUER",
            show_envvar=False,
            metavar="ISSUER",
            help="The identity provider whose JWTs count: their claim `iss`.",
        ),
    ] = None
    jwt_audience: Annotated[
        str | None,
        typer.Option(
            "--jwt-audience",
            envvar="FEATURESTORE_SERVE_JWT_AUDIENCE",
            show_envvar=False,
            metavar="AUDIENCE",
            help="The claim `aud` of JWTs for this server.",
        ),
    ] = None
    jwt_jwks_url: Annotated[
        str | None,
        typer.Option(
            "--jwt-jwks-url",
            envvar="FEATURESTORE_SERVE_JWT_JWKS_URL",
            show_envvar=False,
            metavar="URL",
            help="The provider's public keys.",
        ),
    ] = None

    def as_trust(self) -> JwtTrust | None:
        """Return the provider; None if none is given.

        Raises:
            FeatureStoreError: Only some of its options are given.
        """
        from featurestore.serve.server_config import JwtTrust

        given = {name: getattr(self, name) for name in self.__dataclass_fields__}
        missing = [f"--{name.replace('_', '-')}" for name, value in given.items() if not value]
        if len(missing) == len(given):
            return None
        if missing:
            raise FeatureStoreError(
                f"{' and '.join(missing)} is missing.",
                remedy="JWTs need --jwt-issuer, --jwt-audience and --jwt-jwks-url together.",
            )
        return JwtTrust(*given.values())


def serve_command(
    listening: Listening,
    limits: Limits,
    provider: IdentityProvider,
    tokens: Annotated[
        Path | None,
        typer.Option(
            "--tokens",
            envvar="FEATURESTORE_SERVE_TOKENS_FILE",
            show_envvar=False,
            metavar="FILE",
            help="The tokens of callers; without one the server answers this machine only.",
        ),
    ] = None,
    log_level: Annotated[
        LogLevel,
        typer.Option(
            "--log-level",
            envvar="FEATURESTORE_SERVE_LOG_LEVEL",
            show_envvar=False,
            metavar="LEVEL",
            help="The least severe messages: debug, info, warning or error.",
        ),
    ] = LogLevel.INFO,
    no_access_log: Annotated[
        bool,
        typer.Option(
            "--no-access-log",
            envvar="FEATURESTORE_SERVE_NO_ACCESS_LOG",
            show_envvar=False,
            help="Write no line of JSON per request to standard output.",
        ),
    ] = False,
    now: Now = None,
    redis_url: RedisUrl = None,
    project_dir: ProjectDir = Path(),
    target: Target = None,
) -> None:
    """Serve features by HTTP.

    It needs the manifest and Redis, neither the warehouse nor dbt. A new manifest is loaded while
    requests are answered; SIGHUP loads it at once. Without --tokens it listens on this machine
    only.

    Each option has a variable of the environment: FEATURESTORE_SERVE_PORT for --port, and
    FEATURESTORE_SERVE_TOKENS_FILE for --tokens.

    Example: featurestore serve --workers 2
    """
    from featurestore.serve.run import run_server
    from featurestore.serve.server_config import ServerConfig
    from featurestore.serve.server_log import write_server_log

    write_server_log(log_level.value)
    run_server(
        ServerConfig(
            project_dir=project_dir,
            target=target,
            redis_url=redis_url,
            now=optional_moment(now),
            host=listening.host,
            port=listening.port,
            uds=listening.uds,
            workers=listening.workers,
            tls_cert=listening.tls_cert,
            tls_key=listening.tls_key,
            log_level=log_level.value,
            access_log=not no_access_log,
            tokens_file=tokens,
            tokens=os.environ.get("FEATURESTORE_SERVE_TOKENS", ""),
            jwt=provider.as_trust(),
            limits=limits.as_limits(),
        )
    )
