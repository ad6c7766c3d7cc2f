"""What one sync does, change by change; after each, online is what history says."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from urllib.parse import quote

import pytest

from featurestore.errors import (
    FeatureStoreError,
    SyncError,
    UnknownFeatureView,
)
from featurestore.online.checksums import with_checksum
from tests.support.sync_project import (
    MANY_TYPES,
    NOW,
    PLANES,
    ROUTES,
    WEATHER,
    SyncProject,
    View,
    assert_parity,
    day,
    rows_in_redis,
)

NAN = float("nan")
WRITES = ("set", "unlink", "del", "evalsha", "eval", "hset", "pexpire", "expire")


class Syncs:
    """A project and a server, synced and checked together."""

    def __init__(self, project, url, client):
        self.project, self.url, self.client = project, url, client

    def __call__(self, now=NOW, **options):
        """Sync, check the law, and return the reports by view."""
        report = self.project.store(self.url, now).sync(**options)
        assert_parity(self.project, self.url, now)
        return {view.view: view for view in report.views}

    def planes(self, now=NOW, **options):
        """Sync; return what was read, changed, written, deleted and skipped of the planes."""
        report = self(now, **options)["plane_status"]
        return report.rows_read, report.changed, report.written, report.deleted, report.skipped

    def online(self, tailnum="N1", now=NOW):
        """Return a plane's delay online."""
        store = self.project.store(self.url, now)
        found = store.get_online_features(["plane_status:delay"], [{"tailnum": tailnum}])
        return found.values["delay"][0], str(found.statuses["delay"][0])

    def calls(self):
        """Return how often the server was told to write."""
        stats = self.client.info("commandstats")
        return {
            name: stats[f"cmdstat_{name}"]["calls"] for name in WRITES if f"cmdstat_{name}" in stats
        }


@pytest.fixture(params=["", "ledger.duckdb"], ids=["in the warehouse", "beside the job"])
def state(request):
    """Where the ledger is: nothing else may depend on it."""
    return request.param


@pytest.fixture
def syncs(tmp_path, redis_server, redis_client, state):
    """A project with all kinds of views, without rows."""
    views = (PLANES, ROUTES, WEATHER, MANY_TYPES)
    project = SyncProject(tmp_path, *views, memory=True, state=state)
    return Syncs(project, redis_server, redis_client)


@pytest.fixture
def planes(tmp_path, redis_server, redis_client, state):
    """Planes alone, two of them, already published."""
    project = SyncProject(tmp_path, PLANES, memory=True, state=state)
    project.insert(
        PLANES,
        ("N1", day(10), day(9), 1.0, 100, "first"),
        ("N1", day(5), day(5), 2.0, 101, "second"),
        ("N2", day(5), day(5), 3.0, None, None),
    )
    planes = Syncs(project, redis_server, redis_client)
    assert (2, 2, 2, 0, 0) == planes.planes()
    return planes


def plane(planes, event, created, delay, tailnum="N1"):
    planes.project.insert(PLANES, (tailnum, day(event), day(created), delay, 1, "x"))


def fill(project):
    """Put one row and a NULL row into every view."""
    project.insert(
        PLANES, ("N1", day(3), day(2), 1.5, 10, "é✈"), ("N2", day(40), day(40), 1, 1, "")
    )
    project.insert(ROUTES, ("E,W{R}", 1, day(3), "1.5"), ("", -(2**63), day(300), None))
    project.insert(WEATHER, (day(3), 1.5, True), (day(2), NAN, None))
    values = (True, -128, -(2**15), 2**31 - 1, 2**63 - 1, 2**64 - 1, 0.1, -1.5e300)
    more = (Decimal("-12345678901234567890.0123456789"), "é\0✈", b"\0\xff", "0001-01-01")
    times = (
        "23:59:59.999999",
        "1969-12-31 23:59:59.999999",
        "2024-01-01 00:00:00+14",
        "1960-01-01",
    )
    lists = ([1, None, -(2**63)], ["", None, "é"], [Decimal("1.25"), None], [[1.5, NAN], None, []])
    many = len(MANY_TYPES.features)
    project.insert(
        MANY_TYPES,
        (1, day(1), day(1), *values, *more, *times, "high", *lists),
        (2, day(1), None, *[None] * many),
        (3, day(1), day(1), *[None] * (many - 4), [], [], [], []),
    )


