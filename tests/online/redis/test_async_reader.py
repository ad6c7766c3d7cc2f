"""Callers of an event loop that share connections: each gets its own answer, or an error."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import count
from urllib.parse import urlsplit

import pytest
import redis
import uvloop

from featurestore.demo.server import embedded_server
from featurestore.errors import OnlineStoreError, OnlineStoreUnavailable
from featurestore.online.redis.async_reader import async_reader
from featurestore.online.redis.error_messages import translated
from tests.online.redis.test_read_many import Interrupted, interrupt, pause
from tests.support.fault_proxy import faults_in_front_of
from tests.support.shared_reads import KEYS, Answers, fill, key, value

ROOM = "featurestore/online/redis"
LARGE = 300
"""Keys that keep a connection busy."""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Run a server with the keys; return its URL."""
    with embedded_server(tmp_path_factory.mktemp("shared")) as url:
        with redis.Redis.from_url(url) as client:
            fill(client)
        yield url


@pytest.fixture
def admin(server):
    """Return a blocking client of the server."""
    with redis.Redis.from_url(server) as client:
        yield client
        client.execute_command("CLIENT", "UNPAUSE")


@asynccontextmanager
async def reading(url: str) -> AsyncIterator[object]:
    """Open a reader for the length of a block; it has read, so it is connected."""
    reader = async_reader(url)
    try:
        await own(reader, 1)
        yield reader
    finally:
        await reader.aclose()


async def own(reader, *numbers):
    """Read keys, and check that the values are theirs."""
    assert [value(n) for n in numbers] == await reader.mget([key(n) for n in numbers])


async def until(condition):
    """Wait for a condition."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110, it is the state of another task
            await asyncio.sleep(0.001)


def open_connections(reader):
    """Return the connections that take commands."""
    return reader._connections  # noqa: SLF001


@pytest.mark.parametrize("protocol", [2, 3])
async def test_many_callers_get_their_own_answers(server, protocol):
    """Hundreds at once over one connection, in either version of the protocol."""
    async with reading(f"{server}?protocol={protocol}") as reader:
        await asyncio.gather(*[own(reader, n, n + 1, n + 2) for n in range(300)])
        assert 1 <= len(open_connections(reader)) <= 4


@pytest.mark.parametrize("protocol", [2, 3])
async def test_a_hash_is_read(server, admin, protocol):
    """A hash has one form, whichever form the server gives it; a missing one is empty."""
    admin.hset("shared-hash", mapping={"a": "1", "b": "2"})
    async with reading(f"{server}?protocol={protocol}") as reader:
        assert {b"a": b"1", b"b": b"2"} == await reader.hgetall("shared-hash")
        assert {} == await reader.hgetall("shared-none")


async def test_a_turn_of_the_loop_takes_one_write(server, admin):
    """The server reads the commands of fifty callers at once."""
    async with reading(server) as reader:
        before = admin.info("stats")["total_reads_processed"]
        await asyncio.gather(*[own(reader, n) for n in range(50)])
        # Besides the second question for it.
        assert 2 == admin.info("stats")["total_reads_processed"] - before


async def test_cancelled_callers_leave_the_order_as_it_is(server):
    """A caller may go before its command is sent, or before its answer comes."""
    chance = random.Random(1)
    async with reading(server) as reader:
        answers = Answers(reader.mget, chance)
        await answers.many(3_000, 60, cancelled=0.5)

    assert answers.counts["cancelled"] > 500
    assert answers.counts["right"] > 1_000
    assert {"cancelled", "right"} == {*answers.counts}


async def test_all_callers_of_a_late_answer_may_go(server, admin):
    """The server answers late; whoever reads afterwards gets its own value."""
    async with reading(server) as reader:
        pause(admin, 300)
        for n in range(5):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.02):
                    await own(reader, n)
        await asyncio.gather(*[own(reader, n) for n in range(9)])


async def test_a_silent_server_is_given_up(server):
    """A caller waits as long as the URL says; the next ones use another connection."""
    async with (
        faults_in_front_of(urlsplit(server).port) as proxy,
        reading(f"{proxy.url}?socket_timeout=0.3") as reader,
    ):
        (first,) = open_connections(reader)
        proxy.held = True
        found = await asyncio.gather(
            *[reader.mget([key(n)]) for n in range(5)], return_exceptions=True
        )
        assert ["Timeout reading from 127.0.0.1"] * 5 == [str(e).split(":")[0] for e in found]
        assert all(isinstance(error, redis.TimeoutError) for error in found)
        assert first not in open_connections(reader)
        proxy.release()

    async with reading(server) as reader:
        await asyncio.gather(*[own(reader, n) for n in range(9)])


async def test_a_silent_server_is_given_up_without_callers(server):
    """Callers that leave earlier, such as an HTTP server's, do not keep a dead connection alive."""
    async with (
        faults_in_front_of(urlsplit(server).port) as proxy,
        reading(f"{proxy.url}?socket_timeout=0.3") as reader,
    ):
        (first,) = open_connections(reader)
        proxy.held = True
        callers = [asyncio.create_task(reader.mget([key(n)])) for n in range(5)]
        await until(lambda: first.load == 5)
        await asyncio.sleep(0)
        for caller in callers:
            caller.cancel()
        await until(lambda: first not in open_connections(reader))
        await until(lambda: first.has_ended)
        proxy.release()


