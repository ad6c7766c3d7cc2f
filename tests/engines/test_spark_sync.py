"""A sync by Spark: its rows are those of an ordinary sync, and what dies does no harm."""

from __future__ import annotations

import re
import threading
import time
from datetime import date, timedelta

import pytest
import redis

from featurestore.errors import OnlineStoreUnavailable, SyncError, UnsupportedDialect
from featurestore.warehouse.spark_ledger import SparkLedgerDatabase
from sync.safety.lent_lock import LentLock
from sync.spark import spark_records
from sync.spark.executor_tasks import RowWriting, writing
from sync.spark.spark_records import SparkRecords
from sync.warehouse.ledger_entries import LedgerEntries
from tests.engines.shops import NOW, DuckDBHome, Shop, SparkHome, ago, assert_law, counts
from tests.engines.spark_cluster import running_spark_cluster
from tests.engines.sync_views import OWNERS, PLANES, WEATHER, owner, plane
from tests.support.cluster_fixture import running_cluster

pytestmark = [
    pytest.mark.engines,
    pytest.mark.proves("sync", engine="spark"),
    pytest.mark.filterwarnings("default"),
]
LOCK = "fs-meta:{shop}:lock"
UNFINISHED = "the last sync did not finish it"
PATIENCE = 300
"""Seconds until a wait gives up: a busy machine is not its fault."""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Run Spark with two executors."""
    with running_spark_cluster(tmp_path_factory.mktemp("spark")) as engine:
        yield engine


@pytest.fixture
def make(cluster, tmp_path, redis_client):
    """Return a function that writes a project with empty tables."""
    for row in cluster.session.sql("SHOW TABLES IN shop").where("NOT isTemporary").collect():
        cluster.session.sql(f"DROP TABLE shop.`{row.tableName}`")
    return lambda *views: Shop(tmp_path / "project", SparkHome(cluster), *views)


def by_spark(shop, url, now=NOW, **options):
    """Sync by Spark."""
    return shop.store(url, now).sync(engine="spark", **options)


def online(url):
    """Return the rows in a server, and whether each one expires."""
    with redis.Redis.from_url(url) as client:
        keys = sorted(client.scan_iter(match="fs:*", count=1000))
        return {key: (client.get(key), client.ttl(key) > 0) for key in keys}


def other(url):
    """Return the URL of another database of the server."""
    return f"{url.rsplit('/', 1)[0]}/1"


def facts(report):
    """Return what a report says of each view, without the seconds."""
    fields = ("view", "rows_read", "changed", "written", "deleted", "skipped", "full", "reason")
    fields += ("newest_event_timestamp", "held_back", "failed", "memory")
    return [tuple(getattr(view, name) for name in fields) for view in report.views]


def planes(count, days=5.0, **own):
    """Return rows of that many planes."""
    return [plane(f"N{number}", ago(days), seats=number, **own) for number in range(count)]


def wait_for(condition):
    """Wait for a condition."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_rows_are_those_of_an_ordinary_sync_byte_for_byte(make, url):
    """Full, late, restated, deleted, lapsed, held back, again in full: bytes, reports, dry runs."""
    shop = make(PLANES, OWNERS)
    rows = [*planes(30), plane("ñ'\"\\2,{}", ago(4), note=None), plane("", ago(4))]
    rows += [plane("N1", ago(9)), plane("zero", ago(5), delay=0.0), plane("old", ago(29.5))]
    rows += [plane("nan", ago(5), delay=float("nan")), plane("gone", ago(29.5))]
    owners = [owner(1, ago(9), ago(5), "old"), owner(1, ago(5), None, "new")]
    owners += [owner(2, ago(9), ago(-0.5), "ends today"), owner(3, ago(9), ago(3), "ended")]
    shop.build(PLANES, *rows)
    shop.build(OWNERS, *owners)

    def check(now=NOW, **options):
        foretold = by_spark(shop, url, now, dry_run=True, **options)
        assert facts(foretold) == facts(shop.store(other(url), now).sync(dry_run=True, **options))
        found = by_spark(shop, url, now, **options)
        assert facts(found) == facts(shop.store(other(url), now).sync(**options))
        assert online(url) == online(other(url))
        return counts(found) if not found.held_back else found.held_back

    assert {"plane_status": (36, 0), "owners": (2, 0)} == check()
    assert_law(shop, url)
    rows = [row for row in rows if row["tailnum"] not in ("N5", "gone")]
    rows += [plane("N2", ago(6), ago(1), seats=99), plane("N3", ago(4), ago(1), seats=98)]
    rows += [plane("N4", ago(5), ago(1), delay=None, note=None)]
    rows += [plane("zero", ago(5), ago(1), delay=-0.0)]
    shop.build(PLANES, *rows)
    later = NOW + timedelta(hours=18)
    # `old` expired and is left to the server; `gone` expired and is gone.
    assert {"plane_status": (3, 2), "owners": (0, 0)} == check(later)
    assert_law(shop, url, later)
    shop.build(PLANES)
    assert "all of its 33 rows" in check(later)["plane_status"]
    shop.build(PLANES, *rows[:20])
    assert {"plane_status": (20, 14), "owners": (2, 0)} == check(later, full=True)
    assert_law(shop, url, later)


