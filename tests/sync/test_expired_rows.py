"""A sync deletes no row only because its time is over: that is left to the server."""

from __future__ import annotations

from datetime import timedelta

import pytest

from sync.grace import GRACE
from tests.support.sync_project import NOW, SyncProject, View, assert_parity, day, rows_in_redis

TTL = timedelta(days=10)
SHORT = View("v", {"id": "INTEGER"}, {"x": "INTEGER"}, own={"ttl": "10 days"})
ENDING = View("v", {"id": "INTEGER"}, {"x": "INTEGER"}, ends=True)
HOUR = timedelta(hours=1)
FULL = pytest.mark.parametrize("full", [False, True], ids=["changes", "full"])


class Syncs:
    """A project with one view, and a server."""

    def __init__(self, folder, url, view):
        self.url = url
        self.project = SyncProject(folder, view, memory=True)

    def sync(self, now, **options):
        """Run dry, then sync; return the counts, which the dry run has foretold."""
        store = self.project.store(self.url, now)
        (foretold,) = store.sync(**options, dry_run=True).views
        (report,) = store.sync(**options).views
        names = ("rows_read", "changed", "written", "deleted", "held_back")
        assert [getattr(foretold, name) for name in names] == [
            getattr(report, name) for name in names
        ]
        assert_parity(self.project, self.url, now)
        (verdict,) = store.verify(sample=None).views
        assert (0, 0, "") == (verdict.differing, verdict.unknown, verdict.problem)
        return report

    def read(self, now, *keys):
        """Return the value and the status of each key."""
        found = self.project.store(self.url, now).get_online_features(["v:x"], {"id": [*keys]})
        return [*zip(found.values["x"], map(str, found.statuses["x"]), strict=True)]

    def left(self, client, key):
        """Return the time until the server drops a row."""
        return timedelta(milliseconds=client.pttl(f"fs:shop:v:{{{key}}}"))


@pytest.fixture
def short(tmp_path, redis_server, redis_client):
    """Return a view with a ttl, and two rows, one of them of five days ago."""
    syncs = Syncs(tmp_path, redis_server, SHORT)
    syncs.project.insert(SHORT, (1, day(5), 10), (2, day(0), 20))
    return syncs


@FULL
@pytest.mark.parametrize(
    "later", [timedelta(microseconds=1), HOUR, GRACE - HOUR, GRACE, GRACE + HOUR, 300 * GRACE]
)
def test_a_row_whose_ttl_ran_out_says_so_after_a_sync(short, full, later):
    """Within the day after, and later too: the rest is the server's, by its own clock."""
    short.sync(NOW)
    after = NOW + timedelta(days=5) + later
    report = short.sync(after, full=full)

    assert 0 == report.deleted
    assert (None, "EXPIRED") == short.read(after, 1)[0]
    short.sync(after + HOUR, full=full)
    assert (None, "EXPIRED") == short.read(after + HOUR, 1)[0]


@FULL
def test_a_row_that_is_gone_at_the_source_is_deleted(short, full):
    """Expired or not, soon after or long after."""
    short.project.insert(SHORT, (3, day(5), 30), (4, day(4), 40))
    short.sync(NOW)
    later = NOW + timedelta(days=5) + HOUR
    short.project.execute("DELETE FROM v WHERE id = 3")
    assert 1 == short.sync(later, full=full).deleted
    assert [(None, "EXPIRED"), (20, "PRESENT"), (None, "NOT_FOUND")] == short.read(later, 1, 2, 3)
    short.project.execute("DELETE FROM v WHERE id IN (1, 4)")
    later += 3 * GRACE
    assert 2 == short.sync(later, full=full).deleted
    assert [(None, "NOT_FOUND"), (None, "NOT_FOUND")] == short.read(later, 1, 4)


def test_a_row_that_is_gone_is_deleted_if_its_entity_has_an_older_one(short):
    """Both have expired, but only the older one is in the source."""
    short.project.insert(SHORT, (4, day(4), 40), (4, day(50), 41))
    short.sync(NOW)
    short.project.execute("DELETE FROM v WHERE x = 40")
    assert 1 == short.sync(NOW + timedelta(days=9)).deleted


def test_an_expired_row_that_was_left_to_the_server_can_come_back(short):
    """With a newer row, and with its own after the ttl has grown."""
    short.sync(NOW)
    later = NOW + timedelta(days=9)
    short.sync(later)
    short.project.insert(SHORT, (1, later.replace(tzinfo=None), 11))
    assert 1 == short.sync(later).written
    assert (11, "PRESENT") == short.read(later, 1)[0]
    later += timedelta(days=30)
    short.sync(later)
    short.project.declare(SHORT.but(ttl="90 days"))
    assert 2 == short.sync(later).written
    assert [(11, "PRESENT"), (20, "PRESENT")] == short.read(later, 1, 2)


