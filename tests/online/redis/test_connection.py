"""A server that is down, locked or misnamed is said so in one line, and never with a password."""

from __future__ import annotations

import tempfile
import traceback
from pathlib import Path

import pytest
import redis

from featurestore import FeatureStore
from featurestore.demo.server import embedded_server
from featurestore.errors import OnlineStoreError, OnlineStoreUnavailable
from featurestore.online.redis.connection import address, client, connect_redis
from tests.online.test_online_client import COLUMNS, DELAY, PLANE, PLANES
from tests.support.builders import model
from tests.support.online_project import Shop
from tests.support.redis_fixture import assert_closed

SECRET = "s3cret"
RULES = ("--user", "alice", "on", f">{SECRET}", "~*", "&*", "+@all")
LIMITED = ("--user", "bob", "on", f">{SECRET}", "~*", "+@read", "+@connection", "+@keyspace")


@pytest.fixture(scope="module")
def short_folder():
    """Return a folder of a short name: a Unix socket's path has about a hundred characters."""
    with tempfile.TemporaryDirectory(prefix="fs-") as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def guarded_server():
    """Run a server that knows two users; return its host and port, and its socket's path."""
    with tempfile.TemporaryDirectory(prefix="fs-") as folder:
        socket = ("--unixsocket", f"{folder}/s.sock", "--unixsocketperm", "700")
        with embedded_server(Path(folder), *RULES, *LIMITED, *socket) as url:
            yield url.removeprefix("redis://").removesuffix("/0"), f"{folder}/s.sock"


@pytest.fixture
def guarded(guarded_server):
    """Empty that server; return its host and port, and its socket's path."""
    with redis.Redis.from_url(f"redis://{guarded_server[0]}") as client:
        client.flushall()
    return guarded_server


@pytest.fixture
def shop(tmp_path):
    """Return a project whose online store is chosen later."""

    def at(url):
        shop = Shop(tmp_path / "shop", url)
        shop.write([model(PLANE, COLUMNS)], PLANES)
        return shop

    return at


def told(error):
    """Return all that a log or a terminal could show of an error, with its causes."""
    return "".join(traceback.format_exception(error.value))


def dead(scheme="redis"):
    """Return the URL of a server that has stopped."""
    with tempfile.TemporaryDirectory() as folder, embedded_server(Path(folder)) as url:
        port = url.rpartition(":")[2].partition("/")[0]
    return f"{scheme}://alice:{SECRET}@127.0.0.1:{port}/3", f"127.0.0.1:{port}/3"


def test_a_server_that_is_down_is_unavailable(shop):
    """Sync and read say where they looked, without the password, and exit with 3."""
    url, where = dead()
    store = shop(url).open()

    for attempt in (
        store.sync,
        lambda: store.get_online_features([DELAY], {"tailnum": ["N1"]}),
    ):
        with pytest.raises(OnlineStoreUnavailable) as error:
            attempt()
        assert error.value.message.startswith(f"The online store at {where} cannot be reached: ")
        assert "FEATURESTORE_REDIS_URL" in error.value.remedy
        assert 3 == error.value.exit_code
        assert SECRET not in told(error)


async def test_a_server_that_is_down_is_unavailable_to_the_asynchronous_client(shop):
    """The asynchronous client says the same."""
    url, where = dead()
    store = shop(url).open()

    async with store:
        with pytest.raises(OnlineStoreUnavailable, match=f"at {where} cannot be reached") as error:
            await store.get_online_features_async([DELAY], {"tailnum": ["N1"]})

    assert SECRET not in told(error)


def test_sentinels_that_are_down_are_told_in_a_short_line(shop):
    """The master is named, and not what the client has tried."""
    url, where = dead("redis+sentinel")

    with pytest.raises(OnlineStoreUnavailable) as error:
        shop(url).open().sync()

    assert f"The online store at {where} cannot be reached: No master found for '3'." == (
        error.value.message
    )
    assert "Check the master's name, and that one of its Sentinels is up." == error.value.remedy
    assert SECRET not in told(error)


