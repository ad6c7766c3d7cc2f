"""What may go wrong in a sync, on every engine: nothing is lost, and the next run heals it."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import replace
from datetime import date

import pytest

from featurestore.errors import FeatureStoreError, SyncError, SyncLocked, WarehouseError
from sync.warehouse.sync_source import read_publication
from tests.engines.shops import ago, assert_law, counts, sync_process
from tests.engines.sync_views import PLANES, WEATHER, plane

pytestmark = [
    pytest.mark.engines,
    pytest.mark.proves("sync", by="home"),
    pytest.mark.filterwarnings("default"),
]
LOCK = "fs-meta:{shop}:lock"
UNFINISHED = "the last sync did not finish it"
SERVERS = ["postgres", "clickhouse"]
"""The engines that a process of its own can reach; DuckDB's own tests do the same there."""


def test_a_warehouse_that_fails_in_mid_stream_loses_nothing(make, url, home):
    """The error names it in one line; the rows stay as they were, and the next run heals."""
    shop = make(PLANES)
    rows = [plane(f"N{number}", ago(5), delay=1.5) for number in range(300)]
    shop.build(PLANES, *rows)
    shop.store(url).sync()
    broken, words = home.breaks
    columns = ", ".join(name for name in PLANES.types if name != "delay")
    source = home.relation("plane_source")
    home.create("plane_source", PLANES.types, [{**row, "seats": 9} for row in rows])
    home.execute(
        f"DROP TABLE {home.relation(PLANES.name)}",
        f"CREATE VIEW {home.relation(PLANES.name)} AS SELECT {columns},"
        f" CASE WHEN tailnum = 'N250' THEN {broken} ELSE delay END AS delay FROM {source}",
    )
    try:
        for options in ({}, {"full": True}, {"dry_run": True}):
            with pytest.raises(WarehouseError, match=words) as failed:
                shop.store(url).sync(**options)
            assert 1 == len(str(failed.value).splitlines())
            served = shop.store(url).get_online_features(
                ["plane_status:seats"], {"tailnum": [row["tailnum"] for row in rows]}
            )
            assert [2] * 300 == served.values["seats"]
    finally:
        home.execute(f"DROP VIEW {home.relation(PLANES.name)}")
    shop.build(PLANES, *({**row, "seats": 9} for row in rows))
    assert {"plane_status": (300, 0)} == counts(shop.store(url).sync())
    assert_law(shop, url)


def test_a_run_that_loses_its_lock_is_healed(make, url, redis_client):
    """The server refuses its writes; the next run publishes all rows."""
    shop = make(PLANES)
    shop.build(PLANES, *(plane(f"N{number}", ago(5)) for number in range(50)))
    shop.store(url).sync()
    shop.build(PLANES, *(plane(f"N{number}", ago(4)) for number in range(50)))

    with pytest.raises(SyncError, match="lock was lost"):
        shop.store(url).sync(progress=lambda _: redis_client.delete(LOCK))

    report = shop.store(url).sync()
    assert [(50, UNFINISHED)] == [(view.written, view.reason) for view in report.views]
    assert_law(shop, url)


def test_one_sync_runs_at_a_time(make, url):
    """The second one is told, and the first one ends well; also if dbt builds meanwhile."""
    shop = make(PLANES)
    shop.build(PLANES, *(plane(f"N{number}", ago(5)) for number in range(50)))
    refused = []

    def second(event):
        with pytest.raises(SyncLocked, match="Another sync of project 'shop' is running"):
            shop.store(url).sync()
        refused.append(event)
        if shop.home.adapter != "duckdb":
            shop.build(PLANES, *(plane(f"N{number}", ago(4)) for number in range(1, 50)))

    assert {"plane_status": (50, 0)} == counts(shop.store(url).sync(progress=second))
    assert refused
    shop.build(PLANES, *(plane(f"N{number}", ago(4)) for number in range(1, 50)))
    assert {"plane_status": (49, 1)} == counts(shop.store(url).sync())
    assert_law(shop, url)


def test_a_table_that_is_not_built_is_named(make, url, home):
    """The other view is published."""
    shop = make(PLANES, WEATHER)
    shop.build(PLANES, plane("N1", ago(5)))
    shop.build(WEATHER, WEATHER.row(date(2024, 3, 30), 1.0, None))
    home.execute(f"DROP TABLE {home.relation(PLANES.name)}")
    report = shop.store(url).sync()
    failed = [view.failed for view in report.views if view.failed]
    assert 1 == len(failed)
    assert "is not in the warehouse" in failed[0]
    assert [1] == [view.written for view in report.views if not view.failed]


