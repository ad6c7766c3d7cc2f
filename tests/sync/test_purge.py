"""A purge removes one view or one project, and nothing else; the next sync brings it back."""

from __future__ import annotations

import pytest

from featurestore.errors import OnlineStoreError, SyncLocked, UnknownFeatureView
from sync.safety.lock import sync_lock
from tests.support.sync_project import (
    PLANES,
    ROUTES,
    WEATHER,
    SyncProject,
    assert_parity,
    day,
    rows_in_redis,
)

pytestmark = pytest.mark.whole

PROJECTS = ("prod", "nonprod", "prod:x", "prod*", "pro")


def make(folder, name):
    """Return a project of three views with rows."""
    project = SyncProject(folder, PLANES, ROUTES, WEATHER, project=name)
    project.insert(PLANES, ("N1", day(3), day(3), 1, 1, ""), ("N2", day(3), day(3), 1, 1, ""))
    project.insert(ROUTES, ("EWR", 1, day(3), 1))
    project.insert(WEATHER, (day(3), 1.5, True))
    return project


@pytest.fixture
def project(tmp_path, redis_server, redis_client):
    """Return a project, published."""
    project = make(tmp_path, "shop")
    project.store(redis_server).sync()
    return project


def purged(report):
    """Return the rows removed, by view."""
    return {view.view: view.rows for view in report.views}


def reasons(report):
    """Return why each view was published in full."""
    return {view.view: (view.full, view.reason) for view in report.views}


def test_a_view_is_purged(project, redis_server, redis_client):
    """Its rows and metadata are gone, and the next sync publishes it, and only it, in full."""
    others = {key for key in redis_client.scan_iter() if b"plane_status" not in key}
    store = project.store(redis_server)

    assert {"plane_status": 2} == purged(store.purge("plane_status"))
    assert others == set(redis_client.scan_iter())
    assert {b"route_load", b"weather"} == redis_client.smembers("fs-meta:{shop}:views")
    assert [(True, "")] == [
        found for view, found in reasons(store.sync()).items() if view == "plane_status"
    ]
    assert_parity(project, redis_server)
    assert [0] * 3 == [view.changed for view in store.sync().views]


def test_a_project_is_purged(project, redis_server, redis_client):
    """All that it has in Redis is gone, with rows that no metadata names."""
    redis_client.set("fs:shop:forgotten:{1}", b"")
    redis_client.set("fs-meta:{shop}:forgotten", b"")
    store = project.store(redis_server)
    found = purged(store.purge())

    assert {"forgotten": 1, "plane_status": 2, "route_load": 1, "weather": 1} == found
    assert [] == list(redis_client.scan_iter())
    with project.connect() as connection:
        tables = [row[0] for row in connection.execute("SHOW TABLES").fetchall()]
        assert [] == [name for name in tables if "published__" in name]
    assert {(True, "")} == set(reasons(store.sync()).values())
    assert_parity(project, redis_server)


@pytest.mark.parametrize("name", PROJECTS)
def test_other_projects_are_left_alone(tmp_path, redis_server, redis_client, name):
    """However much their names have in common."""
    projects = {each: make(tmp_path / str(number), each) for number, each in enumerate(PROJECTS)}
    for project in projects.values():
        project.store(redis_server).sync()
    before = {each: rows_in_redis(redis_server, each) for each in PROJECTS}
    every = set(redis_client.scan_iter())
    store = projects[name].store(redis_server)
    one, rest = purged(store.purge("plane_status")), purged(store.purge())

    assert ({"plane_status": 2}, {"route_load": 1, "weather": 1}) == (one, rest)
    # Four rows, two metadata keys of each view, the set of all views, and the owner.
    assert 12 == len(every - set(redis_client.scan_iter()))
    for each, project in projects.items():
        if each != name:
            assert before[each] == rows_in_redis(redis_server, each)
            assert_parity(project, redis_server)
            assert [0] * 3 == [view.changed for view in project.store(redis_server).sync().views]
    assert set() == rows_in_redis(redis_server, name)


def test_a_view_that_is_no_longer_declared(project, redis_server):
    """A published view can be purged even if the project no longer declares it."""
    project.declare(PLANES)
    assert {"route_load": 1} == purged(project.store(redis_server).purge("route_load"))
    assert {"plane_status": 2, "weather": 1} == purged(project.store(redis_server).purge())


def test_rows_that_no_book_knows(project, redis_server, redis_client):
    """A view without metadata, with rows left, can be purged by its name."""
    redis_client.set("fs:shop:forgotten:{1}", b"")
    assert {"forgotten": 1} == purged(project.store(redis_server).purge("forgotten"))


def test_a_name_that_is_unknown(project, redis_server, redis_client):
    """It is an error with a hint, and nothing is removed."""
    before = set(redis_client.scan_iter())
    with pytest.raises(UnknownFeatureView, match="Did you mean 'plane_status'"):
        project.store(redis_server).purge("plane_statu")
    assert before == set(redis_client.scan_iter())


@pytest.mark.parametrize("view", [None, "plane_status"])
def test_a_plan_removes_nothing(project, redis_server, redis_client, view):
    """It says what a purge then removes."""
    before = {key: redis_client.dump(key) for key in redis_client.scan_iter()}
    warehouse = project.warehouse.read_bytes()
    store = project.store(redis_server)
    plan = store.purge(view, dry_run=True)

    assert before == {key: redis_client.dump(key) for key in redis_client.scan_iter()}
    assert warehouse == project.warehouse.read_bytes()
    assert purged(plan) == purged(store.purge(view))


def test_nothing_was_published(tmp_path, redis_server, redis_client):
    """An empty store is purged without an error."""
    store = make(tmp_path, "shop").store(redis_server)
    assert () == store.purge(dry_run=True).views
    assert () == store.purge().views
    assert {"weather": 0} == purged(store.purge("weather"))


def test_a_sync_at_work_is_not_disturbed(project, redis_server, redis_client):
    """The purge takes the lock of the sync, and gives it back."""
    with sync_lock(redis_client, "shop"), pytest.raises(SyncLocked):
        project.store(redis_server).purge()
    assert 4 == len(rows_in_redis(redis_server, "shop"))
    project.store(redis_server).purge()
    assert not redis_client.exists("fs-meta:{shop}:lock")


def test_a_purge_that_fails_is_healed(project, redis_server, redis_client):
    """Refused half-way by the server: the next sync notices, and publishes in full."""
    redis_client.acl_setuser("frail", True, passwords=["+p"], keys=["*"], commands=["+@all"])
    redis_client.execute_command("ACL", "SETUSER", "frail", "-unlink")
    frail = redis_server.replace("redis://", "redis://frail:p@")
    with pytest.raises(OnlineStoreError, match="refused a command"):
        project.store(frail).purge()
    redis_client.acl_deluser("frail")
    redis_client.delete("fs:shop:plane_status:{N1}")
    report = project.store(redis_server).sync()

    assert (True, "the ledger has no record of the publication") == reasons(report)["plane_status"]
    assert_parity(project, redis_server)
