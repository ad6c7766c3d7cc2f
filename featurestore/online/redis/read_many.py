"""One round trip for the values of many keys.

A single server is asked on a bare connection of the client's pool: packing and dispatching in
`client.mget` takes more than a quarter of the whole read (`benchmarks/online/read_contenders.py`).
The connection still is the client's, with its TLS, its failover, its retries and health checks.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from featurestore.online.redis.internals import is_cluster

__all__ = ["async_key_reader", "key_reader"]

Values = list[bytes | None]


def key_reader(client: Any) -> Callable[[Sequence[str]], Values]:
    """Return a function that reads many keys, in one round trip per node."""
    if is_cluster(client):
        return partial(_of_cluster, client)
    from hiredis import pack_command

    return partial(_of_server, client.connection_pool, pack_command)


def async_key_reader(client: Any) -> Callable[[Sequence[str]], Awaitable[Values]]:
    """Return a function that reads many keys without blocking the event loop; see `key_reader`."""
    if is_cluster(client):
        return partial(_aof_cluster, client)
    from hiredis import pack_command

    return partial(_aof_server, client.connection_pool, pack_command)


def _of_server(pool: Any, pack: Callable[[Any], bytes], keys: Sequence[str]) -> Values:
    """Read keys of one server; the client's retry reconnects a connection that fails."""
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
    """Read keys slot by slot; key by key while a slot's keys are split between two nodes."""
    import redis.exceptions as failures

    # MGET of one slot fails while its keys are split between two nodes; MGET of one key is
    # redirected.
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