def test_a_first_sync_publishes_every_view(syncs):
    """All kinds of views, values and keys come out online as they are in history."""
    fill(syncs.project)
    reports = syncs()
    read = {name: report.rows_read for name, report in reports.items()}
    assert {"many_types": 3, "plane_status": 1, "route_load": 2, "weather": 1} == read
    assert read == {name: report.written for name, report in reports.items()}
    assert all(report.full and not report.reason for report in reports.values())


def test_a_second_sync_writes_no_row(syncs):
    """Nothing changed, NaN and NULL included: no row is read, written or sent."""
    fill(syncs.project)
    syncs()
    before = syncs.calls()
    reports = syncs()
    assert [0] * 4 == [report.changed + report.written for report in reports.values()]
    assert not any(report.full for report in reports.values())
    # The lock is taken with SET and given back with EVAL, which calls DEL. A script that checks the
    # lock writes each view's new moment with one HSET.
    grown = {name: count - before.get(name, 0) for name, count in syncs.calls().items()}
    assert {"set": 1, "eval": 5, "del": 1, "hset": 4} == {name: n for name, n in grown.items() if n}


def test_one_changed_row_is_one_written_row(planes):
    """The work is that of what changed."""
    plane(planes, 4, 4, 7.0)
    assert (2, 1, 1, 0, 0) == planes.planes()
    assert (7.0, "PRESENT") == planes.online()


def test_many_changed_rows_are_all_written(syncs):
    """More rows than one command and one batch hold; every third changes."""
    syncs.project.execute(
        "INSERT INTO route_load SELECT 'EWR', range, TIMESTAMP '2024-01-01', range / 10"
        " FROM range(9000)",
        "INSERT INTO many_types (number, observed_at, a_text, a_decimal, numbers, a_bool)"
        " SELECT range, TIMESTAMPTZ '2024-01-01 00:00:00+00',"
        " if(range % 3 = 0, NULL, 'é' || range),"
        " if(range % 5 = 0, NULL, range / 7), if(range % 7 = 0, NULL, [range, NULL]), range % 2 = 0"
        " FROM range(9000)",
    )
    assert 9000 == syncs()["route_load"].written
    syncs.project.execute(
        "INSERT INTO route_load SELECT origin, flight, TIMESTAMP '2024-01-02', 0 FROM route_load"
        " WHERE flight % 3 = 0",
        "DELETE FROM many_types WHERE number % 3 = 0",
    )
    reports = syncs()
    assert (3000, 0) == (reports["route_load"].written, reports["route_load"].deleted)
    assert (0, 3000) == (reports["many_types"].written, reports["many_types"].deleted)


def test_a_late_row_that_does_not_win_changes_nothing(planes):
    """An older event that arrives now is history, not news."""
    plane(planes, 6, 0, 9.0)
    assert (2, 0, 0, 0, 0) == planes.planes()


def test_a_late_row_that_wins_is_published(planes):
    """A row whose event is older than the last sync, but newer than what is online."""
    planes()
    plane(planes, 1, 0, 9.0)
    assert (2, 1, 1, 0, 0) == planes.planes(NOW + timedelta(hours=1))
    assert (9.0, "PRESENT") == planes.online()


@pytest.mark.parametrize(
    ("created", "changed", "delay"),
    [
        pytest.param(4, 1, 9.0, id="newer"),
        pytest.param(6, 0, 2.0, id="older"),
    ],
)
def test_of_rows_for_one_event_the_last_written_wins(planes, created, changed, delay):
    """A row restated for the same event lands if it was written later."""
    plane(planes, 5, created, 9.0)
    assert (2, changed, changed, 0, 0) == planes.planes()
    assert (delay, "PRESENT") == planes.online()


