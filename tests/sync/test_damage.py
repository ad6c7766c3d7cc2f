"""Damaged rows meet a sync, and a repair: no damage outlives either."""

from __future__ import annotations

from datetime import timedelta

import pytest

from featurestore.errors import SyncLocked
from sync.encoding.byte_columns import from_pieces
from sync.redis.publisher import publishing
from sync.safety.lock import sync_lock
from tests.support.cluster_fixture import running_cluster
from tests.support.sync_project import NOW, PLANES, ROUTES, SyncProject, assert_parity, day

pytestmark = pytest.mark.whole

FAR = (2**62).to_bytes(8)
"""An event timestamp that no warehouse has."""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Run a cluster."""
    with running_cluster(tmp_path_factory.mktemp("cluster")) as running:
        yield running


@pytest.fixture(params=["server", "cluster"])
def online(request, tmp_path):
    """Return a published project, its URL and a client, on one server and on a cluster."""
    if request.param == "cluster":
        found = request.getfixturevalue("cluster")
        for node in found.nodes:
            node.client().flushall()
        url, redis = found.url, None
    else:
        url, redis = (
            request.getfixturevalue("redis_server"),
            request.getfixturevalue("redis_client"),
        )
    from featurestore.online.redis.connection import client

    redis = redis or client(url)
    project = SyncProject(tmp_path, PLANES, ROUTES, memory=True)
    project.insert(PLANES, *[(f"N{n}", day(3), day(3), n, n, "x") for n in range(6)])
    project.insert(ROUTES, *[("JFK", n, day(3), n) for n in range(6)])
    project.store(url).sync()
    return project, url, redis


def damage(redis, key, *, event=FAR):
    """Change a row's event timestamp, and nothing else."""
    raw = redis.get(key)
    redis.set(key, raw[:5] + event + raw[13:])


def report_of(project, url, view, now=NOW, **options):
    report = project.store(url, now).sync(**options)
    return {one.view: one for one in report.views}[view]


@pytest.mark.parametrize("view", ["plane_status", "route_load"])
def test_a_row_with_a_flipped_bit_in_its_time_is_overwritten(online, view):
    """The script refuses it as newer; the sync reads it back, and replaces it in the same run."""
    project, url, redis = online
    key = {"plane_status": "fs:shop:plane_status:{N1}", "route_load": "fs:shop:route_load:{JFK,1}"}
    damage(redis, key[view])
    project.insert(PLANES, *[(f"N{n}", day(2), day(2), 9, 9, "new") for n in (1, 2)])
    project.insert(ROUTES, *[("JFK", n, day(2), 9) for n in (1, 2)])

    found = report_of(project, url, view)

    assert (2, 2, 0, 0, False) == (
        found.changed,
        found.written,
        found.deleted,
        found.skipped,
        found.full,
    )
    assert_parity(project, url)
    again = report_of(project, url, view)
    assert (0, False) == (again.changed, again.full)


def test_a_deleted_row_with_a_flipped_bit_in_its_time_goes(online):
    """The script refuses to delete it as newer; it is deleted in the same run."""
    project, url, redis = online
    damage(redis, "fs:shop:route_load:{JFK,1}")
    project.execute("DELETE FROM route_load WHERE flight IN (1, 2)")

    found = report_of(project, url, "route_load")

    assert (2, 0, 2, 0) == (found.changed, found.written, found.deleted, found.skipped)
    assert_parity(project, url)


def test_a_sound_row_that_is_newer_stays(online):
    """A newer row by another writer is refused as before, and counts as skipped."""
    from featurestore.online.checksums import with_checksum

    project, url, redis = online
    key = b"fs:shop:route_load:{JFK,1}"
    raw = redis.get(key)
    newer = with_checksum(key, raw[:5] + FAR + raw[13:-4])
    redis.set(key, newer)
    damage(redis, "fs:shop:route_load:{JFK,2}")
    project.insert(ROUTES, *[("JFK", n, day(2), 9) for n in (1, 2, 3)])

    found = report_of(project, url, "route_load")

    assert (3, 2, 1) == (found.changed, found.written, found.skipped)
    assert newer == redis.get(key)


