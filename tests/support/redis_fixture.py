"""A real Redis-compatible server for the tests, one per test process."""

from __future__ import annotations

import time

import pytest
import redis

from featurestore.demo.server import embedded_server


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory):
    """Run a server; return its URL."""
    with embedded_server(tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture
def redis_client(redis_server):
    """Return a client of an empty server."""
    with redis.Redis.from_url(redis_server) as client:
        client.flushall()
        yield client


def assert_closed(client, numbers):
    """Check that the server has closed the connections; it notices their end with a delay."""
    deadline = time.monotonic() + 10
    while {*numbers} & {int(entry["id"]) for entry in client.client_list()}:
        assert time.monotonic() < deadline, "the server still has a connection"
        time.sleep(0.01)