async def test_a_silent_server_is_unavailable(server):
    """The message is that of a blocking read, and a caller who has its answer is not disturbed."""
    async with (
        faults_in_front_of(urlsplit(server).port) as proxy,
        reading(f"{proxy.url}?socket_timeout=0.3") as reader,
    ):
        proxy.held = True
        with pytest.raises(OnlineStoreUnavailable) as error, translated(server):
            await reader.mget([key(1)])

    assert "Timeout reading from 127.0.0.1" in error.value.message
    assert "did not answer in time" in error.value.remedy


async def test_killed_connections_are_opened_again(server, admin):
    """Every caller that waits gets its own answer over a new connection."""
    async with reading(server) as reader:
        for round_ in range(5):
            pause(admin, 100)
            waiting = [asyncio.create_task(own(reader, n)) for n in range(50)]
            await asyncio.sleep(0)
            admin.client_kill_filter(_type="normal", skipme=True)
            await asyncio.gather(*waiting)
            await own(reader, round_)


async def test_answers_in_pieces_and_connections_reset(server):
    """Answers are cut at any byte, connections are reset, callers are cancelled."""
    chance = random.Random(2)
    async with faults_in_front_of(urlsplit(server).port, chance) as proxy:
        reader = async_reader(proxy.url)
        answers = Answers(reader.mget, chance)

        async def trouble():
            while True:
                enough = answers.counts["right"] + chance.randrange(100, 200)
                while answers.counts["right"] < enough:  # noqa: ASYNC110, as above
                    await asyncio.sleep(0)
                proxy.kill()

        troubled = asyncio.create_task(trouble())
        await answers.many(2_000, 50, cancelled=0.1)
        troubled.cancel()
        await reader.aclose()

    assert answers.counts["right"] > 500
    assert {"right", "cancelled", "OnlineStoreUnavailable"} >= {*answers.counts}
    assert proxy.opened > 3


@pytest.mark.parametrize(
    "surplus", [b"*1\r\n$1\r\nx\r\n", b"*2\r\n$1\r\nx\r\n$1\r\ny\r\n", b"+OK\r\n"]
)
async def test_an_answer_of_another_length_ends_the_connection(server, surplus):
    """The caller whose answer it would be gets an error; those behind it ask again."""
    async with faults_in_front_of(urlsplit(server).port) as proxy, reading(proxy.url) as reader:
        (first,) = open_connections(reader)
        proxy.before.append(surplus)
        callers = [reader.mget([key(n), key(n + 1), key(n + 2)]) for n in range(20)]
        refused, *found = await asyncio.gather(*callers, return_exceptions=True)

        assert isinstance(refused, OnlineStoreError)
        assert "does not have one value for each key" in refused.message
        assert [[value(n), value(n + 1), value(n + 2)] for n in range(1, 20)] == found
        assert first not in open_connections(reader)


async def test_an_answer_that_nobody_asked_for_ends_the_connection(server):
    """It comes while nobody waits, so the next read opens another connection."""
    async with faults_in_front_of(urlsplit(server).port) as proxy, reading(proxy.url) as reader:
        (first,) = open_connections(reader)
        proxy.after.append(b"*1\r\n$1\r\ny\r\n")
        await own(reader, 1)
        await until(lambda: first not in open_connections(reader))

        await own(reader, 2)


async def test_bytes_that_are_no_answer_end_the_connection(server):
    """Callers ask again."""
    async with faults_in_front_of(urlsplit(server).port) as proxy, reading(proxy.url) as reader:
        proxy.before.append(b"\x00\x01 no answer\r\n")

        await asyncio.gather(*[own(reader, n) for n in range(9)])


async def test_a_message_that_the_server_sends_by_itself_answers_nobody(server):
    """In version 3 of the protocol a server may send messages between its answers."""
    url = "{}?protocol=3"
    async with (
        faults_in_front_of(urlsplit(server).port) as proxy,
        reading(url.format(proxy.url)) as reader,
    ):
        (first,) = open_connections(reader)
        proxy.before.append(b">2\r\n$7\r\nmessage\r\n$1\r\nx\r\n")
        await asyncio.gather(*[own(reader, n) for n in range(9)])

        assert [first] == open_connections(reader)


