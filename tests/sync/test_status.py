"""The status of each view: how old, how far behind, what is wrong, and how bad that is."""

from __future__ import annotations

from datetime import UTC, timedelta

import pytest

from featurestore.errors import FeatureStoreError
from sync.safety.diagnosis import PublicationState
from sync.safety.lock import sync_lock
from tests.support.builders import model, registry
from tests.support.sync_project import NOW, PLANES, ROUTES, WEATHER, SyncProject, day

pytestmark = pytest.mark.whole

HOUR = timedelta(hours=1)


@pytest.fixture
def project(tmp_path, redis_server, redis_client):
    """Return a project on disk, with rows that are 3, 5 and 20 days old."""
    project = SyncProject(tmp_path, PLANES, ROUTES)
    project.insert(
        PLANES, ("N1", day(5), day(5), 1.0, 1, "a"), ("N2", day(20), day(20), 2.0, 2, "b")
    )
    project.insert(ROUTES, ("EWR", 1, day(3), 1))
    return project


@pytest.fixture
def status(project, redis_server):
    """Return a function that gives the status of each view by name."""

    def status(now=NOW, **options):
        report = project.store(redis_server, now).status(**options)
        return {view.view: view for view in report.views}

    return status


@pytest.fixture
def sync(project, redis_server):
    """Return a function that syncs at a moment."""
    return lambda now=NOW, **options: project.store(redis_server, now).sync(**options)


def test_before_the_first_sync(status):
    """What the warehouse has is told, and that nothing of it is online: an error."""
    found = status()["plane_status"]

    assert (PublicationState.NEVER, "error") == (found.state, found.level)
    assert (day(5).replace(tzinfo=UTC), timedelta(days=5)) == (found.newest_event, found.age)
    assert [None] * 5 == [found.as_of, found.lag, found.rows, found.memory, found.synced_at]


def test_after_a_sync(status, sync):
    """Ages, rows, memory, the last run and the next expiry are told."""
    sync()
    found = status(NOW + 2 * HOUR)["plane_status"]

    assert (PublicationState.OK, "pass", "") == (found.state, found.level, found.reason)
    assert (NOW, 2 * HOUR) == (found.as_of, found.lag)
    assert timedelta(days=5) + 2 * HOUR == found.age
    assert (2, True) == (found.rows, found.newest_is_online)
    assert 2 * 80 < found.memory < 2 * 200
    assert day(20).replace(tzinfo=UTC) + timedelta(days=30) == found.next_expiry
    assert found.synced_at is not None
    assert status()["route_load"].next_expiry is None


def test_a_newer_event_is_not_online_yet(status, sync, project):
    """The lag is one thing, whether there is anything to publish another."""
    sync()
    project.insert(PLANES, ("N3", day(1), day(1), 3.0, 3, "c"))
    assert status()["plane_status"].newest_is_online is False
    sync()
    assert status()["plane_status"].newest_is_online is True


def test_events_to_come_are_no_news(status, sync, project):
    """An event later than now, or not available yet, makes nothing fresh."""
    sync()
    project.insert(PLANES, ("N3", day(-1), day(1), 3.0, 3, "c"))
    project.insert(ROUTES, ("EWR", 1, "infinity", 1), ("EWR", 1, "-infinity", 1))
    found = status()

    assert [timedelta(days=5), timedelta(days=3)] == [view.age for view in found.values()]
    assert all(view.newest_is_online for view in found.values())


def test_a_sync_that_finds_nothing_to_do_still_counts(status, sync):
    """The lag starts again, although nothing was written to Redis."""
    sync()
    sync(NOW + HOUR)
    found = status(NOW + 2 * HOUR)["route_load"]

    assert (NOW + HOUR, HOUR) == (found.as_of, found.lag)


def test_a_row_with_a_null_key_is_not_the_newest(project, status, sync):
    """It is never published, so it makes no view fresh and none out of date."""
    sync()
    before = status()["route_load"]
    project.insert(ROUTES, (None, 1, day(0.5), 1), ("EWR", None, day(0.5), 1))
    sync()

    found = status()["route_load"]

    assert (before.newest_event, before.age, True) == (
        found.newest_event,
        found.age,
        found.newest_is_online,
    )