def test_executors_that_are_killed_while_they_write_do_no_harm(make, url, redis_client, cluster):
    """Their tasks run again on others: every row is there, and is counted once."""
    shop = make(PLANES)
    shop.build(PLANES, *planes(500))

    def kill():
        # The driver's last write before the rows.
        wait_for(lambda: redis_client.exists("fs-meta:{shop}:views"))
        # From here on the server keeps every writer waiting, so the executors die in mid-write.
        redis_client.execute_command("CLIENT", "PAUSE", PATIENCE * 1000, "WRITE")
        try:
            wait_for(lambda: is_one_waiting(redis_client))
            cluster.kill_executors()
        finally:
            redis_client.execute_command("CLIENT", "UNPAUSE")

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        report = by_spark(shop, url)
    finally:
        killer.join()
    assert {"plane_status": (500, 0)} == counts(report)
    assert_law(shop, url)
    assert {"plane_status": (0, 0)} == counts(by_spark(shop, url))


def is_one_waiting(client):
    """Return whether a command of a client waits until the server takes writes again."""
    listed = client.execute_command("CLIENT", "LIST")
    text = listed.decode() if isinstance(listed, bytes) else str(listed)
    return bool(re.search(r"flags=[A-Za-z]*b", text))


def test_a_run_that_loses_its_lock_stops_and_is_healed(make, url, redis_client):
    """The executors write nothing without it; the next run publishes all rows."""
    shop = make(PLANES)
    shop.build(PLANES, *planes(50))
    by_spark(shop, url)
    shop.build(PLANES, *planes(45, 4))

    # After the deletions: the rows to write come next.
    with pytest.raises(SyncError, match="The lock was lost while syncing"):
        by_spark(shop, url, progress=lambda _: redis_client.delete(LOCK))

    report = by_spark(shop, url)
    assert [(45, UNFINISHED)] == [(view.written, view.reason) for view in report.views]
    assert_law(shop, url)