def test_a_server_that_goes_away_and_comes_back_is_found_again(shop, short_folder):
    """An open store outlives its server: it fails while there is none, and reads again after."""
    path = short_folder / "s.sock"
    store = shop(f"unix://{path}").open()
    rows = {"tailnum": ["N1"]}
    with embedded_server(short_folder, "--unixsocket", str(path)):
        store.sync()
        assert [1.5] == store.get_online_features([DELAY], rows).values["delay"]
    with pytest.raises(OnlineStoreUnavailable, match=f"at {path} cannot be reached"):
        store.get_online_features([DELAY], rows)
    with embedded_server(short_folder, "--unixsocket", str(path)):
        store.sync()

        assert [1.5] == store.get_online_features([DELAY], rows).values["delay"]


@pytest.mark.parametrize("user", ["alice:wr0ng", "nobody:wr0ng"])
def test_a_wrong_password_is_turned_away(shop, guarded, user):
    """The message says who refused and what to check, and shows neither user nor password."""
    where, _ = guarded
    store = shop(f"redis://{user}@{where}/0").open()

    for attempt in (
        store.sync,
        lambda: store.get_online_features([DELAY], {"tailnum": ["N1"]}),
    ):
        with pytest.raises(OnlineStoreUnavailable) as error:
            attempt()
        assert f"The online store at {where}/0 refused the login:" in error.value.message
        assert "Check user and password in FEATURESTORE_REDIS_URL." == error.value.remedy
        assert 3 == error.value.exit_code
        assert "wr0ng" not in str(error.value)


def test_a_server_that_wants_a_password_turns_away_who_has_none(shop, tmp_path):
    """Without a password, where one is needed, the message is the same as with a wrong one."""
    with embedded_server(tmp_path) as url, redis.Redis.from_url(url) as admin:
        admin.config_set("requirepass", SECRET)
        for user in ("", ":wr0ng@"):
            with pytest.raises(OnlineStoreUnavailable, match="refused the login") as error:
                shop(url.replace("redis://", f"redis://{user}")).open().sync()
            assert "wr0ng" not in str(error.value)

        shop(url.replace("redis://", f"redis://:{SECRET}@")).open().sync()


def test_the_right_password_is_let_in(shop, guarded):
    """User and password come from the URL."""
    where, _ = guarded
    store = shop(f"redis://alice:{SECRET}@{where}/0").open()
    store.sync()

    assert [1.5] == store.get_online_features([DELAY], {"tailnum": ["N1"]}).values["delay"]


def test_a_user_without_the_right_to_write_is_refused(shop, guarded):
    """A reader's user can read; its sync fails with the command that is not allowed."""
    where, _ = guarded
    shop(f"redis://alice:{SECRET}@{where}/0").open().sync()
    store = shop(f"redis://bob:{SECRET}@{where}/0").open()

    assert [1.5] == store.get_online_features([DELAY], {"tailnum": ["N1"]}).values["delay"]
    with pytest.raises(OnlineStoreError, match=f"at {where}/0 refused a command: .*'set'") as error:
        store.sync()
    assert SECRET not in told(error)


def test_databases_of_one_server_are_apart(shop, guarded):
    """The number behind the slash is the database; another one has nothing of it."""
    where, _ = guarded
    shop(f"redis://{where}/4").open().sync()

    with pytest.raises(OnlineStoreError, match=f"has not been published to {where}/5"):
        shop(f"redis://{where}/5").open().get_online_features([DELAY], {"tailnum": ["N1"]})


def test_a_unix_socket_is_an_address(shop, guarded):
    """`unix://` works for the sync and the read, and is named by its path."""
    _, path = guarded
    store = shop(f"unix://{path}?db=2").open()

    with pytest.raises(OnlineStoreError, match=f"has not been published to {path}"):
        store.get_online_features([DELAY], {"tailnum": ["N1"]})
    store.sync()

    assert [1.5] == store.get_online_features([DELAY], {"tailnum": ["N1"]}).values["delay"]


async def test_a_unix_socket_is_an_address_for_the_asynchronous_client(shop, guarded):
    """The asynchronous client reads over a socket's file too."""
    _, path = guarded
    store = shop(f"unix://{path}").open()
    store.sync()

    async with store:
        found = await store.get_online_features_async([DELAY], {"tailnum": ["N1"]})

    assert [1.5] == found.values["delay"]


