"""The end of a row's validity online: published with the row, and gone when the row has ended."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from sync.grace import GRACE
from tests.support.sync_project import (
    NOW,
    SyncProject,
    View,
    assert_parity,
    day,
    rows_in_redis,
)

PLANS = View("plans", {"id": "BIGINT"}, {"plan": "VARCHAR"}, ends=True)
SHORT = PLANS.but(ttl="10 days")
HOUR = timedelta(hours=1)


class Plans:
    """A project with one view, and a server."""

    def __init__(self, folder, url, client, view=PLANS):
        self.url, self.client, self.view = url, client, view
        self.project = SyncProject(folder, view, memory=True)

    def insert(self, *rows):
        """Add rows of an id, a start, an end and a plan."""
        self.project.insert(self.view, *rows)

    def sync(self, now=NOW, **options):
        """Run dry, then sync; return the report, whose counts the dry run has foretold."""
        store = self.project.store(self.url, now)
        (foretold,) = store.sync(**options, dry_run=True).views
        (report,) = store.sync(**options).views
        names = ("rows_read", "written", "deleted", "held_back", "newest_event_timestamp")
        assert [getattr(foretold, n) for n in names] == [getattr(report, n) for n in names]
        assert_parity(self.project, self.url, now)
        assert store.verify(sample=None).good
        assert store.status().views[0].newest_is_online
        return report

    def read(self, key, now=NOW):
        """Return the value of a key and its status; offline it has the same value."""
        response = self.project.store(self.url, now).get_online_features(
            ["plans:plan"], [{"id": key}]
        )
        (value,) = response.to_dict()["plan"]
        (status,) = response.statuses["plan"]
        entities = f"SELECT {key}::BIGINT AS id, TIMESTAMP '{now:%Y-%m-%d %H:%M:%S.%f}' AS t"
        offline = self.project.store(self.url, now).get_historical_features(
            entities, ["plans:plan"], event_timestamp="t"
        )
        assert offline.to_arrow().column("plan").to_pylist() == [value]
        return value, str(status)

    def expires_in(self, key):
        """Return the seconds until the server drops a row; None if it never does."""
        (name,) = [n for n in rows_in_redis(self.url, "shop") if n.endswith(f"{{{key}}}")]
        left = self.client.pttl(name)
        return None if left == -1 else left / 1000


@pytest.fixture
def plans(tmp_path, redis_server, redis_client):
    return Plans(tmp_path, redis_server, redis_client)


def test_a_row_is_served_until_its_end(plans):
    plans.insert((1, day(5), None, "free"), (2, day(5), day(-2), "trial"), (3, day(9), day(1), "x"))
    assert plans.sync().written == 2
    assert plans.read(1) == ("free", "PRESENT")
    end = NOW + timedelta(days=2)
    assert plans.read(2, end - timedelta(microseconds=1)) == ("trial", "PRESENT")
    assert plans.read(2, end) == (None, "EXPIRED")
    assert plans.read(3) == (None, "NOT_FOUND")


def test_the_delay_moves_the_end(tmp_path, redis_server, redis_client):
    plans = Plans(tmp_path, redis_server, redis_client, PLANS.but(available_after="1 hour"))
    plans.insert((1, day(5), day(0), "trial"))
    plans.sync()
    assert plans.read(1, NOW + HOUR - timedelta(microseconds=1)) == ("trial", "PRESENT")
    assert plans.read(1, NOW + HOUR) == (None, "EXPIRED")


@pytest.mark.parametrize("full", [False, True])
def test_closing_a_row_reaches_the_online_store(plans, full):
    """As `hard_deletes: invalidate` does: no row is added, and no older row comes back."""
    plans.insert((1, day(9), day(5), "trial"), (1, day(5), None, "free"), (2, day(5), None, "pro"))
    plans.sync()
    plans.project.execute(f"UPDATE plans SET ends_at = '{day(1)}' WHERE id = 1 AND plan = 'free'")
    assert plans.sync(full=full).deleted == 1
    assert plans.read(1) == (None, "NOT_FOUND")
    assert plans.read(2) == ("pro", "PRESENT")
    plans.project.execute("UPDATE plans SET ends_at = NULL WHERE id = 1 AND plan = 'free'")
    assert plans.sync(full=full).written >= 1
    assert plans.read(1) == ("free", "PRESENT")


def test_a_change_of_the_end_alone_is_a_change(plans):
    plans.insert((1, day(5), None, "free"), (2, day(5), None, "pro"))
    plans.sync()
    assert plans.expires_in(1) is None
    plans.project.execute(f"UPDATE plans SET ends_at = '{day(-2)}' WHERE id = 1")
    assert plans.sync().written == 1
    lasts = (timedelta(days=2) + GRACE).total_seconds()
    assert lasts - 60 < plans.expires_in(1) <= lasts
    assert plans.expires_in(2) is None
    status = plans.project.store(plans.url).status().views[0]
    assert status.next_expiry == NOW + timedelta(days=2)
    plans.project.execute("UPDATE plans SET ends_at = 'infinity' WHERE id = 1")
    assert plans.sync().written == 1
    assert plans.expires_in(1) is None
    assert plans.sync().changed == 0


@pytest.mark.parametrize(("end", "days"), [(-2, 2), (-7, 5), (None, 5)])
def test_the_server_drops_a_row_by_its_ttl_or_its_end(
    tmp_path, redis_server, redis_client, end, days
):
    """Whichever comes first, and a day later."""
    plans = Plans(tmp_path, redis_server, redis_client, SHORT)
    plans.insert((1, day(5), end and day(end), "free"))
    plans.sync()
    lasts = (timedelta(days=days) + GRACE).total_seconds()
    assert lasts - 60 < plans.expires_in(1) <= lasts


def test_the_end_comes_behind_the_created_timestamp(tmp_path, redis_server, redis_client):
    view = replace(PLANS, created=True)
    plans = Plans(tmp_path, redis_server, redis_client, view)
    plans.insert((1, day(5), day(5), day(-2), "old"), (1, day(5), day(4), day(-3), "new"))
    plans.sync()
    assert plans.read(1, NOW + timedelta(days=2)) == ("new", "PRESENT")
    lasts = (timedelta(days=3) + GRACE).total_seconds()
    assert lasts - 60 < plans.expires_in(1) <= lasts


@pytest.mark.parametrize("full", [False, True])
def test_rows_that_end_do_not_pull_the_brake(plans, full):
    """An end is time, also if the row was published without one; a deletion is not."""
    plans.insert(*((key, day(5), None, "free") for key in range(100)))
    plans.sync()
    plans.project.execute(f"UPDATE plans SET ends_at = '{day(1)}' WHERE id < 90")
    report = plans.sync(full=full)
    assert (report.held_back, report.deleted) == ("", 90)

    plans.insert(*((key, day(4), None, "free") for key in range(90)))
    plans.sync()
    plans.project.execute("DELETE FROM plans WHERE id >= 20")
    store = plans.project.store(plans.url)
    assert "delete 80 of its 100 rows" in store.sync(full=full).views[0].held_back


@pytest.mark.parametrize("full", [False, True])
def test_a_row_that_runs_out_between_two_syncs_has_expired(plans, full):
    plans.insert((1, day(5), day(-1), "trial"), (2, day(5), None, "free"))
    plans.sync()
    later = NOW + timedelta(days=1)
    assert plans.sync(later, full=full).deleted == 0
    assert plans.read(1, later) == (None, "EXPIRED")


def test_a_narrow_run_leaves_a_row_that_has_ended(plans):
    """Readers say EXPIRED of it, so verify does not call it wrong, nor status what is newest."""
    plans.insert((1, day(5), None, "free"), (2, day(4), day(-1), "trial"))
    plans.sync()
    later = NOW + timedelta(days=2)
    store = plans.project.store(plans.url, later)

    assert store.status().views[0].newest_is_online
    for _ in range(2):
        store.sync(since=HOUR)
        assert store.verify(sample=None).good
        assert store.status().views[0].newest_is_online
        plans.insert((3, later, None, "free"))
    assert plans.read(2, later) == (None, "EXPIRED")
    plans.project.execute("DELETE FROM plans")
    assert 2 == store.verify(sample=None).views[0].unknown


def test_a_row_with_another_end_than_the_warehouse_is_found(plans):
    """Only the row's own end in Redis excuses a row that the warehouse does not have."""
    plans.insert((1, day(5), None, "free"), (2, day(5), None, "free"))
    plans.sync()
    plans.project.execute(f"UPDATE plans SET ends_at = '{day(1)}' WHERE id = 2")
    (found,) = plans.project.store(plans.url).verify(sample=None).views
    assert [(0, 1)] == [(found.differing, found.unknown)]