def test_a_damaged_row_that_changed_meanwhile_is_left_alone(online):
    """The scripts compare the damaged bytes before they write or delete."""
    _, url, redis = online
    from featurestore.online.redis.connection import connect_redis

    keys = [b"fs:shop:route_load:{JFK,1}", b"fs:shop:route_load:{JFK,2}", b"fs:shop:route_load:{x}"]
    held = [redis.get(key) for key in keys]
    with connect_redis(url) as client, sync_lock(client, "shop") as lease:
        for expiry in (b"", b"100000000"):
            with publishing(client, lease) as publisher:
                columns = [
                    from_pieces(column) for column in (keys, [held[0]] * 3, [held[0], b"?", b""])
                ]
                publisher.replace(*columns, expiry)
            assert (1, 2) == (publisher.applied, publisher.refused)
        assert held == [redis.get(key) for key in keys]
        with publishing(client, lease) as publisher:
            publisher.discard(from_pieces(keys), from_pieces([held[0], b"?", b""]))
        assert (1, 2) == (publisher.applied, publisher.refused)
    assert [None, held[1], None] == [redis.get(key) for key in keys]


def test_verify_repairs_what_is_damaged(online):
    """Only the damaged rows are written, as the last sync published them."""
    project, url, redis = online
    keys = ["fs:shop:plane_status:{N1}", "fs:shop:route_load:{JFK,1}", "fs:shop:route_load:{JFK,4}"]
    held = {key: redis.get(key) for key in keys}
    for key in keys:
        damage(redis, key)
    redis.set(keys[2], b"?")
    store = project.store(url)

    assert [1, 2] == [view.damaged for view in store.verify().views]
    assert [0, 0] == [view.repaired for view in store.verify().views]
    assert not store.verify().good
    repaired = store.verify(repair=True)

    assert repaired.good
    assert [(1, 1, 0), (2, 2, 0)] == [
        (view.damaged, view.repaired, view.differing) for view in repaired.views
    ]
    assert held == {key: redis.get(key) for key in keys}
    assert_parity(project, url)
    assert 0 < redis.ttl(keys[0]) <= 31 * 86_400
    assert -1 == redis.ttl(keys[1])


def test_a_repair_writes_to_a_database_in_a_file(tmp_path, redis_server, redis_client):
    """A reader opens the file read-only; a repair takes the lock, which may create tables."""
    project = SyncProject(tmp_path, ROUTES)
    project.insert(ROUTES, ("JFK", 1, day(3), 1))
    store = project.store(redis_server)
    store.sync()
    damage(redis_client, "fs:shop:route_load:{JFK,1}")

    with store:
        assert not store.verify(sample="all").good
        (found,) = store.verify(sample="all", repair=True).views

    assert (1, 1, True) == (found.damaged, found.repaired, found.good)
    assert_parity(project, redis_server)


def test_a_repair_waits_for_no_sync(online):
    """While a sync runs, the repair is refused; after one that was interrupted, it does nothing."""
    from featurestore.online.redis.connection import connect_redis

    project, url, redis = online
    damage(redis, "fs:shop:route_load:{JFK,1}")
    with connect_redis(url) as client, sync_lock(client, "shop"), pytest.raises(SyncLocked):
        project.store(url).verify(repair=True)
    project.execute("UPDATE _featurestore_sync SET dirty = TRUE")
    found = project.store(url).verify(repair=True)

    assert [(0, 0), (1, 0)] == [(view.damaged, view.repaired) for view in found.views]
    report_of(project, url, "route_load")
    assert_parity(project, url)


def test_late_rows_are_no_damage(online):
    """What the warehouse got since is for the next sync; a repair does not publish it."""
    project, url, redis = online
    damage(redis, "fs:shop:route_load:{JFK,1}")
    project.insert(ROUTES, ("JFK", 2, day(2), 9))

    found = {view.view: view for view in project.store(url).verify(repair=True).views}

    assert (1, 1, 1) == (
        found["route_load"].damaged,
        found["route_load"].repaired,
        found["route_load"].differing,
    )
    assert [2.0] == [
        float(value)
        for value in project.store(url, NOW + timedelta(0))
        .get_online_features(["route_load:load"], {"origin": ["JFK"], "flight": [2]})
        .values["load"]
    ]
