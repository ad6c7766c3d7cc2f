"""Rows that are overwritten: all of them, or none once the lock is gone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import redis

from featurestore.errors import SyncError
from featurestore.online.schema import Schema
from sync.encoding.byte_columns import from_pieces
from sync.grace import GRACE
from sync.redis.expiry import expiry_shift
from sync.redis.publisher import publishing
from sync.redis.resp import command
from sync.redis.transactions import opening
from sync.safety.lock import lock_key, sync_lock

ROWS = 2_000
NOW = datetime(2024, 2, 1, tzinfo=UTC)
TTL = timedelta(days=1)
ALARMING = b"redis.call('SET', KEYS[2], '', 'EX', 60)"


def keys_of(count):
    """Return the keys of some rows."""
    return [b"fs:shop:planes:{%d}" % number for number in range(count)]


def values_of(count, event):
    """Return rows of one event timestamp, each of another length."""
    micros = (event - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    header = Schema((), ()).head(0) + micros.to_bytes(8)
    return [header + b"\r\n$" * (number % 50) for number in range(count)]


def overwrite(client, lease, *, count=ROWS, event=NOW, ttl=None):
    """Write rows; return how many the server took."""
    keys, values = from_pieces(keys_of(count)), from_pieces(values_of(count, event))
    with publishing(client, lease) as publisher:
        publisher.overwrite(keys, values, expiry_shift(ttl, NOW))
    return publisher.applied


@pytest.mark.parametrize("ttl", [None, TTL])
@pytest.mark.parametrize("count", [0, 1, 255, 256, 257, ROWS])
def test_every_row_is_written(redis_client, count, ttl):
    """For any number of rows, with any bytes in them."""
    with sync_lock(redis_client, "shop") as lease:
        assert count == overwrite(redis_client, lease, count=count, ttl=ttl)
    assert values_of(count, NOW) == (redis_client.mget(keys_of(count)) if count else [])


@pytest.mark.parametrize("ttl", [None, TTL])
def test_what_is_there_is_overwritten(redis_client, ttl):
    """An expiry of before goes too."""
    for key in keys_of(ROWS):
        redis_client.set(key, b"old", ex=5)
    with sync_lock(redis_client, "shop") as lease:
        overwrite(redis_client, lease, ttl=ttl)
    assert values_of(ROWS, NOW) == redis_client.mget(keys_of(ROWS))
    left = redis_client.ttl(keys_of(1)[0])
    assert left == -1 if ttl is None else left > GRACE.total_seconds()


@pytest.mark.parametrize("age", [timedelta(), timedelta(hours=47), timedelta(days=9)])
def test_a_row_expires_a_day_after_its_ttl(redis_client, age):
    """In the store's own time, and at least a second from now."""
    with sync_lock(redis_client, "shop") as lease:
        overwrite(redis_client, lease, count=1, event=NOW - age, ttl=TTL)
        left = redis_client.pttl(keys_of(1)[0]) / 1000
    expected = max((TTL + GRACE - age).total_seconds(), 1)
    assert expected - 5 < left <= expected


def test_transactions_that_fail_are_made_up_for(redis_client, monkeypatch):
    """A false alarm, as a renewal of the lock gives, costs no row."""
    monkeypatch.setattr("sync.redis.transactions._CHECK", ALARMING)
    before = redis_client.info("commandstats").get("cmdstat_evalsha", {"calls": 0})["calls"]
    with sync_lock(redis_client, "shop") as lease:
        assert ROWS == overwrite(redis_client, lease)
    assert values_of(ROWS, NOW) == redis_client.mget(keys_of(ROWS))
    # One for each 256 rows.
    assert 8 == redis_client.info("commandstats")["cmdstat_evalsha"]["calls"] - before


@pytest.mark.parametrize("ttl", [None, TTL])
@pytest.mark.parametrize("taken", [True, False])
def test_nothing_is_written_without_the_lock(redis_client, ttl, taken):
    """Whether another has it, or nobody."""
    with sync_lock(redis_client, "shop") as lease:
        redis_client.delete(lock_key("shop"))
        if taken:
            redis_client.set(lock_key("shop"), "another")
        with pytest.raises(SyncError, match="lock was lost"):
            overwrite(redis_client, lease, ttl=ttl)
    assert 0 == redis_client.exists(*keys_of(ROWS))


