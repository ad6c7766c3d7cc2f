"""One round trip for the values of many keys.

A single server is asked on a bare connection of the client's pool: packing and dispatching in
`client.mget` takes more than a quarter of the whole read (`benchmarks/online/read_contenders.py`).
The connection still is the client's, with its TLS, its failover, its retries and health checks.
Reads of an event loop share connections; see `async_reader`.

A KeyboardInterrupt, a signal handler or a cancelled task may end a read between its command and its
answer. The next borrower of the connection would take that answer for its own and serve the values
of other entities. So a connection goes back to its pool only after its answer, or closed.
"""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from featurestore.errors import FeatureStoreError
from featurestore.online.redis.internals import is_cluster
from featurestore.online.redis.out_of_step import OutOfStepError, out_of_step

__all__ = ["is_in_step", "key_reader", "read_cluster"]

Values = list[bytes | None]


def key_reader(client: Any) -> Callable[[Sequence[str | bytes]], Values]:
    """Return a function that reads many keys, in one round trip per node."""
    if is_cluster(client):
        return partial(_of_cluster, client)
    from hiredis import pack_command

    return partial(_of_server, client.connection_pool, pack_command)


def read_cluster(client: Any) -> Callable[[Sequence[str | bytes]], Awaitable[Values]]:
    """Return a function that reads many keys of a cluster without blocking the event loop."""
    return partial(_aof_cluster, client)


def _of_server(pool: Any, pack: Callable[[Any], bytes], keys: Sequence[str | bytes]) -> Values:
    """Read keys of one server; the client's retry reconnects a connection that fails."""
    command = pack(("MGET", *keys))
    connection = pool.get_connection()

    def ask() -> Any:
        connection.send_packed_command([command])
        return connection.read_response()

    try:
        found = _one_for_each(keys, connection.retry.call_with_retry(ask, connection.disconnect))
    except BaseException:
        # No `finally`: an interrupt in the disconnect must not release an open connection.
        connection.disconnect()
        pool.release(connection)
        raise
    pool.release(connection)
    return found


def _of_cluster(client: Any, keys: Sequence[str | bytes]) -> Values:
    """Read keys slot by slot; key by key while a slot's keys are split between two nodes."""
    import redis.exceptions as failures

    # MGET of one slot fails while its keys are split between two nodes; MGET of one key is
    # redirected.
    try:
        with _answers_of_slots():
            return _one_for_each(keys, client.mget_nonatomic(keys))
    except (failures.TryAgainError, failures.ClusterError):
        return [_only(row) for row in _one_by_one(client, keys).execute()]


async def _aof_cluster(client: Any, keys: Sequence[str | bytes]) -> Values:
    import redis.exceptions as failures

    try:
        with _answers_of_slots():
            return _one_for_each(keys, await client.mget_nonatomic(keys))
    except (failures.TryAgainError, failures.ClusterError):
        return [_only(row) for row in await _one_by_one(client, keys).execute()]


@contextmanager
def _answers_of_slots() -> Iterator[None]:
    """Turn the errors of redis-py, which puts the slots' answers in order, into ours."""
    try:
        yield
    except (KeyError, TypeError) as error:
        raise out_of_step() from error


def _one_by_one(client: Any, keys: Sequence[str | bytes]) -> Any:
    pipeline = client.pipeline()
    for key in keys:
        pipeline.execute_command("MGET", key)
    return pipeline


def _only(answer: Any) -> bytes | None:
    """Return the value in the answer for one key."""
    return _one_for_each(("",), answer)[0]


def _one_for_each(keys: Sequence[str | bytes], answer: Any) -> Values:
    """Return an answer that has one value for each key.

    Raises:
        OutOfStepError: It has not, so it is the answer to another command.
    """
    if type(answer) is not list or len(answer) != len(keys):
        raise out_of_step()
    return answer


def is_in_step(error: BaseException) -> bool:
    """Return whether an error leaves no connection of the client with an answer outstanding.

    redis-py closes a connection for its own errors, and for a task that is cancelled. For any
    other error that falls between a command and its answer, it may not.
    """
    from redis.exceptions import RedisError

    known = (RedisError, FeatureStoreError, CancelledError)
    return isinstance(error, known) and not isinstance(error, OutOfStepError)