def test_a_value_corrected_in_place_is_published(planes):
    """The same event and the same created timestamp, but another value."""
    planes.project.execute("UPDATE plane_status SET delay = 9 WHERE note = 'second'")
    assert (2, 1, 1, 0, 0) == planes.planes()
    assert (9.0, "PRESENT") == planes.online()


def test_a_created_timestamp_taken_back_is_published(planes):
    """The row online is newer than what the warehouse now has, and yet is replaced."""
    planes.project.execute(
        "UPDATE plane_status SET written_at = NULL, delay = 8 WHERE note = 'second'"
    )
    assert (2, 1, 1, 0, 0) == planes.planes()


def test_a_deleted_row_brings_the_one_before_back(planes):
    """What is online goes back in time with the source."""
    planes.project.execute("DELETE FROM plane_status WHERE note = 'second'")
    assert (2, 1, 1, 0, 0) == planes.planes()
    assert (1.0, "PRESENT") == planes.online()


def test_an_entity_without_rows_is_gone(planes):
    """All rows of one entity deleted."""
    planes.project.execute("DELETE FROM plane_status WHERE tailnum = 'N1'")
    assert (1, 1, 0, 1, 0) == planes.planes()
    assert (None, "NOT_FOUND") == planes.online()


def test_an_emptied_table_empties_the_store(planes):
    """All rows of all entities are deleted, and published again later."""
    planes.project.execute("CREATE TABLE kept AS FROM plane_status", "DELETE FROM plane_status")
    assert (0, 2, 0, 2, 0) == planes.planes()
    assert (0, 0, 0, 0, 0) == planes.planes(full=True)
    planes.project.execute("INSERT INTO plane_status FROM kept")
    assert (2, 2, 2, 0, 0) == planes.planes()


def test_an_empty_table_can_be_published(syncs):
    """There is nothing to say, and nothing fails."""
    reports = syncs()
    assert [(0, 0, None)] * 4 == [
        (report.rows_read, report.written, report.newest_event_timestamp)
        for report in reports.values()
    ]
    store = syncs.project.store(syncs.url)
    assert ["NOT_FOUND"] == [
        str(status)
        for status in store.get_online_features(["weather:wind"], [{"n": 1}]).statuses["wind"]
    ]


def test_a_row_that_outlives_its_ttl_has_expired(planes):
    """To the instant: at the end of the ttl it counts, a microsecond later readers say EXPIRED."""
    end = NOW + timedelta(days=25)
    assert (2, 0, 0, 0, 0) == planes.planes(end)
    late = end + timedelta(microseconds=1)
    assert (None, "EXPIRED") == planes.online(now=late)
    assert (0, 0, 0, 0, 0) == planes.planes(late)
    assert (None, "EXPIRED") == planes.online(now=late)


def test_a_row_of_the_future_waits(planes):
    """A row is published when now has passed it, to the instant."""
    plane(planes, -1, 0, 9.0)
    just_before = NOW + timedelta(days=1) - timedelta(microseconds=1)
    assert (2, 0, 0, 0, 0) == planes.planes(just_before)
    assert (2, 1, 1, 0, 0) == planes.planes(NOW + timedelta(days=1))
    assert (9.0, "PRESENT") == planes.online(now=NOW + timedelta(days=1))


def test_now_may_go_back(planes):
    """A store that replays history publishes what was so then; a row of later leaves."""
    planes.planes(NOW + timedelta(days=100))
    assert (1, 2, 1, 1, 0) == planes.planes(NOW - timedelta(days=7))
    assert (2, 2, 2, 0, 0) == planes.planes()