@pytest.mark.parametrize("ttl", [None, TTL])
def test_a_lock_lost_on_the_way_stops_the_rest(redis_client, ttl):
    """What was confirmed before is there; nothing that is sent afterwards."""
    keys, values = keys_of(ROWS), values_of(ROWS, NOW)
    parts = [
        (from_pieces(keys[p]), from_pieces(values[p])) for p in (slice(1000), slice(1000, None))
    ]

    def publish(lease):
        with publishing(redis_client, lease) as publisher:
            publisher.overwrite(*parts[0], expiry_shift(ttl, NOW))
            publisher.finish()
            assert 1000 == publisher.applied
            redis_client.set(lock_key("shop"), "another")
            publisher.overwrite(*parts[1], expiry_shift(ttl, NOW))

    with sync_lock(redis_client, "shop") as lease, pytest.raises(SyncError, match="lock was lost"):
        publish(lease)
    assert values[:1000] == redis_client.mget(keys[:1000])
    assert 0 == redis_client.exists(*keys[1000:])


def test_a_server_without_memory_says_so(redis_client):
    """Nothing of the transaction is written."""
    with sync_lock(redis_client, "shop") as lease:
        redis_client.config_set("maxmemory", 1)
        try:
            with pytest.raises(redis.exceptions.OutOfMemoryError, match="maxmemory"):
                overwrite(redis_client, lease)
        finally:
            redis_client.config_set("maxmemory", 0)
    assert 0 == redis_client.exists(*keys_of(ROWS))


@pytest.mark.parametrize("denied", ["watch", "multi", "exec"])
def test_a_user_without_transactions_goes_by_the_script(redis_server, redis_client, denied):
    """Nothing is written unguarded, and all rows are written."""
    redis_client.acl_setuser(
        "old", enabled=True, passwords=["+secret"], keys=["*"], commands=["+@all", f"-{denied}"]
    )
    try:
        url = redis_server.replace("redis://", "redis://old:secret@")
        with redis.Redis.from_url(url) as client, sync_lock(client, "shop") as lease:
            assert ROWS == overwrite(client, lease)
            redis_client.set(lock_key("shop"), "another")
            with pytest.raises(SyncError, match="lock was lost"):
                overwrite(client, lease, event=NOW - TTL)
        assert values_of(ROWS, NOW) == redis_client.mget(keys_of(ROWS))
    finally:
        redis_client.acl_deluser("old")


def test_a_lock_that_is_none_is_lost(redis_client):
    """Also if its key holds a value of another type."""
    with sync_lock(redis_client, "shop") as lease:
        redis_client.delete(lock_key("shop"))
        redis_client.rpush(lock_key("shop"), "another")
        with pytest.raises((SyncError, redis.exceptions.ResponseError)):
            overwrite(redis_client, lease)
        redis_client.delete(lock_key("shop"))
    assert 0 == redis_client.exists(*keys_of(ROWS))


def test_a_check_without_memory_touches_the_lock(redis_client):
    """The alarm cannot be set, and the rows come when there is memory again."""
    with sync_lock(redis_client, "shop") as lease:
        redis_client.set(lock_key("shop"), "another", ex=60)
        begin = opening(lease.guard, b"fs-meta:{shop}:alarm")
        connection = redis_client.connection_pool.get_connection()
        redis_client.config_set("maxmemory", 1)
        try:
            connection.send_packed_command([begin])
            assert [b"OK", None, b"OK"] == [connection.read_response() for _ in range(3)]
        finally:
            redis_client.config_set("maxmemory", 0)
        connection.send_packed_command([command(b"SET", b"row", b"1") + command(b"EXEC")])
        assert [b"QUEUED", None] == [connection.read_response() for _ in range(2)]
        redis_client.connection_pool.release(connection)
    assert not redis_client.exists("row")
    assert 50 < redis_client.ttl(lock_key("shop")) <= 60
