"""One sync at a time: who comes second is told, and a lock that is lost stops its holder."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from featurestore.errors import SyncError, SyncLocked
from sync.safety.lock import sync_lock
from tests.support.sync_project import (
    ROUTES,
    WEATHER,
    SyncProject,
    assert_parity,
    day,
    rows_in_redis,
)

pytestmark = pytest.mark.whole

LOCK = "fs-meta:{shop}:lock"
ROWS = 10_000
HOLDER = """
import sys, time, redis
from sync.safety.lock import sync_lock
with redis.Redis.from_url(sys.argv[1]) as client, sync_lock(client, "shop", seconds=1):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def project(tmp_path):
    """Return a project with more rows than one batch holds, not published yet."""
    project = SyncProject(tmp_path / "project", ROUTES, WEATHER, memory=True)
    project.execute(
        f"INSERT INTO route_load SELECT 'EWR', range, TIMESTAMP '2024-01-01', 1 FROM range({ROWS})"
    )
    project.insert(WEATHER, (day(3), 1.5, True))
    return project


def once(action):
    """Return a progress callback that acts once, when rows are still to come."""
    events = []

    def progress(event):
        events.append(event)
        if len(events) == 1:
            action()

    return progress


def test_who_comes_second_is_told_who_is_at_work(project, redis_server, redis_client):
    """The holder's process and the time since when; nothing is written."""
    expected = rf"'shop' is running: process {os.getpid()} on \S+ since \d{{4}}-.* UTC\."
    with sync_lock(redis_client, "shop"), pytest.raises(SyncLocked, match=expected) as caught:
        project.store(redis_server).sync()
    assert 1 == len(str(caught.value).splitlines())
    assert not re.search(r"#|[0-9a-f]{16}", str(caught.value))
    assert [] == redis_client.keys()
    project.store(redis_server).sync()
    assert ROWS + 1 == len(rows_in_redis(redis_server, "shop"))


def test_two_syncs_at_once_do_not_meet(tmp_path, redis_server, redis_client):
    """The second, from another copy of the warehouse, is refused; the first finishes."""
    first = SyncProject(tmp_path / "first", WEATHER)
    first.insert(WEATHER, (day(4), 0.5, True))
    # Both are one identity, because the copy has the id that the first sync kept.
    first.store(redis_server).sync()
    shutil.copytree(tmp_path / "first", tmp_path / "second")
    first.insert(WEATHER, (day(3), 1.5, True))
    second = SyncProject(tmp_path / "second", WEATHER)
    second.insert(WEATHER, (day(2), 2.5, True))
    refused = []

    def meanwhile():
        with pytest.raises(SyncLocked) as caught:
            second.store(redis_server).sync()
        refused.append(caught.value)

    first.store(redis_server).sync(progress=once(meanwhile))
    assert 1 == len(refused)
    assert_parity(first, redis_server)
    second.store(redis_server).sync()
    assert_parity(second, redis_server)


def test_projects_do_not_wait_for_each_other(project, redis_server, redis_client):
    """Each project has its own lock, even if one name is the prefix of another."""
    with sync_lock(redis_client, "shop:x"), sync_lock(redis_client, "sho"):
        project.store(redis_server).sync(views=["weather"])
    assert 1 == len(rows_in_redis(redis_server, "shop"))


