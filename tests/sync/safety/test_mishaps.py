"""What has gone wrong once, or could: after one failed and one good sync, Redis is right again."""

from __future__ import annotations

import shutil
import time
from contextlib import suppress
from dataclasses import replace
from itertools import count

import pytest

from featurestore.errors import (
    DefinitionProblems,
    SyncError,
    UnsupportedOnlineType,
    WarehouseError,
)
from featurestore.online.checksums import with_checksum
from featurestore.online.schema import Schema
from tests.support.sync_project import (
    PLANES,
    ROUTES,
    WEATHER,
    SyncProject,
    View,
    assert_parity,
    day,
)

pytestmark = pytest.mark.whole


@pytest.fixture
def project(tmp_path, redis_server, redis_client):
    """Return a project of three views, synced once."""
    project = SyncProject(tmp_path / "p", PLANES, ROUTES, WEATHER, memory=True)
    project.insert(PLANES, ("N1", day(3), day(3), 1, 1, ""), ("N2", day(3), day(3), 1, 1, ""))
    project.insert(ROUTES, ("EWR", 1, day(3), 1))
    project.insert(WEATHER, (day(3), 1.5, True))
    project.store(redis_server).sync()
    return project


class Stopped(Exception):
    """The process would have died here."""


def heals(project, url):
    """Sync, ignore its errors, sync again, and check the law."""
    with suppress(SyncError):
        project.store(url).sync()
    project.store(url).sync()
    assert_parity(project, url)


@pytest.mark.parametrize("full", [True, False])
def test_a_flush_after_the_last_row_is_noticed(project, redis_server, redis_client, full):
    """The metadata is written under the lock: an emptied server is never called complete."""
    project.execute("UPDATE plane_status SET delay = 2", "UPDATE weather SET wind = 2")

    def progress(event):
        if event.view == "weather" and event.done == event.total:
            time.sleep(0.2)
            redis_client.flushall()

    with suppress(SyncError):
        project.store(redis_server).sync(full=full, progress=progress)
    heals(project, redis_server)


def test_without_the_lock_nothing_is_sealed(project, redis_server, redis_client):
    """Another holder has taken the lock: the first one fails instead of reporting success."""
    project.execute("UPDATE weather SET wind = 2")

    def progress(event):
        time.sleep(0.2)
        redis_client.set("fs-meta:{shop}:lock", "another's")

    with pytest.raises(SyncError, match="lock was lost"):
        project.store(redis_server).sync(progress=progress)


def test_a_crash_and_then_yesterdays_warehouse(tmp_path, redis_server, redis_client):
    """While rows change, Redis has no epoch: an older warehouse cannot take it for its own."""
    project = SyncProject(tmp_path / "p", PLANES)
    project.insert(PLANES, ("N1", day(3), day(3), 1, 1, ""))
    project.store(redis_server).sync()
    shutil.copy(project.warehouse, tmp_path / "yesterday")
    project.insert(PLANES, ("N1", day(2), day(2), 2, 2, ""), ("N3", day(2), day(2), 2, 2, ""))

    def progress(event):
        time.sleep(0.2)
        raise Stopped

    with suppress(Stopped):
        project.store(redis_server).sync(progress=progress)
    shutil.copy(tmp_path / "yesterday", project.warehouse)
    heals(project, redis_server)


def test_a_removed_view_is_found_without_the_warehouses_book(project, redis_server):
    """Redis remembers which views have rows, so that one set offline meanwhile is removed."""
    project.execute("DROP TABLE _featurestore_sync")
    project.declare(PLANES.but(online=False), ROUTES, WEATHER)
    heals(project, redis_server)


def test_a_removed_view_comes_back_with_a_dump(project, redis_server, redis_client):
    """Rows that an older dump of Redis brings back are removed again."""
    names = list(redis_client.scan_iter())
    kept = {name: (redis_client.dump(name), max(redis_client.pttl(name), 0)) for name in names}
    project.declare(ROUTES, WEATHER)
    project.store(redis_server).sync()
    redis_client.flushall()
    for key, (value, milliseconds) in kept.items():
        redis_client.restore(key, milliseconds, value)
    heals(project, redis_server)


