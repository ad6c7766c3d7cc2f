"""The upgrade from format 2: readers first, then the sync; no read fails in between."""

from __future__ import annotations

import threading

import pytest

from tests.support.format2 import rewrite_in_format_2
from tests.support.sync_project import NOW, PLANES, ROUTES, SyncProject, assert_parity, day

pytestmark = pytest.mark.whole

COUNT = 3_000
VIEWS = ("plane_status", "route_load")


@pytest.fixture
def project(tmp_path, redis_server, redis_client):
    """Return a project that an older release published in format 2."""
    project = SyncProject(tmp_path, PLANES, ROUTES)
    project.insert(PLANES, *[(f"N{n}", day(3), day(3), n, n, None) for n in range(COUNT)])
    project.insert(ROUTES, *[("JFK", n, day(3), n) for n in range(COUNT)])
    project.store(redis_server).sync()
    for view in VIEWS:
        new = redis_client.hget(f"fs-meta:{{shop}}:schema:{view}", "current").decode()
        old = rewrite_in_format_2(redis_client, "shop", view)
        project.execute(f"UPDATE _featurestore_sync SET layout = replace(layout, '{new}', '{old}')")
    return project


def firsts(redis_client, view):
    """Return the versions of a view's rows."""
    return {redis_client.get(key)[0] >> 4 for key in redis_client.scan_iter(f"fs:shop:{view}:*")}


def test_a_reader_serves_while_the_sync_upgrades(project, redis_server, redis_client):
    """Each answer is right, whether its rows are old, new or some of each."""
    asked = {"tailnum": [f"N{n}" for n in range(0, COUNT, 30)]}
    expected = [float(n) for n in range(0, COUNT, 30)]
    reader, stop, seen, wrong = project.store(redis_server), threading.Event(), [], []

    def read():
        while not stop.is_set():
            found = reader.get_online_features(["plane_status:delay"], asked)
            seen.append(found.unchecked_rows)
            if found.values["delay"] != expected or found.damaged_rows:
                wrong.append(found)

    assert {2} == firsts(redis_client, "plane_status")
    assert len(expected) == reader.get_online_features(["plane_status:delay"], asked).unchecked_rows
    # Each batch of rows is met by a read: the sync is stopped at each of its messages.
    thread = threading.Thread(target=read)
    thread.start()

    def progress(_):
        done = len(seen)
        while len(seen) < done + 2 and thread.is_alive():
            stop.wait(0.001)

    report = project.store(redis_server).sync(progress=progress)
    before_the_end = len(seen)
    while len(seen) < before_the_end + 2 and thread.is_alive():
        stop.wait(0.001)
    stop.set()
    thread.join()

    assert not wrong
    assert (len(expected), 0) == (seen[0], seen[-1])
    assert [(True, "its columns, types, ttl or format changed")] * 2 == [
        (view.full, view.reason) for view in report.views
    ]
    assert [{3}, {3}] == [firsts(redis_client, view) for view in VIEWS]
    assert_parity(project, redis_server)
    schemas = redis_client.hgetall("fs-meta:{shop}:schema:plane_status")
    assert {b"current", b"pii", schemas[b"current"]} == schemas.keys()
    assert not any(view.full for view in project.store(redis_server).sync().views)


def test_rows_of_both_formats_are_read_in_one_batch(project, redis_server, redis_client):
    """A sync that died in between leaves both; each row is read by its own format."""
    old = {key: redis_client.get(key) for key in redis_client.scan_iter("fs:shop:route_load:*")}
    schemas = "fs-meta:{shop}:schema:route_load"
    fields = redis_client.hgetall(schemas)
    project.store(redis_server).sync()
    redis_client.hset(schemas, mapping={k: v for k, v in fields.items() if k != b"current"})
    for number in range(0, COUNT, 2):
        key = b"fs:shop:route_load:{JFK,%d}" % number
        redis_client.set(key, old[key])
    asked = {"origin": ["JFK"] * COUNT, "flight": [*range(COUNT)]}

    found = project.store(redis_server).get_online_features(["route_load:load"], asked)

    assert [float(n) for n in range(COUNT)] == [float(value) for value in found.values["load"]]
    assert (0, COUNT // 2) == (found.damaged_rows, found.unchecked_rows)


def test_the_brake_knows_rows_of_format_2(project, redis_server):
    """An upgrade with an emptied table is held back, and a row that is gone counts as deleted."""
    project.execute("DELETE FROM plane_status")

    held = project.store(redis_server).sync().held_back

    assert {"plane_status"} == {*held}
    assert f"all of its {COUNT:,} rows" in held["plane_status"]
    found = project.store(redis_server).get_online_features(
        ["plane_status:delay"], {"tailnum": ["N7"]}
    )
    assert [7.0] == found.values["delay"]


def test_verify_before_the_upgrade_compares_what_is_there(project, redis_server):
    """Rows of format 2 are compared like others, and a repair leaves them to the sync."""
    found = project.store(redis_server, NOW).verify(repair=True)

    assert found.good
    assert [0, 0] == [view.damaged for view in found.views]
