"""An interrupted read: no later read may take the answer that is still outstanding."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count

import pytest
from hiredis import pack_command

from featurestore.errors import OnlineStoreError
from featurestore.online.client import OnlineClient
from featurestore.online.redis.connection import client
from sync.encoding.byte_columns import from_pieces
from sync.redis.resp import RowBatch
from sync.redis.standalone import sending_to_server
from sync.safety.lock import sync_lock
from tests.support.builders import Table, model
from tests.support.online_project import NOW, Shop

COLUMNS = {"id": "bigint", "observed_at": "timestamp", "x": "bigint"}
ROWS = [(key, NOW, key * 1000) for key in range(9)]


class Interrupted(Exception):
    """What a signal handler raises, as the soft time limit of a task queue does."""


@pytest.fixture
def store(tmp_path, redis_client, redis_server):
    """Return a store with an open connection, which knows the layouts."""
    shop = Shop(tmp_path / "shop", redis_server)
    published = shop.publish(
        [model("v", COLUMNS, entities={"one": "id"})], {"v": Table(COLUMNS, ROWS)}
    )
    assert [1000] == x_of(published, 1)
    yield published
    published.close()


@pytest.fixture
def new_reader(store, redis_server):
    """Return a function that makes a client without a connection."""
    made = []

    def make():
        made.append(OnlineClient(store.registry, redis_server, now=lambda: NOW))
        return made[-1]

    yield make
    for each in made:
        each.close()


def x_of(store, *keys):
    return store.get_online_features(["v:x"], {"id": [*keys]}).values["x"]


def read(reader, key):
    found = reader.get(reader.resolve(["v:x"], None), {"id": [key]})
    return found.values["x"]


def pause(redis_client, milliseconds):
    """Let the server answer late, so that an answer arrives after the interrupt."""
    redis_client.execute_command("CLIENT", "PAUSE", str(milliseconds), "ALL")


@contextmanager
def interrupt(error, *, call: int = 0, name: str = "", within: str = "") -> Iterator[list[str]]:
    """Raise an error at some call of a Python function, where a signal handler may raise it.

    Args:
        error: The error.
        call: The number of the call.
        name: The name of the function instead.
        within: A part of the path of the files whose calls count.

    Yields:
        The function that was interrupted; empty as long as none was.
    """
    calls, interrupted = count(1), []

    def handler(frame, event, _):
        if event != "call" or within not in frame.f_code.co_filename:
            return
        if next(calls) == call or frame.f_code.co_name == name:
            sys.setprofile(None)
            interrupted.append(frame.f_code.co_name)
            raise error

    sys.setprofile(handler)
    try:
        yield interrupted
    finally:
        sys.setprofile(None)


@pytest.mark.parametrize("error", [KeyboardInterrupt, Interrupted])
def test_an_interrupt_before_the_answer_shifts_no_later_one(store, redis_client, error):
    """The command is sent and the answer is not read: the next reads get their own values."""
    pause(redis_client, 300)
    with pytest.raises(error), interrupt(error, name="read_response"):
        x_of(store, 7)

    assert [[2000], [3000], [4000]] == [x_of(store, key) for key in (2, 3, 4)]


# An interrupt inside a destructor of redis-py is reported there, and reaches no caller.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_anywhere_shifts_no_later_answer(new_reader, redis_client):
    """Wherever a read is interrupted, the reads after it get their own values."""
    reader = new_reader()
    assert [1000] == read(reader, 1)
    for call in count(2):
        pause(redis_client, 4)
        # redis-py swallows an error in its own metrics.
        with suppress(Interrupted), interrupt(Interrupted, call=call) as interrupted:
            read(reader, 7)
        if not interrupted:
            break
        assert ([2000], [3000]) == (read(reader, 2), read(reader, 3)), call

    assert call > 50


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_while_connecting_shifts_no_later_answer(new_reader, redis_client):
    """The read that connects and learns the layouts may be interrupted as well."""
    for call in range(10, 2500, 83):
        reader = new_reader()
        pause(redis_client, 4)
        with suppress(Interrupted), interrupt(Interrupted, call=call):
            read(reader, 7)
        assert ([2000], [3000]) == (read(reader, 2), read(reader, 3)), call
        reader.close()


async def test_a_cancelled_read_shifts_no_later_answer(store, redis_client):
    """A task is cancelled while it waits for its answer."""
    async with store:
        await store.get_online_features_async(["v:x"], {"id": [1]})
        pause(redis_client, 300)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await store.get_online_features_async(["v:x"], {"id": [7]})
        found = [
            (await store.get_online_features_async(["v:x"], {"id": [key]})).values["x"]
            for key in (2, 3, 4)
        ]

    assert [[2000], [3000], [4000]] == found


@pytest.mark.parametrize("error", [KeyboardInterrupt, Interrupted])
async def test_an_interrupted_asynchronous_read_shifts_no_later_answer(store, redis_client, error):
    """A signal handler raises in the event loop, between the command and its answer."""
    async with store:
        await store.get_online_features_async(["v:x"], {"id": [1]})
        pause(redis_client, 300)
        with pytest.raises(error), interrupt(error, name="ask"):
            await store.get_online_features_async(["v:x"], {"id": [7]})
        found = [
            (await store.get_online_features_async(["v:x"], {"id": [key]})).values["x"]
            for key in (2, 3, 4)
        ]

    assert [[2000], [3000], [4000]] == found


@pytest.mark.parametrize("asked", [[1], [1, 2, 3]])
def test_an_answer_of_another_length_is_refused(new_reader, redis_client, asked):
    """A connection that is out of step is found by its answer, and closed."""
    reader = new_reader()
    read(reader, 1)
    pool = reader._connected()[0].connection_pool  # noqa: SLF001
    connection = pool.get_connection()
    pause(redis_client, 200)
    connection.send_command("MGET", "fs:shop:v:{7}", "fs:shop:v:{8}")
    pool.release(connection)
    request = reader.resolve(["v:x"], None)

    with pytest.raises(OnlineStoreError, match="does not have one value for each key"):
        reader.get(request, {"id": asked})

    assert [key * 1000 for key in asked] == reader.get(request, {"id": asked}).values["x"]


async def test_an_asynchronous_answer_of_another_length_is_refused(store):
    """The asynchronous client looks at the length as the blocking one does."""
    async with store:
        await store.get_online_features_async(["v:x"], {"id": [1]})
        (shared,) = store._online.client._connected_async()._connections  # noqa: SLF001
        foreign = pack_command(("MGET", "fs:shop:v:{7}", "fs:shop:v:{8}"))
        shared._transport.write(foreign)  # noqa: SLF001

        with pytest.raises(OnlineStoreError, match="does not have one value for each key"):
            await store.get_online_features_async(["v:x"], {"id": [1]})
        found = await store.get_online_features_async(["v:x"], {"id": [2]})

    assert [2000] == found.values["x"]


def test_a_sender_left_without_its_answers_closes_its_connection(redis_client, redis_server):
    """A publisher gives its connection back only after the last answer, or closed."""
    rows = RowBatch("unlink", from_pieces([b"fs:shop:v:{7}"]))
    connected = client(redis_server)
    with sync_lock(connected, "shop") as lease:
        with sending_to_server(connected, lease) as sender:
            pause(redis_client, 200)
            assert [] == list(sender.send(rows))
        connected.set("asked", "afterwards")
        assert b"afterwards" == connected.get("asked")
    connected.close()
