"""Where dbt says which rows it changes, a sync looks at those alone, and finds every change."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.engines.shops import (
    NOW,
    PostgresHome,
    Shop,
    View,
    ago,
    assert_law,
    counts,
    started_postgres,
)
from tests.support.builders import PROJECT

pytestmark = [pytest.mark.engines, pytest.mark.filterwarnings("default")]
TYPES = {
    "tailnum": "varchar",
    "observed_at": "timestamp",
    "written_at": "timestamp",
    "delay": "double",
}
OWN = {"event_timestamp": "observed_at", "created_timestamp": "written_at", "ttl": "40 days"}
INCREMENTAL = {"materialized": "incremental"}
APPENDED = View(
    "planes", ("tailnum",), TYPES, OWN, {**INCREMENTAL, "incremental_strategy": "append"}
)
BATCHED = View(
    "planes",
    ("tailnum",),
    TYPES,
    OWN,
    {
        **INCREMENTAL,
        "incremental_strategy": "microbatch",
        "event_time": "observed_at",
        "batch_size": "day",
        "lookback": 2,
    },
)
LATER = NOW + timedelta(hours=6)


@pytest.fixture(scope="module")
def engine():
    """Run a server."""
    engine = started_postgres()
    yield engine
    engine.close()


class Planes(Shop):
    """A project whose table stays the same while dbt changes its rows."""

    def add(self, *rows):
        """Add rows to the table."""
        for row in rows:
            self.rows["planes"].append(row)
            self.ever["planes"].add((row["tailnum"],))
            names = ", ".join(row)
            marks = ", ".join(f"%({name})s" for name in row)
            self.home.engine.connection.execute(
                f"INSERT INTO public.planes ({names}) VALUES ({marks})", row
            )

    def remove(self, wanted):
        """Delete the rows for which a function is true."""
        for row in filter(wanted, self.rows["planes"]):
            where = "tailnum = %(tailnum)s AND observed_at = %(observed_at)s"
            self.home.engine.connection.execute(f"DELETE FROM public.planes WHERE {where}", row)
        self.rows["planes"] = [row for row in self.rows["planes"] if not wanted(row)]


def plane(number, event, written=None, delay=1.5):
    return APPENDED.row(f"N{number}", event, written or event, delay)


@pytest.fixture(params=[False, True], ids=["beside the job", "in the warehouse"])
def planes(request, engine, tmp_path, redis_client):
    """Return a function that makes a project with 20 published planes of a view."""

    def make(view, url):
        home = PostgresHome(engine, inside=request.param)
        shop = Planes(tmp_path / "project", home, view)
        shop.build(view, *(plane(number, ago(3, number)) for number in range(20)))
        (report,) = shop.store(url).sync().views
        assert (20, None) == (report.written, report.compared_since)
        return shop

    return make


def synced(shop, url, now=LATER):
    """Sync, check the law, and return the counts and the start of what was compared."""
    foretold = shop.store(url, now).sync(dry_run=True)
    report = shop.store(url, now).sync()
    assert counts(foretold) == counts(report)
    assert foretold.views[0].compared_since == report.views[0].compared_since
    assert_law(shop, url, now)
    return counts(report)["planes"], report.views[0].compared_since


def test_added_rows_are_found_by_the_time_of_their_writing(planes, redis_server):
    """Late ones too; a late row that is older than the published one changes nothing."""
    shop = planes(APPENDED, redis_server)
    written = ago(-0.1)
    shop.add(
        plane(100, ago(39), written),
        plane(1, ago(-0.05), written, 2.5),
        plane(2, ago(30), written, 9.9),
        plane(3, ago(3, 3), written, 3.5),
        APPENDED.row("N4", ago(-0.05), None, 4.5),
        APPENDED.row("N5", ago(35), None, 9.9),
        plane(101, ago(-3), written),
    )

    assert ((4, 0), NOW) == synced(shop, redis_server)
    # What is not known yet becomes known without a new row.
    assert ((1, 0), LATER) == synced(shop, redis_server, NOW + timedelta(days=4))


def test_a_clock_of_the_source_that_is_behind_is_followed(planes, redis_server):
    """Dbt runs each week, and takes the time of writing from the source: no row is missed."""
    shop = planes(APPENDED, redis_server)
    week = timedelta(days=6)
    assert ((0, 0), NOW) == synced(shop, redis_server, LATER)
    # Older than a day before the last sync, but not than the newest row that was published.
    shop.add(plane(80, ago(2.5), ago(2.5)), plane(3, ago(2.7), ago(2.7), 8.5))

    changed, since = synced(shop, redis_server, NOW + week)
    assert (2, 0) == changed
    assert since is not None


def test_replaced_batches_are_compared_and_no_older_rows(planes, redis_server):
    """New, restated and moved rows; the start covers the batches that a run may replace."""
    shop = planes(BATCHED, redis_server)
    shop.remove(lambda row: row["tailnum"] == "N0")
    shop.add(plane(0, ago(3), delay=7.5), plane(2, ago(0, 1)), plane(50, ago(0)))

    changed, since = synced(shop, redis_server)

    # A day for a run of dbt that began before the last sync, and two days of lookback.
    assert ((3, 0), ago(3)) == (changed, since.replace(tzinfo=None))


def test_a_row_that_vanished_from_its_batch_makes_the_sync_compare_all(planes, redis_server):
    """Its entity may have an older row, or none."""
    shop = planes(BATCHED, redis_server)
    shop.add(plane(60, ago(20), delay=-1.0), plane(60, ago(0, 2)), plane(61, ago(0, 2)))
    assert (2, 0) == synced(shop, redis_server)[0]
    shop.remove(lambda row: row["tailnum"] in {"N60", "N61"} and row["observed_at"] > ago(1))

    assert (1, 1) == synced(shop, redis_server, NOW + timedelta(hours=9))[0]


@pytest.mark.parametrize("view", [APPENDED, BATCHED], ids=["append", "microbatch"])
def test_all_rows_are_compared_now_and_then(planes, redis_server, view):
    """A row that was changed by hand is right again after a week at most."""
    shop = planes(view, redis_server)
    shop.add(plane(70, ago(20)))
    shop.store(redis_server, LATER).sync(full=True)
    shop.remove(lambda row: row["tailnum"] == "N70")

    def run(days):
        (report,) = shop.store(redis_server, LATER + timedelta(days=days)).sync().views
        return report.deleted, report.compared_since is None

    assert [(0, False), (0, False), (1, True)] == [run(days) for days in (1, 6.9, 7)]
    assert_law(shop, redis_server, LATER + timedelta(days=7))


def test_a_rebuilt_table_is_compared_whole(planes, redis_server):
    """A full refresh makes another table, with the same or other rows."""
    shop = planes(APPENDED, redis_server)
    shop.build(APPENDED, *(plane(number, ago(3, number), delay=8.0) for number in range(1, 20)))

    assert ((19, 1), None) == synced(shop, redis_server)
    assert ((0, 0), LATER) == synced(shop, redis_server, LATER + timedelta(hours=1))


def test_a_backfill_is_compared_whole(planes, redis_server):
    """Dbt rewrites older batches on request, in the same table."""
    shop = planes(BATCHED, redis_server)
    shop.remove(lambda row: row["tailnum"] == "N7")
    shop.add(plane(7, ago(3, 7), delay=-7.0))
    content = {
        "metadata": {"generated_at": (NOW + timedelta(hours=1)).isoformat()},
        "args": {"event_time_start": "2024-01-01", "full_refresh": False},
    }
    (shop.folder / "target" / "run_results.json").write_text(json.dumps(content))

    assert ((1, 0), None) == synced(shop, redis_server)


def test_a_backfill_is_found_after_another_command_of_dbt(planes, redis_server):
    """The SQL of its batches widens the window; that of an older run does not."""
    shop = planes(BATCHED, redis_server)
    shop.remove(lambda row: row["tailnum"] == "N7")
    shop.add(plane(7, ago(3, 7), delay=-7.0))
    batches = shop.folder / "target" / "run" / PROJECT / "models" / "planes"
    batches.mkdir(parents=True)
    for day, run_at in ((ago(3, 7), LATER), (ago(25), NOW - timedelta(days=2))):
        file = batches / f"planes_{day.date()}.sql"
        file.write_text("select 1")
        os.utime(file, (run_at.timestamp(), run_at.timestamp()))

    changed, since = synced(shop, redis_server)

    assert ((1, 0), ago(3, 7).date()) == (changed, since.date())


@pytest.mark.parametrize("view", [APPENDED, BATCHED], ids=["append", "microbatch"])
def test_a_run_with_since_hides_no_change_from_the_next(planes, redis_server, view):
    """A late row, which dbt wrote before that run, and long before the run without it."""
    shop = planes(view, redis_server)
    shop.add(plane(2, ago(0.5), ago(-1), 8.5), plane(80, ago(-4.99)))
    later = NOW + timedelta(days=5)
    (report,) = shop.store(redis_server, later).sync(since=timedelta(hours=1)).views
    assert 1 == report.written

    changed, start = synced(shop, redis_server, later + timedelta(hours=1))

    assert (1, 0) == changed
    assert start is not None


@pytest.mark.parametrize("view", [APPENDED, BATCHED], ids=["append", "microbatch"])
def test_other_declarations_make_the_sync_compare_all(planes, redis_server, view):
    """Rows are known earlier than by the declarations of the last run."""
    late = replace(view, own={**OWN, "available_after": "2 days"})
    shop = planes(late, redis_server)
    shop.add(plane(90, ago(1.9), ago(1.9)))
    assert (0, 0) == synced(shop, redis_server, LATER - timedelta(hours=5))[0]
    shop.views["planes"] = view
    shop.declare()

    assert ((1, 0), None) == synced(shop, redis_server)