def test_rows_that_all_have_expired(status, sync):
    """The age grows, and nothing is missing online."""
    later = NOW + timedelta(days=60)
    sync()
    sync(later)
    found = status(later)["plane_status"]

    assert (timedelta(days=65), 0, True) == (found.age, found.rows, found.newest_is_online)
    assert found.next_expiry is None


def test_an_empty_table(status, sync, project):
    """A view without rows is an error, with and without limits."""
    project.execute("DELETE FROM route_load")
    sync()
    found = status()["route_load"]

    assert (None, 0, 0, "error") == (found.age, found.rows, found.memory, found.level)
    assert "error" == status(error_after="1000 days")["route_load"].level


def test_an_interrupted_sync(status, sync, project, redis_server):
    """It is a warning: the next sync heals it."""
    sync()
    project.execute("UPDATE _featurestore_sync SET dirty = true WHERE view = 'route_load'")
    found = status()["route_load"]

    assert (PublicationState.INTERRUPTED, "warn") == (found.state, found.level)
    assert "did not finish" in found.reason


def test_a_flushed_store(status, sync, redis_client):
    """It is an error: readers find nothing."""
    sync()
    redis_client.flushall()
    found = status()["route_load"]

    assert (PublicationState.LOST, "error", 1) == (found.state, found.level, found.rows)
    assert (0, None) == (found.memory, found.as_of)


def test_another_warehouses_publication(status, sync, redis_client):
    """It is an error: readers are served what this warehouse never said."""
    sync()
    redis_client.hset("fs-meta:{shop}:view:route_load", "epoch", "another")
    assert (PublicationState.FOREIGN, "error") == _state(status()["route_load"])


def test_metadata_that_cannot_be_read(status, sync, redis_client):
    """What somebody else wrote there is foreign, and no reason to break."""
    sync()
    strange = {"epoch": b"\xff", "as_of": "yesterday"}
    redis_client.hset("fs-meta:{shop}:view:route_load", mapping=strange)
    found = status()["route_load"]
    assert (PublicationState.FOREIGN, None) == (found.state, found.as_of)


def test_a_schema_that_differs(status, sync, project):
    """A feature less, a type or a ttl changed: a warning until the next sync."""
    sync()
    project.declare(PLANES.but(ttl="10 days"), ROUTES)
    assert (PublicationState.CHANGED, "warn") == _state(status()["plane_status"])
    sync()
    assert (PublicationState.OK, "pass") == _state(status()["plane_status"])


def test_a_view_that_is_no_longer_declared(status, sync, project):
    """Its rows are still online until the next sync removes them."""
    sync()
    project.declare(PLANES, ROUTES.but(online=False))
    assert (PublicationState.UNDECLARED, "warn") == _state(status()["route_load"])
    assert ["plane_status"] == list(status(views=["plane_status"]))
    sync()
    assert ["plane_status"] == list(status())


def test_a_table_that_is_not_built_hides_no_other(status, sync, project):
    """The view is in error, and the others are told as ever."""
    sync()
    project.execute("DROP TABLE route_load")
    found = status()

    assert (PublicationState.BROKEN, "error") == _state(found["route_load"])
    assert "dbt build" in found["route_load"].reason
    assert (PublicationState.OK, "pass") == _state(found["plane_status"])


@pytest.mark.parametrize(
    ("limits", "level"),
    [
        ({}, "pass"),
        ({"warn_after": "3 days"}, "pass"),
        ({"warn_after": "2 days"}, "warn"),
        ({"warn_after": "1 day", "error_after": timedelta(days=2)}, "error"),
    ],
)
def test_the_age_in_the_warehouse_has_limits(status, sync, limits, level):
    """An age that is exactly the limit is not over it."""
    sync()
    assert level == status(**limits)["route_load"].level


def test_a_limit_needs_a_unit(status):
    """What cannot be read as a duration is told."""
    with pytest.raises(FeatureStoreError, match="not a duration"):
        status(warn_after="soon")


