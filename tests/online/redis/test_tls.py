"""The online store behind TLS: reached, or refused in one line that says what to do."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest

from featurestore.errors import OnlineStoreUnavailable
from featurestore.online.redis.connection import connect_redis
from tests.support.cluster_fixture import Server, free_port, running_cluster
from tests.support.sync_project import PLANES, SyncProject, assert_parity, day
from tests.support.tls_proxy import Authority, tls_in_front_of
from tests.support.urls_and_rows import ASKED, SECRET

pytestmark = pytest.mark.whole

HURRY = "socket_connect_timeout=1&socket_timeout=1"


@pytest.fixture
def project(tmp_path):
    """Return a project with rows for every node of a cluster."""
    made = SyncProject(tmp_path / "shop", PLANES, memory=True)
    made.insert(PLANES, *[(f"N{n}", day(3), day(2), float(n), n, "x") for n in range(30)])
    return made


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """Return an authority and its certificates."""
    return Authority.make(tmp_path_factory.mktemp("tls") / "ours")


@pytest.fixture
def secured(redis_server, redis_client, authority):
    """Run TLS in front of an empty server."""
    redis_client.ping()
    with tls_in_front_of(urlsplit(redis_server).port, authority) as proxy:
        yield proxy


async def test_a_server_is_reached_by_tls(project, secured, authority):
    """Rows are published, verified and read over TLS, blocking or not."""
    url = f"rediss://localhost:{secured.port}/0?ssl_ca_certs={authority.ca}"
    store = project.store(url)
    store.sync()
    assert store.verify(sample="all").good
    assert_parity(project, url)
    async with project.store(url) as reader:
        asked = await reader.get_online_features_async(*ASKED)

    assert [7.0] == asked.values["delay"]
    assert secured.encrypted
    assert 0 == secured.unencrypted


def test_an_authority_that_did_not_sign_is_refused(project, secured, tmp_path):
    """The line says that the certificate could not be checked, and which option names who can."""
    other = Authority.make(tmp_path / "theirs")
    for query in ("", f"?ssl_ca_certs={other.ca}"):
        url = f"rediss://alice:{SECRET}@localhost:{secured.port}/0{query}"
        for attempt in (project.store(url).sync, lambda u=url: project.store(u).status()):
            with pytest.raises(OnlineStoreUnavailable, match="CERTIFICATE_VERIFY_FAILED") as error:
                attempt()
            assert "ssl_ca_certs=" in error.value.remedy
            assert SECRET not in str(error.value)
            assert "\n" not in str(error.value)


async def test_an_authority_that_did_not_sign_is_refused_asynchronously(project, secured):
    """The asynchronous client says the same."""
    async with project.store(f"rediss://localhost:{secured.port}/0") as store:
        with pytest.raises(OnlineStoreUnavailable, match="CERTIFICATE_VERIFY_FAILED") as error:
            await store.get_online_features_async(*ASKED)

    assert "ssl_ca_certs=" in error.value.remedy


def test_a_certificate_of_another_name_is_refused(project, redis_server, redis_client, tmp_path):
    """Unless the check of names is switched off; that of the signature still holds."""
    redis_client.ping()
    authority = Authority.make(tmp_path / "named", "subjectAltName=DNS:cache.internal")
    with tls_in_front_of(urlsplit(redis_server).port, authority) as proxy:
        url = f"rediss://localhost:{proxy.port}/0?ssl_ca_certs={authority.ca}"
        with pytest.raises(OnlineStoreUnavailable, match="Hostname mismatch") as error:
            project.store(url).sync()
        assert "a name in the URL that is in the server's certificate" in error.value.remedy

        project.store(f"{url}&ssl_check_hostname=false").sync()


def test_a_client_shows_its_certificate(project, redis_server, redis_client, authority):
    """Where the server wants one, it is let in with one, and turned away without."""
    redis_client.ping()
    certificate, key = authority.pair("client")
    with tls_in_front_of(urlsplit(redis_server).port, authority, mutual=True) as proxy:
        url = f"rediss://localhost:{proxy.port}/0?ssl_ca_certs={authority.ca}"
        with pytest.raises(OnlineStoreUnavailable) as error:
            project.store(url).sync()
        assert "ssl_certfile=" in error.value.remedy

        project.store(f"{url}&ssl_certfile={certificate}&ssl_keyfile={key}").sync()


def test_tls_where_there_is_none_is_told(project, redis_server, redis_client, secured):
    """Both ways round, in one line."""
    redis_client.ping()
    plain = urlsplit(redis_server).port
    with pytest.raises(OnlineStoreUnavailable) as error:
        project.store(f"rediss://localhost:{plain}/0?{HURRY}").sync()
    assert "begin the URL with redis://" in error.value.remedy

    with pytest.raises(OnlineStoreUnavailable) as error:
        project.store(f"redis://localhost:{secured.port}/0").sync()
    assert "rediss://" in error.value.remedy


@pytest.fixture(params=["a server without TLS", "a port that says nothing"])
def silent(request, redis_server):
    """Return the port of a server that takes a connection, and waits when it is sent TLS."""
    if request.param == "a server without TLS":
        yield urlsplit(redis_server).port
    else:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            yield listener.getsockname()[1]


def test_silence_is_given_up(silent):
    """A time-out is not retried."""
    started = time.monotonic()
    with (
        pytest.raises(OnlineStoreUnavailable, match="Timeout connecting") as error,
        connect_redis(f"rediss://localhost:{silent}/0?{HURRY}"),
    ):
        pass

    assert 0.9 < time.monotonic() - started < 3
    assert "if it does not speak TLS, begin the URL with redis://" in error.value.remedy


async def test_silence_is_given_up_asynchronously(project, silent):
    """The asynchronous client waits no longer."""
    started = time.monotonic()
    async with project.store(f"rediss://localhost:{silent}/0?{HURRY}") as store:
        with pytest.raises(OnlineStoreUnavailable, match="Timeout connecting") as error:
            await store.get_online_features_async(*ASKED)

    assert 0.9 < time.monotonic() - started < 3
    assert "if it does not speak TLS, begin the URL with redis://" in error.value.remedy


def test_silent_sentinels_are_given_up(silent):
    """They are asked again, since they may know more by then, each time for as long as told."""
    started = time.monotonic()
    with (
        pytest.raises(OnlineStoreUnavailable, match="No master found"),
        connect_redis(f"rediss+sentinel://localhost:{silent}/features/0?{HURRY}"),
    ):
        pass

    assert time.monotonic() - started < 12


async def test_a_cluster_is_reached_by_tls(project, tmp_path, authority):
    """All nodes are, those too that the URL does not name."""
    proxies = []
    with ExitStack() as stack:

        def announced(port):
            proxies.append(stack.enter_context(tls_in_front_of(port, authority)))
            return proxies[-1].port

        stack.enter_context(running_cluster(tmp_path / "nodes", announced))
        url = f"rediss+cluster://localhost:{proxies[0].port}?ssl_ca_certs={authority.ca}"
        store = project.store(url)
        store.sync()
        assert_parity(project, url)
        async with project.store(url) as reader:
            asked = await reader.get_online_features_async(*ASKED)

        assert [7.0] == asked.values["delay"]
        assert 3 == len(proxies)
        assert all(proxy.encrypted and not proxy.unencrypted for proxy in proxies)


@pytest.mark.parametrize("sentinel_ssl", ["", "&sentinel_ssl=false"])
def test_a_watched_master_is_reached_by_tls(project, tmp_path, authority, sentinel_ssl):
    """Its sentinel too, unless the URL says that sentinels speak without."""
    master = Server(tmp_path / "master", free_port())
    sentinel = Server(tmp_path / "sentinel", free_port(), ("--sentinel",))
    sentinel.folder.mkdir()
    with (
        tls_in_front_of(master.port, authority, plain=True) as data,
        tls_in_front_of(sentinel.port, authority) as watcher,
        ExitStack() as stack,
    ):
        stack.callback(master.stop)
        stack.callback(sentinel.stop)
        (sentinel.folder / "sentinel.conf").write_text(
            f"sentinel monitor features 127.0.0.1 {data.port} 1\n", encoding="utf-8"
        )
        master.start()
        sentinel.start()
        port = sentinel.port if sentinel_ssl else watcher.port
        query = f"ssl_ca_certs={authority.ca}{sentinel_ssl}"
        url = f"rediss+sentinel://127.0.0.1:{port}/features/0?{query}"
        project.store(url).sync()
        assert_parity(project, url)

        assert data.encrypted
        assert bool(sentinel_ssl) == (watcher.encrypted == 0)


@pytest.fixture
def on_disk(tmp_path):
    """Return the folder of a project that another process can open."""
    made = SyncProject(tmp_path / "disk", PLANES)
    made.insert(PLANES, ("N7", day(3), day(2), 7.0, 7, "x"))
    return made.folder


def _run(folder, url, *arguments):
    environment = {**os.environ, "FEATURESTORE_REDIS_URL": url}
    command = [sys.executable, "-m", "featurestore.cli", *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_what_tls_refuses_is_one_line_on_the_terminal(on_disk, secured, authority):
    """No traceback, no password, and the exit code of a service that is not reached."""
    where = f"alice:{SECRET}@localhost:{secured.port}/0"
    done = _run(on_disk, f"rediss://{where}", "sync", "--quiet")
    assert 3 == done.returncode
    assert "" == done.stdout
    assert "CERTIFICATE_VERIFY_FAILED" in done.stderr
    assert "Traceback" not in done.stderr
    assert SECRET not in done.stderr

    done = _run(on_disk, f"rediss://{where}?ssl_ca_certs=/none/ca.pem", "sync", "--quiet")
    assert 1 == done.returncode
    assert "gives ssl_ca_certs='/none/ca.pem', which does not exist" in " ".join(
        done.stderr.split()
    )
    assert "Traceback" not in done.stderr
    assert SECRET not in done.stderr

    url = f"rediss://localhost:{secured.port}/0?ssl_ca_certs={authority.ca}"
    assert 0 == _run(on_disk, url, "sync", "--quiet").returncode