def test_a_lost_schema_is_announced_anew(project, redis_server, redis_client):
    """Without the schema readers are blind; the next sync sees to it."""
    redis_client.delete("fs-meta:{shop}:schema:plane_status")
    heals(project, redis_server)


def test_schemas_with_one_fingerprint_are_not_mixed_up(tmp_path, redis_server, redis_client):
    """The second of them is refused, whose rows could be taken for the first one's."""
    first, second = _twins()
    project = SyncProject(tmp_path / "q", first, memory=True)
    project.insert(first, (1, day(3), 5))
    project.store(redis_server).sync()
    before = redis_client.get("fs:shop:twin:{1}")
    project.execute("DROP TABLE twin")
    project.declare(second)
    project.create(second)
    project.insert(second, (1, day(4), 6))

    for _ in range(2):
        with pytest.raises(SyncError, match=r"'twin' cannot be published.* one fingerprint"):
            project.store(redis_server).sync()

    assert before == redis_client.get("fs:shop:twin:{1}")
    (feature,) = second.features
    project.execute(f"ALTER TABLE twin RENAME COLUMN {feature} TO another")
    project.declare(replace(second, features={"another": "BIGINT"}))
    heals(project, redis_server)


def _twins():
    """Return two views with features of other names, whose schemas have one fingerprint."""
    seen = {}
    for number in count():
        name = f"f{number}"
        schema = Schema((("id", "int64"),), ((name, "int64"),))
        other = seen.setdefault(schema.fingerprint, name)
        if other != name:
            return [View("twin", {"id": "BIGINT"}, {twin: "BIGINT"}) for twin in (other, name)]
    raise AssertionError


@pytest.mark.parametrize("later", [True, False])
def test_a_created_timestamp_that_comes_or_goes(tmp_path, redis_server, redis_client, later):
    """Another column among the timestamps is another layout: every row is published again."""
    bare = replace(PLANES, created=False)
    project = SyncProject(tmp_path, PLANES, memory=True)
    project.insert(PLANES, ("N1", day(3), day(3), 1, 1, ""))
    project.declare(bare if later else PLANES)
    project.store(redis_server).sync()
    project.declare(PLANES if later else bare)
    heals(project, redis_server)


def test_an_event_timestamp_of_another_type(tmp_path, redis_server, redis_client):
    """A date that becomes a timestamp is kept whole, and not written again on every run."""
    view = View("daily", {"id": "INTEGER"}, {"x": "INTEGER"}, event_type="DATE")
    project = SyncProject(tmp_path, view, memory=True)
    project.insert(view, (1, "2024-02-28", 1))
    project.store(redis_server).sync()
    project.execute("ALTER TABLE daily ALTER observed_at TYPE TIMESTAMP")
    project.execute("UPDATE daily SET observed_at = observed_at + INTERVAL 5 HOUR")
    heals(project, redis_server)
    assert [0] == [report.changed for report in project.store(redis_server).sync().views]


def test_an_enumeration_gets_a_new_member(tmp_path, redis_server, redis_client):
    """It is published as text, so a new member is only a new value."""
    view = View("e", {"id": "INTEGER"}, {"x": "ENUM('a', 'b')"})
    project = SyncProject(tmp_path, view, memory=True)
    project.insert(view, (1, day(3), "a"))
    project.store(redis_server).sync()
    project.execute("ALTER TABLE e ALTER x TYPE ENUM('a', 'b', 'c')")
    project.insert(view, (1, day(2), "c"))
    heals(project, redis_server)


