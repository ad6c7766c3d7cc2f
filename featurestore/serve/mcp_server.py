"""The server for agents, by the Model Context Protocol: on stdio, or as streamable HTTP."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from featurestore.errors import FeatureStoreError, MissingExtra
from featurestore.serve.callers import CALLER, Callers, TokenSource
from featurestore.serve.exchange import HttpAnswer, HttpScope, Receive, Send, send_answer
from featurestore.serve.problems import HttpProblem
from featurestore.serve.run import bound_socket, check_certificate, url_of
from featurestore.serve.server_config import ServerConfig
from featurestore.values.version import VERSION

if TYPE_CHECKING:
    import uvicorn
    from mcp.server.mcpserver import MCPServer
    from mcp.server.mcpserver.tools import Tool
    from mcp.server.transport_security import TransportSecuritySettings

__all__ = ["AGENT_PATH", "agent_http_server", "agent_server", "run_http_agents", "run_stdio_agent"]

_LOG = logging.getLogger(__name__)
AGENT_PATH = "/mcp"
"""The path of the protocol by HTTP."""
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_INSTRUCTIONS = (
    "The feature store of a dbt project. Search the catalog before you write SQL about features;"
    " take the SQL of a training set from `write_training_sql`, since a join of your own leaks"
    " values from the future. All tools only read, and none reads personal data."
)


def run_stdio_agent(config: ServerConfig) -> None:
    """Serve one agent on standard input and output until it closes them.

    Raises:
        MissingExtra: The protocol's package is not installed.
    """
    refuse_missing_protocol()
    with suppress(KeyboardInterrupt):
        agent_server(config).run("stdio")


def run_http_agents(config: ServerConfig) -> None:
    """Serve agents by HTTP until a signal ends the process.

    Raises:
        MissingExtra: The protocol's package is not installed.
        FeatureStoreError: The tokens, the address or the certificate cannot be used.
    """
    refuse_missing_protocol()
    check_certificate(config.checked())
    server = agent_http_server(config)
    listener = bound_socket(config)
    try:
        _LOG.info("Serving agents at %s%s.", url_of(config, listener), AGENT_PATH)
        with suppress(KeyboardInterrupt):
            server.run([listener])
    finally:
        listener.close()


def refuse_missing_protocol() -> None:
    """Raise if the protocol's package is not installed.

    Raises:
        MissingExtra: It is not.
    """
    if find_spec("mcp") is None:
        raise MissingExtra("mcp", "mcp", purpose="`featurestore mcp`")


def agent_server(config: ServerConfig) -> MCPServer[Any]:
    """Return the server of the protocol, with the tools of a project.

    The project is read now, so that its problems are in the log; a tool reads it again if that
    failed, or if dbt has written it since.
    """
    from mcp.server.mcpserver import MCPServer

    from featurestore.serve.agent_project import AgentProject
    from featurestore.serve.agent_tools import AgentTools

    project = AgentProject(config)
    try:
        with project.current():
            pass
    except FeatureStoreError as error:
        _LOG.warning("Every tool fails until this is repaired: %s", error)
    return MCPServer(
        "featurestore",
        title="Feature store",
        instructions=_INSTRUCTIONS,
        version=VERSION,
        tools=[_tool(one) for one in AgentTools(project).all()],
        log_level="WARNING",
    )


def _tool(function: Callable[..., Any]) -> Tool:
    from mcp.server.mcpserver.tools import Tool
    from mcp_types import ToolAnnotations

    tool = Tool.from_function(
        function,
        description=inspect.getdoc(function),
        annotations=ToolAnnotations(
            read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
        ),
        structured_output=True,
    )
    # An argument that does not exist is an error: the protocol's package would ignore it.
    arguments = tool.fn_metadata.arg_model
    arguments.model_config["extra"] = "forbid"
    arguments.model_rebuild(force=True)
    tool.parameters = arguments.model_json_schema(by_alias=True)
    return tool


def agent_http_server(config: ServerConfig) -> uvicorn.Server:
    """Return uvicorn with the application for agents.

    Raises:
        FeatureStoreError: The tokens cannot be read.
    """
    import uvicorn

    tokens = TokenSource(config.tokens_file, config.tokens)
    application = agent_server(config).streamable_http_app(
        streamable_http_path=AGENT_PATH,
        json_response=True,
        # Without sessions, each request shows its token, and any process can answer it.
        stateless_http=True,
        max_request_body_size=config.limits.body_bytes,
        transport_security=_transport_security(config, is_open=tokens.is_open),
    )
    settings = uvicorn.Config(GuardedApp(application, tokens), **config.uvicorn_options)
    return uvicorn.Server(settings)


def _transport_security(config: ServerConfig, *, is_open: bool) -> TransportSecuritySettings:
    """Return the check of the headers Host and Origin.

    Without tokens, a web page could make a browser on this machine ask the server for it, under a
    name of its own that leads to the loopback address.
    """
    from mcp.server.transport_security import TransportSecuritySettings

    hosts = (*_LOOPBACK, config.host)
    return TransportSecuritySettings(
        enable_dns_rebinding_protection=is_open and config.uds is None,
        allowed_hosts=[f"{host}:*" for host in hosts],
        allowed_origins=[f"{scheme}://{host}:*" for host in hosts for scheme in ("http", "https")],
    )


class GuardedApp:
    """Asks for a token before the application of the protocol sees a request.

    Args:
        application: The application.
        tokens: The tokens that count.
    """

    def __init__(self, application: Any, tokens: TokenSource) -> None:
        self._application = application
        self._tokens = tokens
        self._callers = Callers(tokens)

    async def __call__(self, scope: HttpScope, receive: Receive, send: Send) -> None:
        """Answer one request, or start and stop with the server."""
        if scope["type"] == "http":
            self._tokens.refresh()
            try:
                scope[CALLER] = await self._callers.caller(scope)
            except HttpProblem as problem:
                await send_answer(send, HttpAnswer.of(problem))
                return
        await self._application(scope, receive, send)
