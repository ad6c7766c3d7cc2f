"""A dry run says what the next sync does, and leaves both sides as they are."""

from __future__ import annotations

import hashlib

import pytest

from featurestore.errors import UnknownFeatureView
from sync.redis.stored_rows import value_size
from sync.safety.lock import sync_lock
from tests.support.sync_project import MANY_TYPES, PLANES, ROUTES, WEATHER, SyncProject, day
from tests.sync.test_job import fill


@pytest.fixture
def project(tmp_path, redis_server, redis_client):
    """Return a project on disk with all kinds of views, not published yet."""
    project = SyncProject(tmp_path, PLANES, ROUTES, WEATHER, MANY_TYPES)
    fill(project)
    return project


def facts(report):
    """Return what a dry run and the sync after it have to agree on."""
    names = ("view", "rows_read", "changed", "written", "deleted", "full", "reason")
    return [
        [getattr(view, name) for name in (*names, "newest_event_timestamp")]
        for view in report.views
    ]


def foretold(project, url, **options):
    """Run dry, then sync, and check that the one foretold the other; return the dry report."""
    store = project.store(url)
    dry = store.sync(**options, dry_run=True)
    assert facts(dry) == facts(store.sync(**options))
    return dry


def both_sides(project, client):
    """Return all that is kept of a project: the warehouse's bytes, and Redis' keys with theirs."""
    stored = {key: client.dump(key) for key in client.scan_iter(count=1000)}
    return hashlib.sha256(project.warehouse.read_bytes()).hexdigest(), stored


def test_a_dry_run_foretells_the_first_sync(project, redis_server):
    """Every row is to be written, and takes memory."""
    dry = foretold(project, redis_server)

    assert dry.dry_run
    assert {"many_types": 3, "plane_status": 1, "route_load": 2, "weather": 1} == {
        view.view: view.written for view in dry.views
    }
    assert all(view.memory > 80 for view in dry.views)


def test_a_dry_run_foretells_changes(project, redis_server):
    """New, restated, deleted and unchanged rows, in one go."""
    foretold(project, redis_server)
    project.insert(ROUTES, ("E,W{R}", 1, day(2), "2.5"), ("JFK", 7, day(2), "1"))
    project.insert(WEATHER, (day(1), 1.0, False))
    project.execute("DELETE FROM plane_status", "DELETE FROM many_types WHERE number = 2")
    dry = foretold(project, redis_server)

    assert {"many_types": (0, 1), "plane_status": (0, 1), "route_load": (2, 0)} | {
        "weather": (1, 0)
    } == {view.view: (view.written, view.deleted) for view in dry.views}
    assert [0] * 4 == [view.changed for view in foretold(project, redis_server).views]


def test_a_dry_run_foretells_a_full_sync(project, redis_server, redis_client):
    """Asked for, or needed: the reason is the same, and so are the rows that nobody knows."""
    foretold(project, redis_server)
    redis_client.set("fs:shop:route_load:{JFK,9}", b"unknown")
    redis_client.set("fs:shop:weather:{what}", b"unreadable")
    asked = foretold(project, redis_server, full=True, views=["route_load", "weather"])
    redis_client.flushall()
    needed = foretold(project, redis_server)

    assert [1, 1] == [view.deleted for view in asked.views]
    assert {"the online store does not have it"} == {view.reason for view in needed.views}


def test_a_dry_run_foretells_removals(project, redis_server):
    """A view that is gone from the project loses its rows, unless only others are asked for."""
    foretold(project, redis_server)
    project.declare(PLANES, WEATHER.but(online=False), MANY_TYPES)
    one = foretold(project, redis_server, views=["plane_status"])
    every = foretold(project, redis_server)

    assert ["plane_status"] == [view.view for view in one.views]
    assert {"route_load": 2, "weather": 1} == {
        view.view: view.deleted for view in every.views if view.deleted
    }


@pytest.mark.parametrize("full", [False, True])
def test_a_dry_run_writes_nothing(project, redis_server, redis_client, full):
    """Neither before the first sync nor later; the warehouse's file keeps its very bytes."""
    store = project.store(redis_server)
    before = both_sides(project, redis_client)
    store.sync(dry_run=True, full=full)
    assert before == both_sides(project, redis_client)
    store.sync()
    project.insert(ROUTES, ("JFK", 7, day(2), "1"))
    before = both_sides(project, redis_client)
    store.sync(dry_run=True, full=full)
    assert before == both_sides(project, redis_client)


def test_a_dry_run_needs_no_lock(project, redis_server, redis_client):
    """It neither waits for a running sync, nor blocks it."""
    with sync_lock(redis_client, "shop") as lease:
        assert 4 == len(project.store(redis_server).sync(dry_run=True).views)
        lease.check()


def test_a_dry_run_refuses_what_a_sync_refuses(project, redis_server):
    """A name that is unknown is an error, not an empty report."""
    with pytest.raises(UnknownFeatureView):
        project.store(redis_server).sync(views=["plane_statu"], dry_run=True)


def test_the_memory_is_about_right(project, redis_server, redis_client):
    """Within a third of what the server itself needs for so many rows."""
    project.execute(
        "INSERT INTO route_load SELECT 'EWR', range, TIMESTAMP '2024-01-01', 1 FROM range(30000)",
        "INSERT INTO plane_status SELECT 'N' || range, TIMESTAMP '2024-02-20',"
        " TIMESTAMP '2024-02-20', 1.5, 100, repeat('x', 200) FROM range(30000)",
    )
    store = project.store(redis_server)
    for view in ("route_load", "plane_status"):
        (told,) = store.sync(views=[view], dry_run=True).views
        redis_client.execute_command("MEMORY", "PURGE")
        before = redis_client.info("memory")["used_memory"]
        store.sync(views=[view])
        grown = redis_client.info("memory")["used_memory"] - before
        assert 0.67 < told.memory / grown < 1.5


def test_the_size_of_a_value_is_exact(project, redis_server, redis_client):
    """The estimated length is the published length, for all types."""
    from featurestore.online.row_format import CREATED, NULLS
    from featurestore.online.schema import Schema

    store = project.store(redis_server)
    store.sync()
    schemas = redis_client.hgetall("fs-meta:{shop}:schema:many_types")
    schema = Schema.from_json(schemas[schemas[b"current"]])
    with store.warehouse() as warehouse:
        rows = warehouse.stream("SELECT * FROM many_types ORDER BY number").read_all().to_pylist()
    lengths = [redis_client.strlen(f"fs:shop:many_types:{{{row['number']}}}") for row in rows]

    assert any(None in row.values() for row in rows)
    assert lengths == [value_size(schema, CREATED | NULLS, row) for row in rows]
