"""Redis or the warehouse is not the one of the last sync: it is noticed, and one sync heals it."""

from __future__ import annotations

import shutil

import pytest
import redis

from featurestore.demo.server import embedded_server
from featurestore.errors import ForeignOwner
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

GONE = "the online store does not have it"
OTHER = "the online store was restored, or published from another ledger"


@pytest.fixture
def project(tmp_path, redis_server, redis_client):
    """Return a project on disk, published once."""
    project = SyncProject(tmp_path / "project", PLANES, ROUTES, WEATHER)
    project.insert(PLANES, *[(f"N{number}", day(3), day(3), 1, 1, "") for number in range(5)])
    project.insert(ROUTES, ("EWR", 1, day(3), 1), ("EWR", 2, day(300), None))
    project.insert(WEATHER, (day(3), 1.5, True))
    project.store(redis_server).sync()
    return project


def change(project):
    """Let every view have something to publish: rows that are new, other ones, and fewer."""
    project.insert(PLANES, ("N0", day(2), day(2), 7.0, 7, "new"), ("N9", day(2), day(2), 9, 9, ""))
    project.insert(WEATHER, (day(1), 3.5, False))
    project.execute("DELETE FROM plane_status WHERE tailnum = 'N1'", "DELETE FROM route_load")


def heal(project, url):
    """Sync once, check the law, and return why each view was published in full."""
    report = project.store(url).sync()
    assert_parity(project, url)
    again = project.store(url).sync()
    assert [(0, False)] * 3 == [(view.changed, view.full) for view in again.views]
    return {view.reason for view in report.views}


def dump(client):
    """Return all that a server holds, as it would be in its dump file."""
    return {key: (client.dump(key), max(client.pttl(key), 0)) for key in client.scan_iter()}


def restore(client, dumped):
    """Put a server back into the state of a dump."""
    client.flushall()
    for key, (content, milliseconds) in dumped.items():
        client.restore(key, milliseconds, content)


def test_a_flushed_redis_is_filled_again(project, redis_server, redis_client):
    """Everything is gone, with the metadata."""
    redis_client.flushall()
    assert {GONE} == heal(project, redis_server)


def test_a_flushed_redis_is_filled_with_what_is_true_now(project, redis_server, redis_client):
    """The same, with changes at the source meanwhile."""
    redis_client.flushall()
    change(project)
    assert {GONE} == heal(project, redis_server)


@pytest.mark.parametrize("changed_since", [False, True])
def test_a_redis_restored_from_an_older_dump_is_noticed(
    project, redis_server, redis_client, changed_since
):
    """Yesterday's rows under yesterday's metadata."""
    yesterday = dump(redis_client)
    change(project)
    project.store(redis_server).sync()
    restore(redis_client, yesterday)
    if changed_since:
        project.insert(PLANES, ("N3", day(1), day(1), 3.0, 3, "newest"))
    assert {OTHER} == heal(project, redis_server)


def test_a_dump_of_what_is_still_true_is_no_reason(project, redis_server, redis_client):
    """Restored to the state of the last sync that changed anything: nothing is to be done."""
    dumped = dump(redis_client)
    project.store(redis_server).sync()
    restore(redis_client, dumped)
    assert {""} == heal(project, redis_server)


def test_a_server_restarted_from_its_older_file_is_noticed(project, tmp_path):
    """A real dump file, saved before the last sync, loaded by a new process."""
    folder = tmp_path / "server"
    folder.mkdir()
    with embedded_server(folder) as url, redis.Redis.from_url(url) as client:
        project.store(url).sync()
        client.save()
        change(project)
        project.store(url).sync()
    with embedded_server(folder) as url:
        assert rows_in_redis(url, "shop")
        assert {OTHER} == heal(project, url)


def test_a_server_restarted_from_its_last_file_needs_nothing(project, tmp_path):
    """Saved after the last sync: a new process and another port are the same store."""
    folder = tmp_path / "server"
    folder.mkdir()
    with embedded_server(folder) as url, redis.Redis.from_url(url) as client:
        project.store(url).sync()
        client.save()
    with embedded_server(folder) as url:
        assert {""} == heal(project, url)


def test_another_server_is_filled_from_the_start(project, redis_server, tmp_path):
    """To and fro between two servers, each is made right when its turn comes."""
    with embedded_server(tmp_path) as other:
        change(project)
        assert {GONE} == heal(project, other)
        assert {OTHER} == heal(project, redis_server)
        assert {OTHER} == heal(project, other)


@pytest.mark.parametrize(
    "tables",
    [
        pytest.param(["_featurestore_sync"], id="the entries"),
        pytest.param(
            [
                "_featurestore_sync",
                *(f"_featurestore_published__shop.{v}" for v in ("plane_status", "route_load")),
            ],
            id="the entries and rows",
        ),
    ],
)
def test_state_dropped_in_the_warehouse_is_made_anew(project, redis_server, tables):
    """What is in Redis is checked against the warehouse row by row, and the rest removed."""
    project.execute(*(f'DROP TABLE "{table}"' for table in tables))
    change(project)
    report = project.store(redis_server).sync()
    assert_parity(project, redis_server)
    assert all(view.full for view in report.views)
    assert {"plane_status": 1, "route_load": 2, "weather": 0} == {
        view.view: view.deleted for view in report.views
    }


def test_a_warehouse_restored_from_a_copy_is_noticed(project, redis_server, tmp_path):
    """Yesterday's file: Redis is ahead of it, and goes back with it."""
    shutil.copy(project.warehouse, tmp_path / "yesterday")
    change(project)
    project.store(redis_server).sync()
    shutil.copy(tmp_path / "yesterday", project.warehouse)
    assert {OTHER} == heal(project, redis_server)
    assert 8 == len(rows_in_redis(redis_server, "shop"))


def test_a_copy_with_other_changes_is_noticed(project, redis_server, tmp_path):
    """Two warehouses that publish in turn, each with changes of its own."""
    copy = tmp_path / "copy"
    shutil.copytree(project.folder, copy)
    other = SyncProject.__new__(SyncProject)
    other.__dict__.update(project.__dict__, folder=copy)
    change(project)
    project.store(redis_server).sync()
    other.insert(PLANES, ("N4", day(1), day(1), 4.0, 4, "other"))
    other.insert(WEATHER, (day(2), 9.5, None))
    assert {OTHER} == heal(other, redis_server)
    assert {OTHER} == heal(project, redis_server)


def test_a_warehouse_rebuilt_from_nothing_may_take_over(project, redis_server):
    """The file deleted and built by dbt again: no ledger, no id, other rows."""
    project.warehouse.unlink()
    project.create(*project.views.values())
    project.insert(PLANES, ("N7", day(2), day(2), 7.0, 7, "only"))
    with pytest.raises(ForeignOwner):
        project.store(redis_server).sync()
    report = project.store(redis_server).sync(take_over=True)
    assert_parity(project, redis_server)
    assert 5 + 2 + 1 == sum(view.deleted for view in report.views)