@pytest.mark.parametrize(
    "refusal",
    [
        "READONLY You can't write against a read only replica.",
        "LOADING Redis is loading the dataset in memory",
        "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    ],
)
async def test_a_server_that_is_replaced_is_asked_again(server, refusal):
    """Over a new connection, which leads to the new master."""
    async with faults_in_front_of(urlsplit(server).port) as proxy, reading(proxy.url) as reader:
        (first,) = open_connections(reader)
        proxy.refusals.append(refusal)
        await own(reader, 2)

        assert first not in open_connections(reader)
        assert 2 == proxy.opened


@pytest.mark.parametrize(
    ("refusal", "error", "told"),
    [
        ("LOADING Redis is loading the dataset in memory", OnlineStoreUnavailable, "Wait"),
        ("READONLY You can't write against a read only replica.", OnlineStoreError, "master"),
    ],
)
async def test_a_server_that_stays_so_is_told(server, refusal, error, told):
    """After some attempts the caller gets the error of a blocking read."""
    async with faults_in_front_of(urlsplit(server).port) as proxy, reading(proxy.url) as reader:
        proxy.refusals += [refusal] * 4
        with pytest.raises(error) as raised, translated(server):
            await reader.mget([key(1)])

        assert told in raised.value.remedy
        await own(reader, 2)


async def test_an_error_of_the_server_is_that_of_its_caller_alone(server, admin):
    """Others on the same connection get their values."""
    admin.set("shared-text", "x")
    async with reading(server) as reader:
        (first,) = open_connections(reader)
        refused, *_ = await asyncio.gather(
            reader.hgetall("shared-text"),
            *[own(reader, n) for n in range(9)],
            return_exceptions=True,
        )
        assert "WRONGTYPE" in str(refused)
        assert [first] == open_connections(reader)


async def test_a_large_answer_does_not_hold_up_small_ones(server):
    """While a connection waits for a large answer, another one serves the small reads."""
    async with faults_in_front_of(urlsplit(server).port) as proxy, reading(proxy.url) as reader:
        (first,) = open_connections(reader)
        large = asyncio.create_task(own(reader, *range(LARGE)))
        await asyncio.sleep(0)
        await own(reader, 1)
        await large
        await until(lambda: len(open_connections(reader)) == 2)
        proxy.held = True
        large = asyncio.create_task(own(reader, *range(LARGE)))
        await until(lambda: first.load == LARGE)
        proxy.held = False
        await asyncio.gather(*[own(reader, n) for n in range(9)])

        assert not large.done()
        proxy.release()
        await large


async def test_the_url_limits_the_connections(server):
    """`max_connections` holds, and there are never more than four."""
    for url, most in ((f"{server}?max_connections=1", 1), (server, 4)):
        async with reading(url) as reader:
            for _ in range(20):
                await asyncio.gather(*[own(reader, *range(LARGE)) for _ in range(9)])
            assert most == len(open_connections(reader))


async def test_an_idle_connection_is_checked(server, admin):
    """`health_check_interval` asks an idle connection for a sign of life before a command."""
    async with reading(f"{server}?health_check_interval=30") as reader:
        (first,) = open_connections(reader)
        admin.config_resetstat()
        await own(reader, 1)
        assert "cmdstat_ping" not in admin.info("commandstats")
        first.heard -= 31
        await asyncio.gather(*[own(reader, n) for n in range(9)])
        assert "cmdstat_ping" in admin.info("commandstats")
        admin.client_kill_filter(_type="normal", skipme=True)
        first.heard -= 31
        await asyncio.gather(*[own(reader, n) for n in range(9)])

        assert first not in open_connections(reader)


async def test_closing_waits_for_the_outstanding_answers(server, admin):
    """Callers get what they wait for; who comes later is told."""
    reader = async_reader(server)
    await own(reader, 1)
    pause(admin, 200)
    waiting = [asyncio.create_task(own(reader, n)) for n in range(20)]
    await asyncio.sleep(0)
    await reader.aclose()

    await asyncio.gather(*waiting)
    assert not open_connections(reader)
    with pytest.raises(OnlineStoreUnavailable, match="closed during a read"):
        await reader.mget([key(1)])


async def test_closing_waits_for_connections_that_take_no_commands_any_more(server, admin):
    """A connection that is replaced still has callers, who get their answers."""
    async with reading(server) as reader:
        (first,) = open_connections(reader)
        pause(admin, 200)
        waiting = [asyncio.create_task(own(reader, n)) for n in range(20)]
        await asyncio.sleep(0)
        first.retire()
        await own(reader, 1)

    assert first.has_ended
    await asyncio.gather(*waiting)


async def test_closing_while_connecting_leaves_no_connection(server, admin):
    """The callers that wait for it are told."""
    admin.client_setname("admin")
    reader = async_reader(f"{server}?client_name=closing")
    waiting = [asyncio.create_task(reader.mget([key(n)])) for n in range(5)]
    await asyncio.sleep(0)
    await reader.aclose()
    found = await asyncio.gather(*waiting, return_exceptions=True)

    for each, n in zip(found, range(5), strict=True):
        assert isinstance(each, OnlineStoreUnavailable) or [value(n)] == each
    await until(lambda: "closing" not in {each["name"] for each in admin.client_list()})


async def test_a_cancelled_caller_does_not_take_the_connection_from_others(server):
    """The first caller opens it, and goes before it is open."""
    reader = async_reader(server)
    first = asyncio.create_task(own(reader, 1))
    second = asyncio.create_task(own(reader, 2))
    await asyncio.sleep(0)
    first.cancel()
    await second
    await reader.aclose()

    assert first.cancelled()


async def test_a_server_that_is_not_there_fails_all_callers(tmp_path):
    """They share the attempts to connect; the next read finds the server again."""
    socket = tmp_path / "s.sock"
    reader = async_reader(f"unix://{socket}")
    found = await asyncio.gather(*[reader.mget([key(n)]) for n in range(9)], return_exceptions=True)
    assert all(isinstance(error, redis.ConnectionError) for error in found)
    with embedded_server(tmp_path, "--unixsocket", str(socket)):
        assert [None] == await reader.mget([key(1)])
    await reader.aclose()


@pytest.mark.parametrize("user", ["alice:wr0ng", "nobody:wr0ng"])
async def test_a_wrong_password_is_told(server, user):
    """As to a blocking read."""
    reader = async_reader(server.replace("redis://", f"redis://{user}@"))
    with pytest.raises(OnlineStoreUnavailable, match="refused the login"), translated(server):
        await reader.mget([key(1)])
    await reader.aclose()


async def test_a_password_alone_and_a_database_are_taken(tmp_path):
    """With either version of the protocol; another database has other keys."""
    with embedded_server(tmp_path) as url, redis.Redis.from_url(url) as admin:
        fill(admin)
        admin.config_set("requirepass", "s3cret")
        there = url.replace("redis://", "redis://:s3cret@")
        for protocol in (2, 3):
            async with reading(f"{there}?protocol={protocol}") as reader:
                await own(reader, 2, 3)
            other = async_reader(f"{there.removesuffix('/0')}/5?protocol={protocol}")
            assert [None] == await other.mget([key(2)])
            await other.aclose()
        nameless = async_reader(url)
        with pytest.raises(OnlineStoreUnavailable, match="refused the login"), translated(url):
            await nameless.mget([key(1)])
        await nameless.aclose()


def test_an_interrupt_anywhere_shifts_no_later_answer(server, admin):
    """Wherever a signal handler raises, in a task or a callback, no answer goes astray."""
    with asyncio.Runner() as runner:
        runner.get_loop().set_exception_handler(lambda *_: None)
        reached = runner.run(_interrupt_everywhere(server, admin))

    assert reached > 20


async def _interrupt_everywhere(server, admin):
    reader = async_reader(f"{server}?socket_timeout=0.2")
    await own(reader, 1)
    for call in count(1):
        pause(admin, 4)
        with (
            suppress(Interrupted, redis.RedisError),
            interrupt(Interrupted, call=call, within=ROOM) as interrupted,
        ):
            await asyncio.gather(own(reader, 7, 8), own(reader, 9))
        if not interrupted:
            break
        # An interrupt may leave a command unsent, so that its time runs out. It is never answered
        # with the values of another one.
        for numbers in ((2,), (3, 4), (5,)):
            with suppress(redis.RedisError):
                await own(reader, *numbers)
        await own(reader, 6)
    await reader.aclose()
    return call


def test_uvloop_gets_the_same_answers(server):
    """Its transports are others: with pieces, resets and cancelled callers."""

    async def read():
        chance = random.Random(3)
        async with (
            faults_in_front_of(urlsplit(server).port, chance) as proxy,
            reading(proxy.url) as reader,
        ):
            answers = Answers(reader.mget, chance)
            for _ in range(5):
                await answers.many(200, 40, cancelled=0.2)
                proxy.kill()
        assert answers.counts["right"] > 500

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(read())


def test_a_store_is_read_in_one_loop_after_another(server):
    """A reader belongs to its loop: each loop opens its own."""
    for _ in range(2):

        async def read():
            async with reading(server) as reader:
                await own(reader, *range(KEYS))

        asyncio.run(read())