def test_a_row_waits_until_it_is_available(planes):
    """`available_after` holds a row back online as it does in a training set."""
    delayed = PLANES.but(available_after="5 days")
    planes.project.declare(delayed)
    assert (2, 0, 0, 0, 0) == planes.planes()
    planes.project.declare(PLANES.but(available_after="6 days"))
    assert (1, 2, 1, 1, 0) == planes.planes()
    assert (1.0, "PRESENT") == planes.online()
    assert (2, 2, 2, 0, 0) == planes.planes(NOW + timedelta(days=1))


def milliseconds_left(client):
    return client.pttl("fs:shop:plane_status:{N1}")


def test_redis_drops_a_row_a_day_after_its_ttl(planes):
    """The server's own expiry: event + ttl + one day, seen from now."""
    expected = timedelta(days=30 - 5 + 1) / timedelta(milliseconds=1)
    assert expected == pytest.approx(milliseconds_left(planes.client), abs=60_000)
    plane(planes, 1, 1, 9.0)
    planes()
    expected = timedelta(days=30 - 1 + 1) / timedelta(milliseconds=1)
    assert expected == pytest.approx(milliseconds_left(planes.client), abs=60_000)


def test_another_ttl_publishes_everything_anew(planes):
    """The server's expiry follows the ttl, and so does what is published."""
    planes.project.declare(PLANES.but(ttl="6 days"))
    report = planes()["plane_status"]
    assert (True, "its columns, types, ttl or format changed") == (report.full, report.reason)
    expected = timedelta(days=2) / timedelta(milliseconds=1)
    assert expected == pytest.approx(milliseconds_left(planes.client), abs=60_000)
    planes.project.declare(PLANES.but(ttl="4 days"))
    assert (0, 2, 0, 2, 0) == planes.planes()


def test_without_a_ttl_nothing_expires(planes):
    """A ttl that is taken away takes the server's expiry with it."""
    planes.project.declare(PLANES.but(ttl=None))
    planes()
    assert -1 == milliseconds_left(planes.client)


def test_a_very_long_ttl_is_no_problem(planes):
    """Ten thousand years, in milliseconds, are more than 32 bits."""
    planes.project.declare(PLANES.but(ttl="100000 days"))
    planes()
    expected = timedelta(days=100_000 - 5 + 1) / timedelta(milliseconds=1)
    assert expected == pytest.approx(milliseconds_left(planes.client), abs=60_000)


def test_a_full_sync_says_what_it_did(planes):
    """Every row is published, and rows that nobody knows are dropped."""
    planes.client.set("fs:shop:plane_status:{N999}", b"left over")
    report = planes(full=True)["plane_status"]
    assert (2, 3, 2, 1, 0) == (
        report.rows_read,
        report.changed,
        report.written,
        report.deleted,
        report.skipped,
    )
    assert (True, "") == (report.full, report.reason)
    assert day(5) == report.newest_event_timestamp
    assert 0 < report.seconds < 60


def test_rows_that_redis_has_newer_are_skipped_and_then_healed(planes):
    """A row written by somebody else is not overwritten blindly, but does not stay either."""
    key = "fs:shop:plane_status:{N1}"
    newer = bytearray(planes.client.get(key)[:-4])
    newer[5:13] = (2**60).to_bytes(8, "big")
    planes.client.set(key, with_checksum(key.encode(), bytes(newer)))
    plane(planes, 4, 4, 7.0)
    report = planes.project.store(planes.url).sync()
    assert (1, 0, 1) == (report.views[0].changed, report.views[0].written, report.views[0].skipped)
    assert planes()["plane_status"].full
    assert (7.0, "PRESENT") == planes.online()


def test_a_report_is_json(syncs):
    """All of it, but for the instants, is plain; those have an ISO form."""
    fill(syncs.project)
    report = syncs.project.store(syncs.url).sync().to_dict()
    plain = json.loads(json.dumps(report, default=str))
    assert ("shop", 4) == (plain["project"], len(plain["views"]))
    assert str(NOW) == plain["as_of"]


