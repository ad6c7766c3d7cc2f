"""redis-py's private parts: pools, bare connections, the nodes of a cluster, sentinels.

A new version of redis-py may change any of them. So they are used in this room alone, and mostly
in this file; a test holds that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from featurestore.online.redis.commands import RedisCommands

if TYPE_CHECKING:
    from featurestore.online.redis.shared_connection import SharedConnection

__all__ = [
    "PoolOptions",
    "RawConnection",
    "aclose",
    "close",
    "connect_to_node",
    "hand_over",
    "is_cluster",
    "named_servers",
    "node_of_slot",
    "pool_options",
    "raw_connection",
    "servers",
    "shown_server",
]


class RawConnection:
    """A connection borrowed from a pool, for commands that the caller has packed into bytes.

    The client would pack each argument by itself and wait for each answer. The publishers pack
    thousands of rows at once, and read the answers later.

    Args:
        pool: The pool. A cluster's client may forget the node meanwhile, so the pool is kept.
    """

    def __init__(self, pool: Any) -> None:
        self._pool = pool
        self._connection = pool.get_connection()

    def send(self, packed: bytes) -> None:
        """Send commands; their answers have to be received."""
        self._connection.send_packed_command([packed])

    def receive(self) -> Any:
        """Wait for the next answer; an error is raised."""
        return self._connection.read_response()

    def disconnect(self) -> None:
        """Drop what the server knows of this connection; the next command connects again."""
        self._connection.disconnect()

    def release(self, *, clean: bool) -> None:
        """Give the connection back to its pool.

        Args:
            clean: Whether every answer was received. If not, the next borrower would read answers
                that are not its own, so the connection is closed first.
        """
        if not clean:
            self.disconnect()
        self._pool.release(self._connection)


def raw_connection(client: RedisCommands) -> RawConnection:
    """Borrow a connection to a single server."""
    single: Any = client
    return RawConnection(single.connection_pool)


class PoolOptions(NamedTuple):
    """The options of a URL that redis-py's pool keeps, and not its connections.

    Attributes:
        max_connections: The greatest number of connections.
        health_check_interval: After how many idle seconds a connection is checked; 0 for never.
    """

    max_connections: int
    health_check_interval: float


def pool_options(client: Any) -> PoolOptions:
    """Return the options of a client of a single server."""
    pool = client.connection_pool
    return PoolOptions(
        pool.max_connections, pool.connection_kwargs.get("health_check_interval") or 0
    )


async def hand_over(client: Any, on_end: Callable[[SharedConnection], None]) -> SharedConnection:
    """Open a connection with redis-py, and take it over; all answers to its greeting are read.

    Args:
        client: An asynchronous client of a single server, or of the master that Sentinel names.
        on_end: See `SharedConnection`.
    """
    from redis.exceptions import ConnectionError as NoConnection

    from featurestore.online.redis.shared_connection import SharedConnection

    pool = client.connection_pool
    connection = pool.make_connection()
    try:
        await pool.ensure_connection(connection)
        taken = SharedConnection(
            connection._writer,  # noqa: SLF001
            connection.socket_timeout,
            _address_of(connection),
            connection._parser.parse_error,  # noqa: SLF001
            on_end,
        )
    except BaseException as error:
        await connection.disconnect(nowait=True)
        if isinstance(error, RuntimeError | OSError):
            # The server closed the connection while it was greeted: uvloop's error, and that of
            # redis-py's last look at it.
            raise NoConnection(f"Connection lost: {error}") from error
        raise
    # redis-py would close it, and warn of it, when its own object is deleted.
    connection._reader = connection._writer = None  # noqa: SLF001
    return taken


def _address_of(connection: Any) -> str:
    path = getattr(connection, "path", None)
    return path or f"{connection.host}:{connection.port}"


def is_cluster(client: object) -> bool:
    """Return whether a client is of a cluster, where one command cannot cross slots."""
    return hasattr(client, "nodes_manager")


def node_of_slot(client: RedisCommands, slot: int) -> Any:
    """Return the node that owns a slot, as far as the client knows; its `name` identifies it."""
    cluster: Any = client
    return cluster.nodes_manager.get_node_from_slot(slot)


def connect_to_node(client: RedisCommands, node: Any) -> RawConnection:
    """Borrow a connection to a node of a cluster."""
    cluster: Any = client
    return RawConnection(cluster.get_redis_connection(node).connection_pool)


def servers(client: RedisCommands) -> list[RedisCommands]:
    """Return a client for each server that takes writes, asking the cluster again which do."""
    return list(named_servers(client).values())


def named_servers(client: RedisCommands) -> dict[str, RedisCommands]:
    """Return these clients by the servers' names; a single server has an empty one."""
    if not is_cluster(client):
        return {"": client}
    cluster: Any = client
    cluster.nodes_manager.initialize()
    return {node.name: cluster.get_redis_connection(node) for node in cluster.get_primaries()}


def close(client: Any) -> None:
    """Close a client, and its own connections to sentinels."""
    client.close()
    for sentinel in _sentinels_of(client):
        sentinel.close()


async def aclose(client: Any) -> None:
    """Close a client of an event loop; see `close`."""
    await client.aclose()
    for sentinel in _sentinels_of(client):
        await sentinel.aclose()


def _sentinels_of(client: Any) -> list[Any]:
    pool = getattr(client, "connection_pool", None)
    return list(getattr(getattr(pool, "sentinel_manager", None), "sentinels", ()))


def shown_server(client: Any) -> str:
    """Return a client's server and database for messages, without secrets."""
    pool = getattr(client, "connection_pool", None)
    if pool is None:
        return "this Redis Cluster"
    words = pool.connection_kwargs
    service = getattr(pool, "service_name", "")
    host = f"{words.get('host', 'localhost')}:{words.get('port', 6379)}"
    return f"Redis at {service or words.get('path') or host}/{words.get('db', 0)}"