def test_the_table_of_published_rows_is_dropped(project, redis_server):
    """The entry alone is not enough: the reason says what is missing."""
    project.execute('DROP TABLE "_featurestore_published__shop.plane_status"')
    reports = {view.view: view for view in project.store(redis_server).sync().views}
    assert "table of published rows is gone" in reports["plane_status"].reason
    assert_parity(project, redis_server)


def test_the_ledgers_entries_are_lost(project, redis_server):
    """Every row is published again, and the reason is given."""
    project.execute("DROP TABLE _featurestore_sync")
    reports = project.store(redis_server).sync().views
    assert {"the ledger has no record of the publication"} == {r.reason for r in reports}


@pytest.mark.parametrize("name", ["_featurestore_op", "_Featurestore_hash"])
def test_names_of_our_own_columns_are_refused(tmp_path, name):
    """A column may not have a name that a sync gives to its own columns."""
    project = SyncProject(tmp_path, View("odd", {"id": "INTEGER"}, {name: "INTEGER"}), memory=True)
    with pytest.raises(DefinitionProblems, match=name):
        _ = project.store("redis://localhost:1").registry


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("UUID", ["00000000-0000-0000-0000-000000000001", "ffffffff-ffff-ffff-ffff-ffffffffffff"]),
        ("HUGEINT", [1, -5]),
        ("UBIGINT", [2**64 - 1]),
        ("TIMESTAMP", ["2024-01-01 00:00:00.000001"]),
        ("TIMESTAMPTZ", ["2024-01-01 00:00:00.000001+00"]),
        ("ENUM('a','b')", ["a", "b"]),
    ],
)
def test_keys_of_rarer_types(tmp_path, redis_server, redis_client, kind, values):
    """They are written, found again by a full sync, and deleted."""
    view = View("odd", {"k": kind}, {"x": "INTEGER"})
    project = SyncProject(tmp_path, view, memory=True)
    project.insert(view, *[(value, day(3), 1) for value in values])
    written = project.store(redis_server).sync().views[0].written
    (again,) = project.store(redis_server).sync(full=True).views
    project.execute("DELETE FROM odd")
    deleted = project.store(redis_server).sync().views[0].deleted

    assert len(values) == written == again.written == deleted
    assert 0 == again.deleted


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("SELECT '99999999999999999999' AS k", "SELECT 7::BIGINT AS k"),
        ("SELECT '007' AS k", "SELECT 7::BIGINT AS k"),
        ("SELECT 1.505::DECIMAL(10,3) AS k", "SELECT 1.5::DECIMAL(5,2) AS k"),
        ("SELECT 'nan' AS k", "SELECT 1.5::DECIMAL(5,2) AS k"),
        ("SELECT TIMESTAMP '2024-01-01 00:00:00.5' AS k", "SELECT TIMESTAMP_S '2024-01-01' AS k"),
    ],
)
def test_a_retyped_key_leaves_no_old_row(tmp_path, redis_server, redis_client, before, after):
    """Every key that the new type could not have written is removed."""
    view = View("odd", {"k": "VARCHAR"}, {"x": "INTEGER"})
    project = SyncProject(tmp_path, view, memory=True)
    for select in (before, after):
        columns = "TIMESTAMP '2024-02-28' AS observed_at, 1 AS x"
        project.execute(f"CREATE OR REPLACE TABLE odd AS {select}, {columns}")
        with project.connect() as connection:
            (kind,) = connection.execute("SELECT typeof(k) FROM odd").fetchone()
        project.declare(replace(view, keys={"k": kind}))
        project.store(redis_server).sync()

    assert 1 == len(redis_client.keys("fs:shop:odd:*"))


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("DATE", "infinity"),
        ("TIMESTAMP", "infinity"),
        ("TIME", "24:00:00"),
        ("DATE[]", "[2024-01-01, infinity]"),
        ("TIMESTAMPTZ[]", "[NULL, -infinity]"),
        ("TIMESTAMP[][]", "[[], [infinity]]"),
        ("TIME[]", "[24:00:00]"),
    ],
)
def test_what_readers_cannot_hold_is_refused(tmp_path, redis_server, redis_client, kind, value):
    """One value that no reader could hold is named, instead of failing every read later."""
    view = View("odd", {"k": "INTEGER"}, {"x": kind})
    project = SyncProject(tmp_path, view, memory=True)
    project.execute(f"INSERT INTO odd VALUES (1, TIMESTAMP '2024-02-28', {kind} '{value}')")
    with pytest.raises((UnsupportedOnlineType, WarehouseError), match="'x'"):
        project.store(redis_server).sync()