def test_progress_grows_to_its_total(syncs):
    """For each view, in a full sync and in an incremental one."""
    syncs.project.execute(
        "INSERT INTO route_load SELECT 'EWR', range, TIMESTAMP '2024-01-01', 1 FROM range(9000)"
    )
    for expected in (9000, 5000):
        events = []
        syncs(progress=events.append)
        done = [event.done for event in events]
        assert {("route_load", expected)} == {(event.view, event.total) for event in events}
        assert (sorted(done), expected) == (done, done[-1])
        syncs.project.execute(
            "DELETE FROM route_load WHERE flight < 2000",
            "UPDATE route_load SET load = 2 WHERE flight < 5000",
        )


def test_chosen_views_alone_are_touched(syncs):
    """`views=` publishes these, and leaves the others as they are."""
    fill(syncs.project)
    syncs()
    syncs.project.execute("DELETE FROM route_load", "DELETE FROM weather")
    report = syncs.project.store(syncs.url).sync(views=["weather", "weather"])
    assert [("weather", 1)] == [(view.view, view.deleted) for view in report.views]
    kept = {key for key in rows_in_redis(syncs.url, "shop") if ":route_load:" in key}
    assert 2 == len(kept)
    assert 2 == syncs()["route_load"].deleted


def test_an_unknown_view_is_named(planes):
    """With the name that was perhaps meant."""
    with pytest.raises(UnknownFeatureView, match="plane_status"):
        planes.project.store(planes.url).sync(views=["plane_statu"])


def test_an_offline_view_is_refused(planes):
    """Whoever names it is told so; whoever names nothing does not publish it."""
    planes.project.declare(PLANES.but(online=False))
    with pytest.raises(SyncError, match=r"'plane_status'.*`online: false`"):
        planes.project.store(planes.url).sync(views=["plane_status"])
    assert (0, 2, 0, 2, 0) == planes.planes()


@pytest.mark.parametrize("gone", ["declared away", "set offline"])
def test_a_view_that_is_no_longer_published_vanishes(syncs, gone):
    """Its rows and its records, in Redis and in the warehouse."""
    fill(syncs.project)
    syncs()
    views = [ROUTES, MANY_TYPES, WEATHER, PLANES.but(online=False)]
    syncs.project.declare(*(views if gone == "set offline" else views[:3]))
    report = syncs()["plane_status"]
    assert (0, 1, 0, 1) == (report.rows_read, report.changed, report.written, report.deleted)
    assert set() == {key for key in syncs.client.scan_iter() if b"plane_status" in key}
    with syncs.project.connect() as connection:
        tables = {row[0] for row in connection.execute("SHOW TABLES").fetchall()}
    assert "_featurestore_published__shop.plane_status" not in tables
    assert "plane_status" not in syncs()


def test_a_view_that_comes_back_is_published_again(planes):
    """Off, and on again."""
    planes.project.declare(PLANES.but(online=False))
    planes()
    planes.project.declare(PLANES)
    assert (2, 2, 2, 0, 0) == planes.planes()


def test_a_feature_added_or_taken_away_publishes_everything_anew(planes):
    """The layout of the rows changed; readers see whole rows only."""
    planes.project.execute("ALTER TABLE plane_status ADD COLUMN extra BIGINT DEFAULT 5")
    wider = View(
        PLANES.name, PLANES.keys, {**PLANES.features, "extra": "BIGINT"}, True, own=PLANES.own
    )
    planes.project.declare(wider)
    assert (2, 2, 2, 0, 0) == planes.planes()
    planes.project.declare(PLANES)
    assert "its columns, types, ttl or format changed" == planes()["plane_status"].reason


def test_a_retyped_feature_publishes_everything_anew(planes):
    """The same name, another type."""
    planes.project.execute("ALTER TABLE plane_status ALTER seats TYPE BIGINT")
    assert "its columns, types, ttl or format changed" == planes()["plane_status"].reason
    planes.project.execute("ALTER TABLE plane_status ALTER seats TYPE VARCHAR")
    assert (2, 2, 2, 0, 0) == planes.planes()