def test_the_server_drops_a_row_a_day_after_its_ttl_also_if_it_is_written_later(
    short, redis_client
):
    """A first sync publishes a row that expired an hour ago, and the server has the rest."""
    later = NOW + timedelta(days=5) + HOUR
    assert (1, 2) == ((report := short.sync(later)).rows_read, report.written)
    assert GRACE - 2 * HOUR < short.left(redis_client, 1) <= GRACE - HOUR
    assert (None, "EXPIRED") == short.read(later, 1)[0]


@FULL
def test_an_end_that_comes_says_expired_after_a_sync(tmp_path, redis_server, redis_client, full):
    """Also if the row was published without an end; and one that ended long ago is not served."""
    syncs = Syncs(tmp_path, redis_server, ENDING)
    rows = [(1, day(5), day(-1), 10), (2, day(5), None, 20), (3, day(5), None, 30)]
    syncs.project.insert(ENDING, *rows)
    syncs.sync(NOW)
    later = NOW + timedelta(days=1) + HOUR
    ended = (later - 2 * HOUR).replace(tzinfo=None)
    syncs.project.execute(
        f"UPDATE v SET ends_at = '{ended}' WHERE id = 2",
        f"UPDATE v SET ends_at = '{day(2)}' WHERE id = 3",
    )
    assert 1 == syncs.sync(later, full=full).deleted
    assert [(None, "EXPIRED"), (None, "EXPIRED"), (None, "NOT_FOUND")] == syncs.read(later, 1, 2, 3)
    assert GRACE - 3 * HOUR < syncs.left(redis_client, 2) <= GRACE - 2 * HOUR
    later += 100 * GRACE
    assert 0 == syncs.sync(later, full=full).deleted
    assert [(None, "EXPIRED"), (None, "EXPIRED")] == syncs.read(later, 1, 2)


def test_a_full_sync_leaves_no_row_of_an_older_schema(short):
    """Its schema is deleted, so no reader could tell what the row holds."""
    short.sync(NOW)
    short.project.execute("ALTER TABLE v ALTER x TYPE BIGINT")
    later = NOW + timedelta(days=8)
    assert 1 == short.sync(later).deleted
    assert {"fs:shop:v:{2}"} == rows_in_redis(short.url, "shop")


def test_status_counts_the_rows_that_redis_holds(short):
    """Among them those that expired within the last day; the next expiry is of the others."""
    later = NOW + timedelta(days=5) + HOUR
    short.sync(NOW)
    short.sync(later)
    (view,) = short.project.store(short.url, later).status().views
    assert (2, NOW + TTL, True) == (view.rows, view.next_expiry, view.newest_is_online)
    later += GRACE
    short.sync(later)
    assert 1 == short.project.store(short.url, later).status().views[0].rows


@FULL
def test_the_brake_counts_the_rows_that_readers_find(tmp_path, redis_server, redis_client, full):
    """Expired rows that stay in Redis do not hide that all others would go."""
    syncs = Syncs(tmp_path, redis_server, SHORT)
    syncs.project.insert(SHORT, *((key, day(9 if key < 60 else 1), key) for key in range(100)))
    syncs.sync(NOW)
    later = NOW + timedelta(days=1) + HOUR
    syncs.project.execute("DELETE FROM v WHERE id >= 60")
    (report,) = syncs.project.store(syncs.url, later).sync(full=full).views
    assert "all of its 40 rows" in report.held_back


def test_status_compares_the_rows_that_count(tmp_path, redis_server, redis_client):
    """Neither a row that ended nor one past its ttl is the newest online, on either side."""
    view = ENDING.but(ttl="10 days")
    syncs = Syncs(tmp_path, redis_server, view)
    syncs.project.insert(view, (1, day(1), day(-1), 10), (2, day(9), None, 20))
    syncs.sync(NOW)
    later = NOW + timedelta(days=1) + HOUR
    for _ in range(2):
        (status,) = syncs.project.store(syncs.url, later).status().views
        assert (True, None) == (status.newest_is_online, status.next_expiry)
        syncs.sync(later)
    assert [(None, "EXPIRED"), (None, "EXPIRED")] == syncs.read(later, 1, 2)


@FULL
def test_a_run_with_since_leaves_expired_rows_too(short, full):
    """It deletes none of them either; the next run without it deletes what the source lacks."""
    short.project.insert(SHORT, (3, day(5), 30))
    short.sync(NOW)
    short.project.execute("DELETE FROM v WHERE id = 3")
    later = NOW + timedelta(days=5) + HOUR
    short.project.insert(SHORT, (4, later.replace(tzinfo=None), 40))
    store = short.project.store(short.url, later)
    (report,) = store.sync(since=HOUR).views
    assert (1, 0) == (report.written, report.deleted)
    assert store.verify(sample=None).good
    assert [(None, "EXPIRED"), (20, "PRESENT")] == short.read(later, 1, 2)
    assert 1 == short.sync(later, full=full).deleted
    assert [(None, "EXPIRED"), (None, "NOT_FOUND")] == short.read(later, 1, 3)
