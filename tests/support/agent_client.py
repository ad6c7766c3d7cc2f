"""Agents that ask the server for agents, with the protocol's own client: on stdio and by HTTP."""

from __future__ import annotations

import shutil
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx2
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client

from featurestore.serve.mcp_server import agent_http_server
from featurestore.serve.run import bound_socket, url_of
from featurestore.serve.server_config import ServerConfig
from tests.support.online_project import NOW, Shop
from tests.support.running_server import PATIENCE, wait_for


class Agent:
    """An agent that is connected to a server."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def answer(self, tool: str, **arguments: Any) -> Any:
        """Return the structured answer of a tool."""
        found = await self.client.call_tool(tool, arguments)
        assert not found.is_error, found.content
        return found.structured_content

    async def error(self, tool: str, **arguments: Any) -> str:
        """Return the error of a tool, without the beginning that all errors have."""
        found = await self.client.call_tool(tool, arguments)
        assert found.is_error, found.structured_content
        return found.content[0].text.removeprefix(f"Error executing tool {tool}: ")

    async def all(self, tool: str, **arguments: Any) -> str:
        """Return all that a tool writes, be it an answer or an error."""
        return (await self.client.call_tool(tool, arguments)).model_dump_json()


@contextmanager
def agent_server_of(shop: Shop, **settings: Any) -> Iterator[str]:
    """Serve agents on a Unix socket until the end of the block; return its path."""
    # Not pytest's folder: the path of a Unix socket has at most 107 bytes.
    folder = tempfile.mkdtemp(prefix="fs-mcp-")
    config = ServerConfig(
        **{
            "project_dir": shop.folder,
            "redis_url": shop.url,
            "uds": str(Path(folder) / "s"),
            "now": NOW,
            **settings,
        }
    )
    server, listener = agent_http_server(config), bound_socket(config)
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        wait_for(lambda: server.started or not thread.is_alive())
        yield config.uds or f"{url_of(config, listener)}/mcp"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()
        shutil.rmtree(folder)


@asynccontextmanager
async def http_agent(uds: str, secret: str = "") -> AsyncIterator[Agent]:
    """Return an agent that is connected by HTTP."""
    headers = {"authorization": f"Bearer {secret}"} if secret else {}
    transport = httpx2.AsyncHTTPTransport(uds=uds)
    async with httpx2.AsyncClient(transport=transport, headers=headers, timeout=PATIENCE) as http:
        connection = streamable_http_client("http://server/mcp", http_client=http)
        async with Client(connection) as client:
            yield Agent(client)


@asynccontextmanager
async def stdio_agent(shop: Shop, log: Any, *options: str) -> AsyncIterator[Agent]:
    """Return an agent that starts `featurestore mcp` as a process of its own."""
    words = ["-m", "featurestore.cli", "mcp", "--project-dir", str(shop.folder)]
    words += ["--redis-url", shop.url, "--now", NOW.isoformat(), *options]
    root = str(Path(__file__).parents[2])
    # PATH and HOME come from the client's own defaults.
    process = StdioServerParameters(
        command=sys.executable, args=words, cwd=root, env={"PYTHONPATH": root}
    )
    async with Client(stdio_client(process, errlog=log)) as client:
        yield Agent(client)
