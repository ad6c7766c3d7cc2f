"""One round trip: the values of many keys.

A server that has all keys is asked on one of the client's connections directly: the way there by
`mget` takes more than a quarter of its time. Whatever makes a connection what it is stays the
client's: the pool, TLS, who is master, the retries, the health checks.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from featurestore.online.redis.connection import is_cluster

__all__ = ["async_key_reader", "key_reader"]

Values = list[bytes | None]


def key_reader(client: Any) -> Callable[[Sequence[str]], Values]:
    """Return what reads many keys in one round trip, to each node it takes."""
    if is_cluster(client):
        return partial(_of_cluster, client)
    from hiredis import pack_command

    return partial(_of_server, client.connection_pool, pack_command)


def async_key_reader(client: Any) -> Callable[[Sequence[str]], Awaitable[Values]]:
    """Return what reads many keys without blocking the event loop; see `key_reader`."""
    if is_cluster(client):
        return partial(_aof_cluster, client)
    from hiredis import pack_command

    return partial(_aof_server, client.connection_pool, pack_command)


def _of_server(pool: Any, pack: Callable[[Any], bytes], keys: Sequence[str]) -> Values:
    """Read keys of one server; a connection that fails is opened anew, and asked again."""
    command = pack(("MGET", *keys))
    connection = pool.get_connection()

    def ask() -> Any:
        connection.send_packed_command([command])
        return connection.read_response()

    try:
        found: Values = connection.retry.call_with_retry(ask, connection.disconnect)
    finally:
        pool.release(connection)
    return found


async def _aof_server(pool: Any, pack: Callable[[Any], bytes], keys: Sequence[str]) -> Values:
    command = pack(("MGET", *keys))
    connection = await pool.get_connection()

    async def ask() -> Any:
        await connection.send_packed_command(command)
        return await connection.read_response()

    def fail(_: Exception) -> Any:
        return connection.disconnect()

    try:
        found: Values = await connection.retry.call_with_retry(ask, fail)
    finally:
        await pool.release(connection)
    return found


def _of_cluster(client: Any, keys: Sequence[str]) -> Values:
    """Read keys slot by slot; one by one while some of a slot's are here and some are there."""
    import redis.exceptions as failures

    try:
        found: Values = client.mget_nonatomic(keys)
    except (failures.TryAgainError, failures.ClusterError):
        rows = _one_by_one(client, keys).execute()
        found = [row for (row,) in rows]
    return found


async def _aof_cluster(client: Any, keys: Sequence[str]) -> Values:
    import redis.exceptions as failures

    try:
        found: Values = await client.mget_nonatomic(keys)
    except (failures.TryAgainError, failures.ClusterError):
        rows = await _one_by_one(client, keys).execute()
        found = [row for (row,) in rows]
    return found


def _one_by_one(client: Any, keys: Sequence[str]) -> Any:
    pipeline = client.pipeline()
    for key in keys:
        pipeline.execute_command("MGET", key)
    return pipeline
