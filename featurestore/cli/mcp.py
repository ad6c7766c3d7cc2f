"""`mcp`: the feature store for agents."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from featurestore.cli.option_values import optional_moment
from featurestore.cli.options import Now, ProjectDir, RedisUrl, Target
from featurestore.cli.serve import LogLevel
from featurestore.errors import FeatureStoreError

__all__ = ["AgentAddress", "mcp_command"]


@dataclass(frozen=True)
class AgentAddress:
    """Where the server listens with --http, and whom it answers."""

    http: Annotated[
        bool, typer.Option("--http", help="Serve by streamable HTTP instead of stdio.")
    ] = False
    host: Annotated[str, typer.Option("--host", metavar="HOST", help="The address.")] = "127.0.0.1"
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="The port; 0 for any free one.")
    ] = 6567
    uds: Annotated[
        str | None,
        typer.Option("--uds", metavar="PATH", help="A Unix socket, instead of host and port."),
    ] = None
    tls_cert: Annotated[
        str | None,
        typer.Option("--tls-cert", metavar="FILE", help="The certificate with its chain, in PEM."),
    ] = None
    tls_key: Annotated[
        str | None, typer.Option("--tls-key", metavar="FILE", help="The certificate's key, in PEM.")
    ] = None
    tokens: Annotated[
        Path | None,
        typer.Option(
            "--tokens",
            metavar="FILE",
            help="The tokens of callers; without one the server answers this machine only.",
        ),
    ] = None


def mcp_command(
    address: AgentAddress,
    log_level: Annotated[
        LogLevel, typer.Option("--log-level", help="The log goes to standard error.")
    ] = LogLevel.INFO,
    now: Now = None,
    redis_url: RedisUrl = None,
    project_dir: ProjectDir = Path(),
    target: Target = None,
) -> None:
    """Let agents ask about features, by the Model Context Protocol.

    Its tools only read: search, definitions, lineage, uses, the SQL of training sets, current
    values, and why a value. None reads personal data. On stdio it serves the agent that starts it;
    with --http it serves this machine, or others with --tokens.

    Example: featurestore mcp --http --port 6567
    """
    from featurestore.serve.mcp_server import run_http_agents, run_stdio_agent
    from featurestore.serve.server_config import ServerConfig
    from featurestore.serve.server_log import write_server_log

    if address.tokens is not None and not address.http:
        raise FeatureStoreError(
            f"--tokens {address.tokens} is given without --http: on stdio, an agent has the rights"
            " of the user who starts it.",
            remedy="Add --http, or leave out --tokens.",
        )
    write_server_log(log_level.value)
    config = ServerConfig(
        project_dir=project_dir,
        target=target,
        redis_url=redis_url,
        now=optional_moment(now),
        host=address.host,
        port=address.port,
        uds=address.uds,
        tls_cert=address.tls_cert,
        tls_key=address.tls_key,
        log_level=log_level.value,
        tokens_file=address.tokens,
    )
    (run_http_agents if address.http else run_stdio_agent)(config)
