"""What stands behind the `?` of a URL reaches the client, or is an error that says what would."""

from __future__ import annotations

import traceback

import pytest

from featurestore.errors import OnlineStoreError, OnlineStoreUnavailable
from featurestore.online.redis.connection import connect_redis
from tests.support.cluster_fixture import free_port
from tests.support.sync_project import PLANES, SyncProject, assert_parity, day
from tests.support.urls_and_rows import ASKED, SECRET


@pytest.fixture
def project(tmp_path):
    """Return a project with a row."""
    made = SyncProject(tmp_path / "shop", PLANES, memory=True)
    made.insert(PLANES, ("N7", day(3), day(2), 7.0, 7, "x"))
    return made


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("redis://cache/0?sokcet_timeout=3", "Did you mean 'socket_timeout'?"),
        (
            "redis://cache/0?decode_responses=true",
            "Known options: client_name, db",
        ),
        ("redis://cache/0?ssl_ca_certs=ca.pem", "begin the URL with rediss"),
        ("redis+cluster://cache?db=3", "the unknown option 'db'"),
        ("redis://cache?sentinel_password=x", "the unknown option 'sentinel_password'"),
        ("unix:///run/r.sock?socket_keepalive=1", "the unknown option 'socket_keepalive'"),
        ("rediss://cache?ssl_cert_reqs=never", "Use one of: required, optional, none."),
        ("rediss://cache?ssl_ca_certs=", "gives ssl_ca_certs='', which does not exist"),
        ("rediss://cache?ssl_ca_path=/none", "gives ssl_ca_path='/none', which does not exist"),
        ("redis://cache?socket_timeout=soon", "Invalid value for 'socket_timeout'"),
        ("redis://cache?protocol=4", "gives protocol='4'. Use one of: 2, 3."),
        ("redis+cluster://cache?protocol=x", "gives protocol='x'. Use one of: 2, 3."),
        ("redis+sentinel://cache/feast?protocol=x", "gives protocol='x'. Use one of: 2, 3."),
    ],
)
def test_an_option_that_is_wrong_is_told(url, told):
    """Before a connection is made, in one line, with what is known instead."""
    with pytest.raises(OnlineStoreError) as error, connect_redis(url):
        pass

    assert told in str(error.value)
    assert 1 == error.value.exit_code


@pytest.mark.parametrize("mark", ["?", "#", "/"])
def test_a_password_that_is_not_encoded_is_not_shown(mark):
    """What stands behind a special character of it may look like a path or an option."""
    url = f"redis://alice:{SECRET[:4]}{mark}{SECRET[4:]}=1@cache:6379/0"
    with pytest.raises(OnlineStoreError) as error, connect_redis(url):
        pass

    told = "".join(traceback.format_exception(error.value))
    assert SECRET[:4] not in told
    assert SECRET[4:] not in told
    assert "%2F %3F %23 and %40" in error.value.remedy


@pytest.mark.parametrize("scheme", ["redis", "rediss", "redis+cluster", "redis+sentinel"])
def test_a_password_without_a_host_is_not_shown(scheme):
    """What was meant as a password stands where a port is looked for."""
    with pytest.raises(OnlineStoreError) as error, connect_redis(f"{scheme}://alice:{SECRET}/x"):
        pass

    assert SECRET not in "".join(traceback.format_exception(error.value))


@pytest.mark.parametrize(
    "url",
    ["redis://{}/abc", "rediss://{}/0x1", "redis://{}/1/2", "redis+sentinel://{}/features/abc"],
)
def test_a_database_that_is_no_number_is_told(url):
    """The client would take the first one for it, and publish there."""
    with (
        pytest.raises(OnlineStoreError, match=r"names the database '\w") as error,
        connect_redis(url.format("cache")),
    ):
        pass

    assert "numbered from 0" in error.value.remedy


EVERYWHERE = "client_name=sync&max_connections=20&socket_timeout=5&socket_connect_timeout=2"


@pytest.mark.parametrize("protocol", ["2", "3"])
async def test_options_reach_the_client(project, redis_server, redis_client, protocol):
    """They work for both clients, and the connection has the name."""
    url = f"{redis_server}?{EVERYWHERE}&protocol={protocol}&socket_keepalive=true"
    with connect_redis(f"{url}&health_check_interval=10") as connected:
        assert "sync" == connected.client_info()["name"]
        assert 5.0 == connected.connection_pool.connection_kwargs["socket_timeout"]
    project.store(url).sync()
    assert_parity(project, url)
    async with project.store(url) as reader:
        asked = await reader.get_online_features_async(*ASKED)
    assert [7.0] == asked.values["delay"]


@pytest.mark.parametrize("scheme", ["redis", "redis+cluster", "redis+sentinel"])
def test_options_are_taken_by_every_kind_of_client(scheme):
    """Nobody listens: what fails is the connection, and not the options."""
    name = "/features" if scheme == "redis+sentinel" else ""
    url = f"{scheme}://localhost:{free_port()}{name}?{EVERYWHERE}&socket_keepalive=1&protocol=2"
    with pytest.raises(OnlineStoreUnavailable), connect_redis(url):
        pass