def test_a_driver_that_stops_between_two_stages_is_healed(make, url, redis_client):
    """It dies after the deletions, with the lock: whoever comes next publishes every row."""
    shop = make(PLANES)
    shop.build(PLANES, *planes(40))
    by_spark(shop, url)
    shop.build(PLANES, *planes(30, 4))

    def stop(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        by_spark(shop, url, progress=stop)
    assert ["interrupted"] == [str(view.state) for view in shop.store(url).status().views]
    report = by_spark(shop, url)
    assert [(30, UNFINISHED)] == [(view.written, view.reason) for view in report.views]
    assert_law(shop, url)


def test_the_two_ways_follow_one_another(make, url):
    """Each finds the other's ledger, says so, and publishes every row; status works after both."""
    shop = make(PLANES, WEATHER)
    shop.build(PLANES, *planes(20))
    shop.build(WEATHER, WEATHER.row(date(2024, 3, 30), 1.0, None))
    by_spark(shop, url)
    assert ["ok", "ok"] == [str(view.state) for view in shop.store(url).status().views]
    shop.build(PLANES, *planes(15))

    with pytest.raises(SyncError, match="published from the ledger the schema shop of Spark"):
        shop.store(url).sync(require_ledger=True)
    report = shop.store(url).sync()
    assert "the schema shop of Spark's warehouse" == report.other_ledger
    assert {"plane_status": (15, 5), "weather": (1, 0)} == counts(report)
    assert_law(shop, url)

    shop.build(PLANES, *planes(14))
    back = by_spark(shop, url)
    assert back.other_ledger.startswith(str(shop.folder))
    assert {"plane_status": (14, 1), "weather": (1, 0)} == counts(back)
    assert_law(shop, url)
    assert {(0, 0)} == set(counts(by_spark(shop, url, require_ledger=True)).values())


def test_a_secret_is_not_in_what_spark_shows(make, redis_client, url, cluster):
    """Neither the password nor the lock's token is in the log of events, which its UI reads."""
    shop = make(PLANES)
    shop.build(PLANES, *planes(20))
    redis_client.execute_command("ACL", "SETUSER", "writer", "on", ">hush-hush-7", "~*", "+@all")
    tokens = set()

    def note(_):
        tokens.add(redis_client.get(LOCK).decode().partition("#")[2])

    try:
        secret = url.replace("redis://", "redis://writer:hush-hush-7@")
        assert {"plane_status": (20, 0)} == counts(by_spark(shop, secret, progress=note))
        wrong = secret.replace("hush-hush-7", "hush-hush-8")
        with pytest.raises(OnlineStoreUnavailable, match="refused the login"):
            by_spark(shop, wrong)
    finally:
        redis_client.execute_command("ACL", "DELUSER", "writer")
    assert tokens
    events = cluster.events
    assert "MapInArrow" in events
    assert not [word for word in ("hush-hush", *tokens) if word in events]


def test_a_cluster_is_written_slot_by_slot_and_refuses_a_late_task(make, tmp_path, cluster):
    """An executor dies; and a task of an earlier run that wakes up writes nothing any more."""
    shop = make(PLANES)
    with running_cluster(tmp_path / "servers") as servers:
        shop.build(PLANES, *planes(300))
        lent = []
        with servers.client() as client:
            token, number = "fs-meta:{shop}:lock", "fs-meta:{shop}:holders"

            def note(_):
                held = client.get(token).decode()
                lent.append(LentLock("shop", held, int(client.get(number))))
                cluster.kill_executors()

            assert {"plane_status": (300, 0)} == counts(by_spark(shop, servers.url, progress=note))
            assert_law(shop, servers.url)
            shop.build(PLANES, *planes(250, 4))
            assert {"plane_status": (250, 50)} == counts(by_spark(shop, servers.url))
            # A task that was cut off from its driver has no lock to read, and no fence to pass.
            key = next(client.scan_iter(match="fs:shop:plane_status:*"))
            before = client.get(key)
            columns = dict.fromkeys(("value", "previous"), b"late")
            answers = late_answers(lent[0], servers.url, key, columns)
            assert [0] == [row["applied"] for row in answers]
            assert before == client.get(key)
        assert_law(shop, servers.url)


def late_answers(lock, url, key, columns):
    """Run the task that writes one row under an old lock; return its answers."""
    import pyarrow as pa

    fields = {"key": [key], **{name: [value] for name, value in columns.items()}, "error": [None]}
    arrays = {name: pa.array(values, pa.binary()) for name, values in fields.items()}
    batch = pa.RecordBatch.from_pydict(arrays)
    task = writing(RowWriting("overwrite", b"", url, lock))
    return [row for answer in task([batch]) for row in answer.to_pylist()]


def test_only_a_target_of_spark_may_use_it(tmp_path, url, redis_client):
    """The error names the warehouse and the remedy."""
    shop = Shop(tmp_path / "duck", DuckDBHome(tmp_path), PLANES)
    with pytest.raises(UnsupportedDialect, match="this target's warehouse is duckdb") as found:
        by_spark(shop, url)
    assert "--engine spark" in found.value.remedy
    assert not redis_client.dbsize()


def test_the_records_move_on_before_they_are_many_files(make, cluster, monkeypatch):
    """Each text is a file: after some, the last one moves to another table, and none is lost."""
    make(PLANES)
    monkeypatch.setattr(spark_records, "_MOST_TEXTS", 2)
    with SparkLedgerDatabase(cluster.session, "`shop`") as spark:
        records = SparkRecords(spark, "`shop`", "shop")
        entries = LedgerEntries(records)
        entries.create()
        for number in range(4):
            with records.transaction():
                entries.write("v", epoch=f"'{number}\\", layout="{}", dirty=number % 2 == 0)
            found = LedgerEntries(SparkRecords(spark, "`shop`", "shop")).read("v")
            assert (f"'{number}\\", number % 2 == 0) == (found.epoch, found.dirty)
        assert 1 == len(spark.tables("featurestore_records_*"))