@pytest.mark.parametrize("kind", ["DATE", "TIMESTAMP", "TIMESTAMPTZ"])
@pytest.mark.parametrize("value", ["infinity", "-infinity", "0044-03-15 (BC)"])
def test_a_key_that_readers_cannot_hold_is_refused(
    tmp_path, redis_server, redis_client, kind, value
):
    """The one line names the join key; the other views' and the earlier rows stay."""
    view = View("odd", {"k": kind}, {"x": "INTEGER"})
    project = SyncProject(tmp_path, view, memory=True)
    project.insert(view, ("2024-01-01", day(1), 7))
    project.store(redis_server).sync()
    project.execute(f"INSERT INTO odd VALUES ({kind} '{value}', TIMESTAMP '2024-02-28', 1)")

    store = project.store(redis_server)
    with pytest.raises(UnsupportedOnlineType, match=r"^The join key 'k' has a .* outside"):
        store.sync()
    assert "interrupted" == store.status().views[0].state
    assert 2 == store.sync(dry_run=True).views[0].rows_read

    assert 1 == len(redis_client.keys("fs:shop:odd:*"))


@pytest.mark.parametrize("kind", ["VARCHAR", "BIGINT", "UUID"])
def test_a_key_in_redis_that_is_not_utf_8(tmp_path, redis_server, redis_client, kind):
    """It belongs to no entity: verify names it, a full sync and a purge go by it or delete it."""
    view = View("odd", {"k": kind}, {"x": "INTEGER"})
    project = SyncProject(tmp_path, view, memory=True)
    value = "7d5e1b5c-6a1c-4f3c-9e1e-00000000000a" if kind == "UUID" else "7"
    project.insert(view, (value, day(1), 7))
    store = project.store(redis_server)
    store.sync()
    for raw in (b"fs:shop:odd:{\xff}", b"fs:shop:odd:{abc}\n", b"fs:shop:\xff:{1}"):
        redis_client.set(raw, b"x")

    found = store.verify(sample=None).views[0]

    assert 2 == len(found.differences)
    store.status()
    store.sync(full=True)
    assert store.verify(sample=None).good
    assert_parity(project, redis_server, keys=project.known_keys(view))
    store.purge()
    assert [] == redis_client.keys("fs:shop:odd:*")


def test_a_key_that_cannot_be_one_is_named(tmp_path, redis_server, redis_client):
    """The refusal names the view, the column and its type."""
    view = View("odd", {"k": "TIMESTAMP_NS"}, {"x": "INTEGER"})
    with pytest.raises(UnsupportedOnlineType, match=r"'odd'.*join key k \(timestamp\[ns\]\)"):
        SyncProject(tmp_path, view, memory=True).store(redis_server).sync()


def test_a_refused_deletion_is_skipped_and_then_healed(project, redis_server, redis_client):
    """A newer row in Redis than was published is kept, counted, and looked at by the next run."""
    key = "fs:shop:plane_status:{N1}"
    newer = bytearray(redis_client.get(key)[:-4])
    newer[5:13] = (2**60).to_bytes(8, "big")
    redis_client.set(key, with_checksum(key.encode(), bytes(newer)))
    project.execute("DELETE FROM plane_status WHERE tailnum = 'N1'")
    reports = {view.view: view for view in project.store(redis_server).sync().views}

    assert (0, 1) == (reports["plane_status"].deleted, reports["plane_status"].skipped)
    heals(project, redis_server)