def test_types_without_an_online_format_are_named_together(tmp_path, redis_server, redis_client):
    """One error names every column, and nothing of the view is written."""
    odd = View(
        "z_odd",
        {"number": "INTEGER"},
        {
            "s": "STRUCT(a INTEGER)",
            "n": "TIMESTAMP_NS",
            "m": "MAP(VARCHAR, DATE)",
            "fine": "INTEGER",
        },
    )
    project = SyncProject(tmp_path, PLANES, odd, memory=True)
    project.insert(PLANES, ("N1", day(3), day(2), 1.5, 10, "x"))
    reason = project.store(redis_server).sync().failed["z_odd"]
    for column in ("s (STRUCT(a INTEGER))", "n (timestamp_ns)", "m (MAP(VARCHAR, DATE))"):
        assert column in reason
    assert "fine" not in reason
    assert [b"fs:shop:plane_status:{N1}"] == redis_client.keys("fs:*")


def test_a_key_that_is_no_key_is_refused(tmp_path, redis_server, redis_client):
    """Floats have no one way to be written; nothing is written."""
    odd = View("odd", {"number": "DOUBLE"}, {"x": "INTEGER"})
    project = SyncProject(tmp_path, odd, memory=True)
    project.insert(odd, (1.5, day(3), 1))
    with pytest.raises(FeatureStoreError, match="the join key 'number' is float64"):
        project.store(redis_server).sync()
    assert [] == redis_client.keys()


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("VARCHAR", ["", "a:b", "{x}", "é,✈", "%", "a" * 500, "*", "NULL"]),
        ("DATE", ["0001-01-01", "1969-12-31", "2024-02-29"]),
        ("BOOLEAN", [True, False]),
        ("DECIMAL(18,4)", ["0.0000", "-1.5000", "100.0000"]),
        ("BIGINT", [-(2**63), 0, 2**63 - 1]),
    ],
)
def test_keys_of_many_types_are_published_and_taken_back(
    tmp_path, redis_server, redis_client, kind, values
):
    """For every kind of key; also when a full sync has to recognize them in Redis."""
    view = View("odd", {"key": kind}, {"x": "INTEGER"})
    project = SyncProject(tmp_path, view, memory=True)
    project.insert(view, *[(value, day(3), index) for index, value in enumerate(values)])
    syncs = Syncs(project, redis_server, redis_client)
    assert len(values) == syncs()["odd"].written
    report = syncs(full=True)["odd"]
    assert (len(values), 0) == (report.written, report.deleted)
    project.execute('DELETE FROM odd WHERE "x" > 0')
    assert len(values) - 1 == syncs(full=True)["odd"].deleted
    project.execute("DELETE FROM odd")
    assert 1 == syncs()["odd"].deleted


def test_null_keys_and_null_events_are_never_published(syncs):
    """A row that nobody can ask for, or that never was true, is nowhere."""
    syncs.project.insert(ROUTES, (None, 1, day(3), 1), ("EWR", None, day(3), 1))
    syncs.project.insert(ROUTES, (None, None, day(3), 1), ("EWR", 1, None, 1))
    syncs.project.insert(WEATHER, (None, 1, True))
    reports = syncs()
    assert (0, 0) == (reports["route_load"].rows_read, reports["weather"].rows_read)


def test_global_features_change_and_go(syncs):
    """A view without join keys has one row, in every sync."""
    for wind in (1.0, 2.0):
        syncs.project.insert(WEATHER, (day(3 - wind), wind, None))
        report = syncs()["weather"]
        assert (1, 1) == (report.rows_read, report.written)
    syncs.project.execute("DELETE FROM weather WHERE wind = 2")
    report = syncs()["weather"]
    assert (1, 1, 0) == (report.changed, report.written, report.deleted)
    syncs.project.execute("DELETE FROM weather")
    report = syncs()["weather"]
    assert (1, 0, 1) == (report.changed, report.written, report.deleted)
    assert 0 == syncs()["weather"].changed