@pytest.mark.parametrize("home", SERVERS, indirect=True)
def test_a_sync_killed_at_any_instant_is_healed_by_the_next(make, url, home, redis_client):
    """Each process is killed some time after it took the lock; the next run finishes its work."""
    shop = make(PLANES)
    chance, killed = random.Random(7), 0
    for number in range(4):
        rows = (plane(f"N{key}", ago(5 - number / 9), seats=number) for key in range(1000))
        shop.build(PLANES, *rows)
        with sync_process(shop, url) as process:
            while not redis_client.exists(LOCK) and process.poll() is None:
                time.sleep(0.002)
            time.sleep(chance.random() * 0.4)
            process.kill()
        killed += process.returncode == -9
        redis_client.delete(LOCK)
        if number % 2:
            shop.store(url).sync()
            assert_law(shop, url)
    assert killed
    assert {"plane_status": (0, 0)} == counts(shop.store(url).sync())


@pytest.mark.parametrize("home", SERVERS, indirect=True)
def test_the_ledger_is_used_by_one_process_at_a_time(make, url, home):
    """Whoever comes second is told in one line; nothing is published, and status works."""
    shop = make(PLANES)
    shop.build(PLANES, plane("N1", ago(5)))
    refused = []

    def second(_):
        if refused:
            return
        with sync_process(shop, url) as process:
            refused.append((process.stderr.read().decode(), process.wait()))

    shop.store(url).sync(progress=second)
    ((line, code),) = refused
    assert (1, 1) == (code, len(line.strip().splitlines()))
    assert "is in use by" in line
    assert_law(shop, url)
    file = shop.folder / ".featurestore" / "dev" / "shop.duckdb"
    assert file.is_file()
    file.unlink()
    assert ["ok"] == [str(view.state) for view in shop.store(url).status().views]
    report = shop.store(url).sync()
    assert [(1, "the ledger has no record of the publication")] == [
        (view.written, view.reason) for view in report.views
    ]
    assert_law(shop, url)


@pytest.mark.parametrize("home", SERVERS, indirect=True)
def test_a_type_that_changes_between_two_statements_is_refused(make, url, home, monkeypatch):
    """Readers would find other values behind a column of another width, with a right checksum."""
    shop = make(PLANES)
    wider = replace(PLANES, types={**PLANES.types, "seats": "bigint"})
    rows = [plane(f"N{number}", ago(5)) for number in range(20)]
    shop.build(PLANES, *rows)
    shop.store(url).sync()
    changed = [{**row, "seats": 7} for row in rows]
    shop.build(PLANES, *changed)

    def built_after(*arguments):
        publication = read_publication(*arguments)
        home.create(wider.name, wider.types, changed)
        return publication

    with monkeypatch.context() as patched:
        patched.setattr("sync.selection.read_publication", built_after)
        with pytest.raises(WarehouseError, match=r"'seats'.* from int32 to int64 while the sync"):
            shop.store(url).sync()
    served = shop.store(url).get_online_features(
        ["plane_status:*"], {"tailnum": [row["tailnum"] for row in rows]}
    )
    assert ([2] * 20, ["x"] * 20) == (served.values["seats"], served.values["note"])
    shop.build(PLANES, *changed)
    assert {"plane_status": (20, 0)} == counts(shop.store(url).sync())
    assert_law(shop, url)


@pytest.mark.parametrize("home", SERVERS, indirect=True)
def test_a_model_that_is_built_all_the_time_does_no_harm(make, url, home):
    """A build drops, creates and changes the table between the statements of a run."""
    shop = make(PLANES)
    wider = replace(PLANES, types={**PLANES.types, "seats": "bigint"})
    rows = [plane(f"N{number}", ago(5)) for number in range(20)]
    shop.build(PLANES, *rows)
    done, failures = threading.Event(), []

    def build():
        number = 0
        while not done.is_set():
            number += 1
            view = (PLANES, wider)[number % 2]
            home.create(view.name, view.types, [{**row, "seats": number % 9} for row in rows])

    builder = threading.Thread(target=build)
    builder.start()
    try:
        for _ in range(12):
            try:
                failures += shop.store(url).sync().failed.values()
            except FeatureStoreError as error:
                failures.append(str(error))
    finally:
        done.set()
        builder.join()
    assert [] == [failure for failure in failures if len(failure.splitlines()) > 1]
    shop.build(PLANES, *rows)
    shop.store(url).sync()
    assert_law(shop, url)
