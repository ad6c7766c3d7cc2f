"""Reads of an event loop: many callers share few connections to a server.

redis-py opens each connection, so every option of a URL means the same here: TLS, login, database,
protocol, time-outs, and the master that Sentinel names. Then a `SharedConnection` takes it over: a
connection of redis-py's pool serves one caller at a time and takes ten times the CPU for a read
(`benchmarks/online/read_contenders.py`). A cluster is read with redis-py's own client.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

from featurestore.errors import OnlineStoreUnavailable
from featurestore.online.redis.connection import async_client
from featurestore.online.redis.internals import aclose, hand_over, is_cluster, pool_options
from featurestore.online.redis.read_many import is_in_step, read_cluster
from featurestore.online.redis.url import parse_url

if TYPE_CHECKING:
    from featurestore.online.redis.shared_connection import SharedConnection

__all__ = ["AsyncReader", "async_reader"]

_CONNECTIONS = 4
"""The greatest number of connections to a server."""
_BUSY = 256
"""The number of keys that a connection may be asked for before another one is used: a large answer
then does not hold up small ones, while small reads share one connection and so one write."""
_RETRIES = 3


class AsyncReader(Protocol):
    """Reads the online store without blocking the event loop."""

    async def mget(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Return the values of keys; None for a key that does not exist."""

    async def hgetall(self, name: str) -> Mapping[bytes, bytes]:
        """Return a hash; an empty one if the key does not exist."""

    async def aclose(self) -> None:
        """Wait for the outstanding answers, and close the connections."""

    def survives(self, error: BaseException) -> bool:
        """Return whether this reader can be used after an error of one of its reads."""


def async_reader(url: str | None) -> AsyncReader:
    """Return a reader for the running event loop; it connects on its first read.

    Raises:
        OnlineStoreError: The URL cannot be understood.
    """
    client = async_client(url)
    if is_cluster(client):
        return _ClusterReader(client)
    return _SharedReader(client, watched=parse_url(url).kind == "sentinel")


class _ClusterReader:
    """Reads a cluster."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._read = read_cluster(client)

    async def mget(self, keys: Sequence[bytes]) -> list[bytes | None]:
        return await self._read(keys)

    async def hgetall(self, name: str) -> Mapping[bytes, bytes]:
        found: Mapping[bytes, bytes] = await self._client.hgetall(name)
        return found

    async def aclose(self) -> None:
        await aclose(self._client)

    def survives(self, error: BaseException) -> bool:
        return is_in_step(error)


class _SharedReader:
    """Reads a server over connections that callers share.

    Args:
        client: redis-py's client, which knows how to connect.
        watched: Whether the server is a master that Sentinel names.
    """

    def __init__(self, client: Any, *, watched: bool) -> None:
        from hiredis import pack_command
        from redis.backoff import ExponentialWithJitterBackoff
        from redis.exceptions import ConnectionError as NoConnection
        from redis.exceptions import MasterDownError, ReadOnlyError
        from redis.exceptions import TimeoutError as TimedOut

        options = pool_options(client)
        self._client = client
        self._pack: Callable[[tuple[Any, ...]], bytes] = pack_command
        self._backoff = ExponentialWithJitterBackoff(0.05, 1.0)
        # A connection that ended, a server that still loads its data, a master that became a
        # replica: a new connection finds the server, or Sentinel's new master. A time-out only
        # with Sentinel, since a second one of the same server would only double the wait.
        self._curable: tuple[type[Exception], ...] = (
            NoConnection,
            ReadOnlyError,
            MasterDownError,
            *((TimedOut,) if watched else ()),
        )
        self._most = min(_CONNECTIONS, options.max_connections or _CONNECTIONS)
        self._idle_seconds = options.health_check_interval
        # Those that take commands, and those that still wait for answers to older ones.
        self._connections: list[SharedConnection] = []
        self._ending: list[SharedConnection] = []
        self._opening: asyncio.Task[SharedConnection] | None = None
        self._loop = asyncio.get_running_loop()
        self._closed = False

    async def mget(self, keys: Sequence[bytes]) -> list[bytes | None]:
        answer: list[bytes | None] = await self._ask(("MGET", *keys), len(keys))
        return answer

    async def hgetall(self, name: str) -> Mapping[bytes, bytes]:
        from featurestore.online.redis.shared_connection import HASH

        answer: Any = await self._ask(("HGETALL", name), HASH)
        if isinstance(answer, dict):
            return answer
        # RESP2 has no maps: fields and values take turns.
        return dict(zip(answer[::2], answer[1::2], strict=True))

    async def _ask(self, words: tuple[Any, ...], shape: int) -> Any:
        command, failures = self._pack(words), 0
        while True:
            connection = self._chosen() or await self._connected()
            try:
                return await connection.ask(command, shape)
            except self._curable:
                connection.retire()
                failures += 1
                if failures > _RETRIES:
                    raise
            # With jitter, so that not all clients come back at once.
            await asyncio.sleep(self._backoff.compute(failures))

    def _chosen(self) -> SharedConnection | None:
        """Return the connection for the next command; None if the caller has to wait for one."""
        for connection in self._connections:
            if connection.load < _BUSY:
                idle = self._idle_seconds
                if idle and self._loop.time() - connection.heard > idle:
                    return None
                return connection
        if not self._connections:
            return None
        if len(self._connections) < self._most and self._opening is None:
            self._open()
        return min(self._connections, key=lambda connection: connection.load)

    async def _connected(self) -> SharedConnection:
        """Return a connection that works, and open one if need be."""
        from featurestore.online.redis.shared_connection import PONG

        if self._closed:
            raise OnlineStoreUnavailable(
                "The online store was closed during a read.",
                remedy="Close a store after its last read.",
            )
        for connection in self._connections[:]:
            # An idle connection may have been dropped by a firewall that told nobody.
            try:
                await connection.ask(self._pack(("PING",)), PONG)
            except self._curable:
                connection.retire()
            else:
                return connection
        # Shielded: a caller that is cancelled does not take the connection from the others.
        return await asyncio.shield(self._opening or self._open())

    def _open(self) -> asyncio.Task[SharedConnection]:
        self._opening = self._loop.create_task(self._connect())
        self._opening.add_done_callback(self._opened)
        return self._opening

    def _opened(self, task: asyncio.Task[SharedConnection]) -> None:
        self._opening = None
        if not task.cancelled():
            # Looked at, because no caller may be left who would.
            task.exception()

    async def _connect(self) -> SharedConnection:
        opened = await hand_over(self._client, self._forget)
        for other in self._connections[:]:
            # Sentinel names another master by now.
            if other.address != opened.address:
                other.retire()
        self._connections.append(opened)
        return opened

    def _forget(self, connection: SharedConnection) -> None:
        with suppress(ValueError):
            self._connections.remove(connection)
        self._ending = [each for each in (*self._ending, connection) if not each.has_ended]

    async def aclose(self) -> None:
        self._closed = True
        if self._opening is not None:
            await asyncio.wait([self._opening])
        left = (*self._connections, *self._ending)
        await asyncio.gather(*[each.drained() for each in left])
        await aclose(self._client)

    def survives(self, _: BaseException) -> bool:
        # A shared connection ends itself when it is out of step.
        return True
