"""A message names what took the lock away, the server, and a remedy that helps."""

from __future__ import annotations

import pytest

from featurestore.demo.server import embedded_server
from featurestore.errors import OnlineStoreError, SyncError, SyncLocked
from featurestore.online.redis.connection import client, connect_redis
from sync.safety.lock import lock_key, sync_lock
from sync.safety.lost_lock import LostLock

OWNER = "fs-meta:{shop}:owner"
LOCK = lock_key("shop")


@pytest.mark.parametrize(
    ("take", "cause"),
    [
        (
            lambda redis: redis.set(LOCK, "process 7 on cron since noon#x"),
            "process 7 on cron since",
        ),
        (lambda redis: redis.flushall(), "the online store was flushed"),
        (lambda redis: redis.delete(LOCK), "its key was deleted or evicted"),
    ],
    ids=["taken", "flushed", "deleted"],
)
def test_the_message_says_what_took_the_lock_away(redis_client, take, cause):
    redis_client.hset(OWNER, "target", "dev")
    with sync_lock(redis_client, "shop") as lease:
        take(redis_client)
        with pytest.raises(SyncError, match=f"The lock was lost while syncing: {cause}"):
            lease.run("SET", ["x"], "1")


@pytest.mark.parametrize(
    ("run", "silent_for", "cause"),
    [
        ("", 90.0, "it lasts 60 s, and was not renewed for 90 s"),
        ("of the process before", 1.0, "the server of the online store was restarted"),
    ],
    ids=["suspended", "restarted"],
)
def test_a_lock_that_is_gone_tells_a_suspended_process_from_a_server(
    redis_client, run, silent_for, cause
):
    redis_client.hset(OWNER, "target", "dev")
    lost = LostLock(project="shop", key=LOCK, run=run, silent_for=silent_for, lease=60)
    assert f"The lock was lost while syncing: {cause}." == lost.error(redis_client).message


def test_a_second_sync_names_the_server_and_its_database(redis_server, redis_client):
    port = redis_server.rpartition(":")[2]
    where = f"project 'shop' is running: process .* database: Redis at 127.0.0.1:{port}"
    with (
        sync_lock(redis_client, "shop"),
        pytest.raises(SyncLocked, match=where),
        sync_lock(client(redis_server), "shop"),
    ):
        pass


@pytest.mark.parametrize(
    ("url", "remedy"),
    [
        ("redis://no-such-host.invalid:6379", "Check the host in FEATURESTORE_REDIS_URL"),
        ("redis://127.0.0.1:1", "Start it"),
    ],
)
def test_starting_a_server_is_advised_only_where_it_helps(url, remedy):
    with pytest.raises(OnlineStoreError, match=remedy) as found, connect_redis(url) as redis:
        redis.ping()
    assert (remedy == "Start it") == ("Start it" in str(found.value))


def test_a_full_server_is_running(tmp_path):
    """More clients than its limit: the remedy names that limit."""
    with embedded_server(tmp_path) as url:
        first = client(url)
        first.config_set("maxclients", 1)
        with (
            pytest.raises(OnlineStoreError, match=r"is running: .* its `maxclients`") as found,
            connect_redis(url) as redis,
        ):
            redis.ping()
        assert "Start it" not in str(found.value)