def test_the_lock_of_a_killed_process_frees_itself(project, redis_server, redis_client):
    """Until its lease has run out nobody gets in; then anybody does, without help."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, redis_server],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    ) as holder:
        assert "held\n" == holder.stdout.readline()
        with pytest.raises(SyncLocked, match=f"process {holder.pid} "):
            project.store(redis_server).sync()
        holder.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 10
    while redis_client.exists(LOCK) and time.monotonic() < deadline:
        time.sleep(0.02)
    project.store(redis_server).sync(views=["weather"])
    assert 1 == len(rows_in_redis(redis_server, "shop"))


def test_a_lease_is_renewed_while_it_is_held(redis_client):
    """A run that takes longer than the lease keeps it."""
    with sync_lock(redis_client, "shop", seconds=1.5) as lease:
        until = time.monotonic() + 3
        while time.monotonic() < until:
            assert 0 < redis_client.pttl(LOCK) <= 1500
            time.sleep(0.05)
        lease.check()
    assert not redis_client.exists(LOCK)


def test_a_lease_that_was_lost_says_so(redis_client):
    """The holder learns of it at the next renewal."""
    with sync_lock(redis_client, "shop", seconds=0.3) as lease:
        lease.check()
        redis_client.delete(LOCK)
        time.sleep(0.4)
        with pytest.raises(SyncError, match="lock was lost"):
            lease.check()


@pytest.mark.parametrize("fails", [False, True])
def test_the_lock_is_given_back(project, redis_server, redis_client, fails):
    """At the end of a run, be it good or bad."""

    def fail():
        assert redis_client.exists(LOCK)
        if fails:
            raise KeyboardInterrupt

    if fails:
        with pytest.raises(KeyboardInterrupt):
            project.store(redis_server).sync(progress=once(fail))
    else:
        project.store(redis_server).sync(progress=once(fail))
    assert not redis_client.exists(LOCK)


def test_nobody_gives_back_the_lock_of_another(redis_client):
    """A holder that has lost its lock leaves the new holder's alone."""
    with sync_lock(redis_client, "shop"):
        redis_client.set(LOCK, "another's")
    assert b"another's" == redis_client.get(LOCK)


@pytest.mark.parametrize("taken", [False, True], ids=["expired", "taken by another"])
@pytest.mark.parametrize("full", [False, True], ids=["incremental", "full"])
def test_a_run_that_lost_its_lock_writes_no_more(project, redis_server, redis_client, full, taken):
    """The server itself refuses its writes; the next run heals what it left."""
    project.store(redis_server).sync()
    project.execute("UPDATE route_load SET load = 2")
    written = []

    def lose():
        time.sleep(0.2)
        redis_client.delete(LOCK)
        if taken:
            redis_client.set(LOCK, "another's")
        written.append(dump(redis_client))

    with pytest.raises(SyncError, match=r"taken the lock|lock was lost"):
        project.store(redis_server).sync(full=full, progress=once(lose))
    assert written == [dump(redis_client)]
    redis_client.delete(LOCK)
    report = project.store(redis_server).sync()
    reasons = {view.view: view.reason for view in report.views}
    assert {"route_load": "the last sync did not finish it", "weather": ""} == reasons
    assert_parity(project, redis_server)


def dump(client):
    keys = sorted(client.scan_iter(match="fs:*", count=1000))
    return dict(zip(keys, client.mget(keys), strict=True))


@pytest.mark.parametrize("full", [False, True], ids=["incremental", "full"])
def test_a_flush_during_a_run_stops_it(project, redis_server, redis_client, full):
    """The lock goes with the rows, so the run cannot believe that it finished."""
    project.store(redis_server).sync()
    project.execute("UPDATE route_load SET load = 2")
    with pytest.raises(SyncError):
        project.store(redis_server).sync(full=full, progress=once(redis_client.flushall))
    project.store(redis_server).sync()
    assert_parity(project, redis_server)


def test_scripts_forgotten_during_a_run_stop_it(project, redis_server, redis_client):
    """A server that has lost the scripts refuses the rows; the next run brings both."""
    project.store(redis_server).sync()
    project.execute("UPDATE route_load SET load = 2")
    with pytest.raises(SyncError.__base__, match="refused a command"):
        project.store(redis_server).sync(progress=once(redis_client.script_flush))
    project.store(redis_server).sync()
    assert_parity(project, redis_server)


def test_a_full_run_needs_no_scripts_that_a_server_keeps(project, redis_server, redis_client):
    """What looks at the lock for its transactions is sent with each of them."""
    project.store(redis_server).sync(progress=once(redis_client.script_flush))
    assert_parity(project, redis_server)