def test_full_ties_are_decided_alike_online_and_in_history(planes):
    """Rows that agree on both timestamps: the same one wins everywhere, and stays."""
    for delay in (5.0, 9.0, 7.0):
        plane(planes, 1, 1, delay)
    assert (2, 1, 1, 0, 0) == planes.planes()
    assert (2, 0, 0, 0, 0) == planes.planes()
    assert (2, 2, 2, 0, 0) == planes.planes(full=True)


def test_a_date_as_event_timestamp(tmp_path, redis_server, redis_client):
    """A DATE means its midnight, UTC; the ttl counts from there."""
    view = View("daily", {"id": "INTEGER"}, {"x": "INTEGER"}, False, "DATE", {"ttl": "2 days"})
    project = SyncProject(tmp_path, view, memory=True)
    project.insert(view, (1, "2024-02-28", 1), (2, "2024-02-27", 2), (3, "2024-03-01", 3))
    syncs = Syncs(project, redis_server, redis_client)
    assert 2 == syncs()["daily"].written
    project.insert(view, (1, "2024-02-29", 4))
    assert 1 == syncs()["daily"].written
    end = NOW + timedelta(days=1)
    assert 2 == syncs(end)["daily"].rows_read
    assert 1 == syncs(end + timedelta(microseconds=1))["daily"].rows_read
    assert 0 == syncs(NOW + timedelta(days=30))["daily"].deleted


@pytest.mark.parametrize("first", ["prod", "nonprod", "prod:x"])
def test_projects_in_one_redis_never_touch_each_other(tmp_path, redis_server, redis_client, first):
    """No command of one project changes a byte of another's keys."""
    others = [name for name in ("prod", "nonprod", "prod:x", "PROD", "prod%3Ax") if name != first]
    projects = {}
    for index, name in enumerate((first, *others)):
        project = SyncProject(tmp_path / str(index), PLANES, WEATHER, project=name, memory=True)
        project.insert(PLANES, ("N1", day(3), day(2), float(index), 10, name))
        project.insert(WEATHER, (day(3), float(index), True))
        project.store(redis_server).sync()
        projects[name] = project
    prefix = f"fs:{quote(first, safe='')}:".encode()

    def of_others():
        keys = sorted(redis_client.keys())
        mine = (prefix, f"fs-meta:{{{quote(first, safe='')}}}:".encode())
        return {key: redis_client.dump(key) for key in keys if not key.startswith(mine)}

    before = of_others()
    assert 4 * (2 * 3 + 2) == len(before)
    project = projects[first]
    project.execute("DELETE FROM weather", "UPDATE plane_status SET delay = 99")
    project.store(redis_server).sync()
    project.store(redis_server).sync(full=True)
    project.declare(WEATHER)
    project.store(redis_server).sync()
    assert before == of_others()
    for each in projects.values():
        assert_parity(each, redis_server)


def test_projects_may_share_a_warehouse(tmp_path, redis_server, redis_client):
    """Each keeps its own ledger in the same schema."""
    first = SyncProject(tmp_path / "first", PLANES, project="prod", memory=True)
    second = SyncProject(tmp_path / "second", PLANES, project="nonprod", memory=True)
    second._memory = first._memory  # noqa: SLF001
    first.insert(PLANES, ("N1", day(3), day(2), 1.0, 10, "x"))
    for project in (first, second, first, second):
        project.store(redis_server).sync()
        assert_parity(project, redis_server)
    first.execute("DELETE FROM plane_status")
    first.store(redis_server).sync()
    assert (set(), 1) == (
        rows_in_redis(redis_server, "prod"),
        len(rows_in_redis(redis_server, "nonprod")),
    )
    second.store(redis_server).sync()
    assert_parity(second, redis_server)