def test_the_lag_online_has_the_same_limits(status, sync, project):
    """Fresh rows in the warehouse are of no use to readers who do not get them."""
    sync()
    later = NOW + timedelta(days=3)
    project.insert(ROUTES, ("EWR", 1, day(0, of=later), 1))
    found = status(later, error_after="2 days")["route_load"]

    assert (timedelta(), timedelta(days=3), "error") == (found.age, found.lag, found.level)


def test_a_views_own_limits_come_first(status, sync, project):
    """What the model declares wins over what the command asks for."""
    sync()
    own = {"warn_after": {"count": 1, "period": "day"}, "error_after": "100 days"}
    project.declare(PLANES, ROUTES.but(freshness=own))
    found = status(error_after="2 days")

    assert ["error", "warn"] == [view.level for view in found.values()]


def test_the_report_has_the_worst_level(project, redis_server, sync):
    """And can be written as JSON, with durations in seconds."""
    sync()
    report = project.store(redis_server).status(error_after="4 days")
    plain = report.to_dict()

    assert ("error", "error") == (report.level, plain["level"])
    assert 5 * 86_400 == plain["views"][0]["age_seconds"]
    assert 0 == plain["views"][0]["lag_seconds"]


def test_a_sync_at_work_is_named(project, redis_server, redis_client):
    """Who holds the lock is told, without the token."""
    with sync_lock(redis_client, "shop"):
        running = project.store(redis_server).status().running
    assert "process" in running
    assert "#" not in running
    assert not project.store(redis_server).status().running


def test_status_needs_no_rows_of_global_views(tmp_path, redis_server, redis_client):
    """A view without entities has one row, and the same facts."""
    project = SyncProject(tmp_path, WEATHER)
    project.insert(WEATHER, (day(1), 1.5, True))
    project.store(redis_server).sync()
    (found,) = project.store(redis_server).status().views

    assert (1, timedelta(days=1), "pass") == (found.rows, found.age, found.level)
    assert found.memory > 50


@pytest.mark.parametrize(
    ("config", "own", "limits"),
    [
        ({}, {}, (None, None)),
        ({"warn_after": {"count": 2, "period": "hour"}}, {}, (2 * HOUR, None)),
        ({"warn_after": {"count": None, "period": None}, "build_after": {}}, {}, (None, None)),
        ({"error_after": {"count": 2, "period": "hour"}}, {"warn_after": "1 hour"}, (HOUR, None)),
        (None, {"warn_after": "1 hour", "error_after": "2 hours"}, (HOUR, 2 * HOUR)),
    ],
)
def test_freshness_is_read(config, own, limits):
    """From the meta, else from the model's own config, where dbt writes it."""
    node = model(config={"freshness": config}, freshness=own or None)
    freshness = registry(node).checked().view("plane_features").freshness

    assert limits == (freshness.warn_after, freshness.error_after)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("1 day", "freshness is '1 day'"),
        ({"warn": "1 day"}, "unknown key 'warn'"),
        ({"warn_after": "1 month"}, "no fixed length"),
        ({"warn_after": 5}, "has no unit"),
    ],
)
def test_wrong_freshness_is_a_problem(wrong, message):
    """It is told with all other problems of the project."""
    problems = registry(model(freshness=wrong)).problems

    assert [True] == [message in str(problem) for problem in problems]


def _state(view):
    return view.state, view.level


def test_the_memory_is_about_right(project, sync, status, redis_client):
    """Within a fifth of what the server itself needs for so many rows, with a ttl and without."""
    project.execute(
        "INSERT INTO route_load SELECT 'JFK', range, TIMESTAMP '2024-01-01', 1 FROM range(20000)",
        "INSERT INTO plane_status SELECT 'P' || range, TIMESTAMP '2024-02-20',"
        " TIMESTAMP '2024-02-20', 1.5, 100, repeat('x', range % 300) FROM range(20000)",
    )
    for view in ("route_load", "plane_status"):
        redis_client.execute_command("MEMORY", "PURGE")
        before = redis_client.info("memory")["used_memory"]
        sync(views=[view])
        grown = redis_client.info("memory")["used_memory"] - before
        assert 0.8 < status()[view].memory / grown < 1.25