def test_a_missing_socket_is_unavailable(tmp_path):
    """The path that is not there is named."""
    path = tmp_path / "none.sock"

    with (
        pytest.raises(OnlineStoreUnavailable, match=f"at {path} cannot be reached"),
        connect_redis(f"unix://{path}"),
    ):
        pass


@pytest.mark.parametrize(
    "url",
    [
        f"http://alice:{SECRET}@localhost:6379",
        f"alice:{SECRET}@localhost:6379",
        "localhost:6379",
        "6379",
        f"redis://alice:{SECRET}@localhost:port/0",
        f"redis://alice:{SECRET}@localhost:99999/0",
    ],
)
def test_a_url_that_cannot_be_understood_is_an_error(url):
    """The message shows how a URL is written, and nothing of this one that might be secret."""
    with pytest.raises(OnlineStoreError, match="cannot be understood") as error:
        client(url)

    assert "redis://[user:password@]host:port/database" in error.value.remedy
    assert SECRET not in str(error.value)
    assert 1 == error.value.exit_code


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (None, "localhost:6379/0"),
        ("", "localhost:6379/0"),
        ("redis://cache", "cache:6379"),
        (f"redis://:{SECRET}@cache:6380/2", "cache:6380/2"),
        (f"rediss://alice:{SECRET}@cache.internal/", "cache.internal:6379"),
        (f"redis://cache:6380/2?password={SECRET}", "cache:6380/2"),
        (f"unix://alice:{SECRET}@/run/redis.sock?db=1&password={SECRET}", "/run/redis.sock"),
    ],
)
def test_an_address_has_no_secrets(url, shown):
    """Host, port and database are shown; user, password and options are not."""
    assert shown == address(url)


def test_a_block_closes_its_connection(redis_server, redis_client):
    """`connect_redis` leaves no connection behind, also when its block raises."""
    opened = []

    def fail():
        with connect_redis(redis_server) as connected:
            opened.append(connected.client_id())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()

    assert_closed(redis_client, opened)


def test_a_database_that_the_server_has_not_is_told(redis_server):
    """With what to do about it."""
    with (
        pytest.raises(OnlineStoreError, match="out of range") as error,
        connect_redis(f"{redis_server.removesuffix('/0')}/99"),
    ):
        pass

    assert "Choose a database" in error.value.remedy


def test_sentinels_are_not_looked_for_at_a_server(redis_server):
    """The remedy names the port at which they usually are."""
    server = redis_server.removeprefix("redis://").removesuffix("/0")
    with (
        pytest.raises(OnlineStoreError) as error,
        connect_redis(f"redis+sentinel://{server}/features/0"),
    ):
        pass

    assert "26379" in error.value.remedy


@pytest.mark.parametrize(
    ("spoil", "mend", "told"),
    [
        ("CONFIG SET maxmemory 1", "CONFIG SET maxmemory 0", "more memory"),
        ("REPLICAOF 127.0.0.1 1", "REPLICAOF NO ONE", "give the master's address"),
    ],
)
def test_a_server_that_takes_no_rows_is_told(redis_server, redis_client, spoil, mend, told):
    """With what to do about it."""
    redis_client.execute_command(*spoil.split())
    try:
        with pytest.raises(OnlineStoreError) as error, connect_redis(redis_server) as connected:
            connected.set("text", "a")
    finally:
        redis_client.execute_command(*mend.split())

    assert told in error.value.remedy


def test_a_store_shows_its_project_and_no_password(tmp_path):
    """In a notebook it is seen which one it is."""
    store = FeatureStore(tmp_path, "prod", redis_url=f"redis://:{SECRET}@cache")

    assert f"FeatureStore('{tmp_path}', target='prod')" == repr(store)


def test_what_the_server_refuses_is_an_error_of_the_store(redis_server, redis_client):
    """A command that fails on the server is told with the server's reason."""
    redis_client.set("text", "a")

    with (
        pytest.raises(OnlineStoreError, match="refused a command: WRONGTYPE") as error,
        connect_redis(redis_server) as connected,
    ):
        connected.hgetall("text")

    assert not isinstance(error.value, OnlineStoreUnavailable)
    assert 1 == error.value.exit_code
