"""What is online is read back and compared with the warehouse: everything that differs is found."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from featurestore.online.checksums import with_checksum
from sync.verify import _same
from tests.support.sync_project import MANY_TYPES, NOW, PLANES, ROUTES, WEATHER, SyncProject, day
from tests.sync.test_job import fill

pytestmark = pytest.mark.whole

NAN = float("nan")


@pytest.fixture
def project(tmp_path, redis_server, redis_client):
    """Return a project on disk with all kinds of views, published."""
    project = SyncProject(tmp_path, PLANES, ROUTES, WEATHER, MANY_TYPES)
    fill(project)
    project.store(redis_server).sync()
    return project


@pytest.fixture
def verify(project, redis_server):
    """Return a function that verifies, and gives the verdicts by view."""

    def verify(now=NOW, **options):
        report = project.store(redis_server, now).verify(**options)
        assert report.good == all(view.good for view in report.views)
        return {view.view: view for view in report.views}

    return verify


def shown(verdict):
    """Return the differences, each as key, feature, expected and found."""
    return [
        (tuple(found.key.values()), found.feature, found.expected, found.found)
        for found in verdict.differences
    ]


@pytest.mark.parametrize("sample", [1, 1000, "all"])
def test_what_was_published_is_good(verify, sample):
    """All types, NULL and NaN, odd keys and global features included."""
    found = verify(sample=sample)

    assert all(view.good for view in found.values())
    assert {"many_types": 3, "plane_status": 1, "route_load": 2, "weather": 1} == {
        name: view.checked for name, view in found.items()
    } or sample == 1
    assert {0 if sample == "all" else None} == {view.unknown for view in found.values()}


def test_a_row_that_is_gone_is_found(verify, redis_client):
    """The row as a whole is told, with its keys."""
    redis_client.delete("fs:shop:plane_status:{N1}")
    found = verify()["plane_status"]

    assert (1, 1, False) == (found.checked, found.differing, found.good)
    assert [(("N1",), "*", "a row", "NOT_FOUND")] == shown(found)


def test_a_value_that_differs_is_found(verify, project, redis_client):
    """Each feature is compared on its own; those that are right are not told."""
    key = "fs:shop:plane_status:{N1}"
    raw = redis_client.get(key)
    assert "é✈".encode() in raw
    changed = raw[:-4].replace("é".encode(), b"ee")
    redis_client.set(key, with_checksum(key.encode(), changed))
    found = verify()["plane_status"]

    assert [(("N1",), "note", "é✈", "ee✈")] == shown(found)


def test_an_expired_row_under_a_wrong_time_is_found(verify, redis_client):
    """A sound row with an old event timestamp is expired for its readers."""
    key = "fs:shop:plane_status:{N1}"
    raw = redis_client.get(key)
    redis_client.set(key, with_checksum(key.encode(), raw[:5] + bytes(8) + raw[13:-4]))

    assert {"EXPIRED"} == {found for _, _, _, found in shown(verify()["plane_status"])}


def test_rows_that_nobody_knows_are_found_among_all(verify, redis_client):
    """By a key that can be read or not; a sample does not look for them."""
    redis_client.set("fs:shop:route_load:{JFK,9}", b"unknown")
    redis_client.set("fs:shop:route_load:{what}", b"unreadable")
    redis_client.set("fs:shop:weather:{x}", b"unreadable")
    assert all(view.good for view in verify().values())
    found = verify(sample="all")

    assert (2, 0, 2) == (found["route_load"].checked, 0, found["route_load"].unknown)
    assert [
        (("fs:shop:route_load:{what}",), "*", "no row", "a row"),
        (("JFK", 9), "*", "no row", "a row"),
    ] == shown(found["route_load"])
    assert 1 == found["weather"].unknown
    assert found["plane_status"].good


def test_what_came_since_the_last_sync_differs(verify, project):
    """A late row, a deleted one; but not an event that was not known then."""
    project.insert(ROUTES, ("JFK", 7, day(2), "1"), ("", -(2**63), day(-1), "1"))
    project.execute("DELETE FROM weather")
    found = verify(sample="all")

    assert [(("JFK", 7), "*", "a row", "NOT_FOUND")] == shown(found["route_load"])
    assert (0, 1) == (found["weather"].checked, found["weather"].unknown)


def test_the_moment_is_the_last_publications(verify, project, redis_server):
    """What is newer than that is not expected to be online, whenever one looks."""
    project.insert(ROUTES, ("JFK", 7, day(-1), "1"))
    later = NOW + timedelta(days=2)
    assert verify(later)["route_load"].good
    assert NOW == verify(later)["route_load"].as_of
    project.store(redis_server, later).sync()
    assert later == verify(later)["weather"].as_of


def test_rows_that_expired_since_may_be_gone(tmp_path, project, verify, redis_client):
    """The server may have dropped what outlived its ttl after the sync, and only that."""
    for name in ("plane_status", "weather"):
        key = f"fs-meta:{{shop}}:view:{name}"
        synced_at = datetime.fromisoformat(redis_client.hget(key, "synced_at").decode())
        redis_client.hset(key, "synced_at", (synced_at - timedelta(days=28)).isoformat())
    redis_client.delete("fs:shop:plane_status:{N1}", "fs:shop:weather:{}")
    found = verify()

    assert found["plane_status"].good
    assert not found["weather"].good


def test_a_view_that_is_not_online_is_a_problem(verify, project, redis_client):
    """Never published, or lost: nothing can be compared."""
    redis_client.flushall()
    found = verify()

    assert ["the online store does not have it"] * 4 == [
        view.problem.partition(": ")[2] for view in found.values()
    ]
    assert not any(view.checked for view in found.values())


def test_only_the_first_differences_are_kept(project, verify, redis_client):
    """However many there are, all are counted."""
    project.execute(
        "INSERT INTO route_load SELECT 'EWR', range, TIMESTAMP '2024-01-01', 1 FROM range(3000)"
    )
    found = verify(sample="all", views=["route_load"])["route_load"]

    assert (3002, 3000, 20) == (found.checked, found.differing, len(found.differences))


def test_verify_writes_nothing(verify, redis_client, project):
    """Neither in Redis nor in the warehouse."""
    before = project.warehouse.read_bytes()
    stored = {key: redis_client.dump(key) for key in redis_client.scan_iter()}
    verify(sample="all")

    assert before == project.warehouse.read_bytes()
    assert stored == {key: redis_client.dump(key) for key in redis_client.scan_iter()}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (1, 1, True),
        (1, 1.0, False),
        (1, True, False),
        (None, None, True),
        (None, 0, False),
        (NAN, NAN, True),
        (NAN, 1.0, False),
        (0.0, -0.0, False),
        ([1.0, NAN, None], [1.0, NAN, None], True),
        ([1.0], [1.0, 2.0], False),
        ([[NAN]], [[0.0]], False),
    ],
)
def test_values_are_compared_exactly(one, other, same):
    """By value and by type; NaN equals itself."""
    assert same == _same(one, other) == _same(other, one)
