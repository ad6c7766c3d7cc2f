"""A master that a sentinel watches: found by name, and found again after it has died."""

from __future__ import annotations

import asyncio

import pytest

from featurestore.errors import OnlineStoreUnavailable, SyncError
from sync import job
from tests.support.cluster_fixture import Server, free_port, running_sentinel, until
from tests.support.sync_project import PLANES, SyncProject, assert_parity, day

pytestmark = pytest.mark.whole


@pytest.fixture
def watched(tmp_path_factory):
    """Run a master, a replica and a sentinel."""
    with running_sentinel(tmp_path_factory.mktemp("sentinel")) as running:
        yield running


async def test_a_store_follows_its_master(tmp_path, watched):
    """After a failover the replica serves what was published, and the next sync finds it there."""
    project = SyncProject(tmp_path, PLANES, memory=True)
    project.insert(PLANES, *[(f"N{n}", day(3), day(2), float(n), n, "x") for n in range(50)])
    store = project.store(watched.url)
    store.sync()
    assert_parity(project, watched.url)
    until(watched.replicated, "a replica in step")

    watched.master.stop()
    until(watched.promoted, "a new master")

    assert_parity(project, watched.url)
    project.execute("UPDATE plane_status SET delay = 99, written_at = now()::TIMESTAMP")
    (report,) = store.sync().views
    assert (False, 50) == (report.full, report.written)
    assert_parity(project, watched.url)
    async with project.store(watched.url) as reader:
        asked = await reader.get_online_features_async(["plane_status:delay"], [{"tailnum": "N7"}])
    assert [99.0] == asked.values["delay"]


async def test_an_open_reader_follows_its_master(tmp_path, watched):
    """A store that reads in an event loop during the failover continues with the new master."""
    project = SyncProject(tmp_path, PLANES, memory=True)
    project.insert(PLANES, *[(f"N{n}", day(3), day(2), float(n), n, "x") for n in range(50)])
    project.store(watched.url).sync()
    until(watched.replicated, "a replica in step")

    async with project.store(watched.url) as reader:

        async def read(number: int) -> float:
            asked = ["plane_status:delay"], [{"tailnum": f"N{number}"}]
            return (await reader.get_online_features_async(*asked)).values["delay"][0]

        assert [0.0, 1.0, 2.0] == await asyncio.gather(*[read(n) for n in range(3)])
        watched.master.stop()
        until(watched.promoted, "a new master")
        assert [*map(float, range(50))] == await asyncio.gather(*[read(n) for n in range(50)])


def test_a_replica_that_lacks_the_last_rows_is_noticed(tmp_path, watched, monkeypatch):
    """It takes the master's place in the middle of a sync, and has the lock: all but the rows."""
    project = SyncProject(tmp_path, PLANES, memory=True)
    project.insert(PLANES, *[(f"N{n}", day(3), day(2), float(n), n, "x") for n in range(50)])
    store = project.store(watched.url)
    store.sync()
    project.execute("UPDATE plane_status SET delay = 99, written_at = now()::TIMESTAMP")
    publish = job.HERE.publish_changes

    def publish_and_lose(*args):
        until(watched.replicated, "a replica in step")
        watched.master.client().execute_command("ACL", "SETUSER", "default", "-psync", "-sync")
        watched.master.client().client_kill_filter(_type="replica")
        done = publish(*args)
        watched.master.stop()
        until(watched.promoted, "a new master")
        return done

    with monkeypatch.context() as patch:
        patch.setattr(job.HERE, "publish_changes", publish_and_lose)
        with pytest.raises(SyncError, match="another took its place"):
            store.sync()
    (report,) = store.sync().views
    assert (True, 50) == (report.full, report.written)
    assert_parity(project, watched.url)


def test_a_server_restarted_from_a_snapshot_is_noticed(tmp_path, monkeypatch):
    """The snapshot was made in the middle of the sync: the lock is in it, and half of the rows."""
    server = Server(tmp_path / "server", free_port())
    server.start()
    try:
        url = f"redis://127.0.0.1:{server.port}"
        project = SyncProject(tmp_path / "project", PLANES, memory=True)
        project.insert(PLANES, *[(f"N{n}", day(3), day(2), float(n), n, "x") for n in range(50)])
        store = project.store(url)
        store.sync()
        project.execute("UPDATE plane_status SET delay = 99, written_at = now()::TIMESTAMP")
        publish = job.HERE.publish_changes

        def publish_and_lose(*args):
            server.client().save()
            done = publish(*args)
            server.stop()
            server.start()
            return done

        with monkeypatch.context() as patch:
            patch.setattr(job.HERE, "publish_changes", publish_and_lose)
            with pytest.raises(SyncError, match="was restarted"):
                store.sync()
        (report,) = store.sync().views
        assert (True, 50) == (report.full, report.written)
        assert_parity(project, url)
    finally:
        server.stop()


def test_a_master_that_no_sentinel_knows_is_one_line(tmp_path, watched):
    """The name is shown, and that it is a service that is not there."""
    project = SyncProject(tmp_path, PLANES, memory=True)
    with pytest.raises(OnlineStoreUnavailable, match="unknown") as error:
        project.store(watched.url.replace("/features/", "/unknown/")).sync()
    assert 3 == error.value.exit_code
