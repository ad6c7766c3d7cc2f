"""The sync on every engine that runs here: one list of scenarios, and one law for each of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, timedelta
from decimal import Decimal

import pytest

from featurestore.errors import SyncError, SyncLocked, WarehouseError
from tests.engines.shops import (
    NOW,
    DuckDBHome,
    PostgresHome,
    Shop,
    SparkHome,
    View,
    ago,
    assert_law,
    counts,
    started_postgres,
)
from tests.engines.spark_engine import Spark

pytestmark = [
    pytest.mark.engines,
    pytest.mark.proves("sync", by="home"),
    pytest.mark.filterwarnings("default"),
]
LOCK = "fs-meta:{shop}:lock"
UNFINISHED = "the last sync did not finish it"
PLANES = View(
    "plane_status",
    ("tailnum",),
    {
        "tailnum": "varchar",
        "observed_at": "timestamp",
        "written_at": "timestamp",
        "delay": "double",
        "seats": "integer",
        "note": "varchar",
    },
    {"event_timestamp": "observed_at", "created_timestamp": "written_at", "ttl": "30 days"},
)
"""A ttl and a created timestamp."""
ROUTES = View(
    "route_load",
    ("src", "number"),
    {
        "src": "varchar",
        "number": "bigint",
        "departed_at": "timestamptz",
        "load": "decimal(10,2)",
        "hops": "bigint[]",
    },
    {"event_timestamp": "departed_at", "available_after": "36 hours"},
)
"""A composite key, and rows that are known late."""
WEATHER = View(
    "weather",
    (),
    {"day": "date", "wind": "double", "storm": "boolean"},
    {"event_timestamp": "day"},
)
"""No key: one row for all."""
OWNERS = View(
    "owners",
    ("tailnum",),
    {"tailnum": "bigint", "since": "timestamptz", "until": "timestamptz", "name": "varchar"},
    {"event_timestamp": "since", "valid_until": "until", "ttl": "300 days"},
)
"""A snapshot: rows end."""
NAN = float("nan")


@pytest.fixture(scope="session")
def postgres_engine():
    """Run a server."""
    engine = started_postgres()
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def spark_engine(tmp_path_factory):
    """Run a session with a database."""
    engine = Spark()
    folder = tmp_path_factory.mktemp("spark") / "tables"
    engine.session.sql(f"CREATE DATABASE shop LOCATION '{folder}'")
    yield engine
    engine.session.sql("DROP DATABASE shop CASCADE")
    engine.close()


@pytest.fixture(params=["duckdb", "duckdb, beside the job", "postgres", "spark"])
def home(request, tmp_path):
    """Return where the tables are; the first one is the control."""
    if request.param == "postgres":
        return PostgresHome(request.getfixturevalue("postgres_engine"))
    if request.param == "spark":
        return SparkHome(request.getfixturevalue("spark_engine"))
    return DuckDBHome(tmp_path, beside="beside" in request.param)


@pytest.fixture
def make(home, tmp_path, redis_client):
    """Return a function that writes a project with empty tables."""
    return lambda *views: Shop(tmp_path / "project", home, *views)


@pytest.fixture
def url(redis_server):
    """Return the online store's URL."""
    return redis_server


def plane(name, event, written=None, delay=1.5, seats=2, note="x"):
    return PLANES.row(name, event, written or event, delay, seats, note)


def route(src, number, event, load="1.50", hops=(1, 2)):
    moment = event and event.replace(tzinfo=UTC)
    return ROUTES.row(
        src, number, moment, load and Decimal(load), None if hops is None else list(hops)
    )


def owner(number, since, until, name):
    since, until = (moment and moment.replace(tzinfo=UTC) for moment in (since, until))
    return OWNERS.row(number, since, until, name)


def test_rows_are_published_and_the_changes_after_them(make, url):
    """First sync, nothing, late, restated, deleted, back again: each run sends what changed."""
    shop = make(PLANES, ROUTES, WEATHER)
    planes = [plane(f"N{number}", ago(5), seats=number) for number in range(30)]
    planes += [plane("ñ'\"\\2", ago(4)), plane("", ago(4)), plane("N1", ago(9))]
    routes = [route("A", 1, ago(3)), route("A", 2, ago(2), hops=()), route("B", 1, ago(1))]
    weather = [WEATHER.row(date(2024, 3, day), float(day), day % 2 == 0) for day in (29, 30)]
    shop.build(PLANES, *planes)
    shop.build(ROUTES, *routes)
    shop.build(WEATHER, *weather)

    store = shop.store(url)
    foretold = store.sync(dry_run=True)
    first = store.sync()

    wanted = {"plane_status": (32, 0), "route_load": (2, 0), "weather": (1, 0)}
    assert wanted == counts(foretold) == counts(first)
    assert_law(shop, url)
    shop.build(PLANES, *reversed(planes))
    unchanged = dict.fromkeys(wanted, (0, 0))
    assert unchanged == counts(shop.store(url).sync())
    assert ["ok"] * 3 == [str(view.state) for view in shop.store(url).status().views]

    late = [plane("N2", ago(6), ago(1), seats=99), plane("N3", ago(4), ago(1), seats=98)]
    restated = plane("N4", ago(5), ago(1), delay=None, note=None)
    planes = [row for row in planes if row["tailnum"] != "N5"] + [*late, restated]
    shop.build(PLANES, *planes)
    shop.build(ROUTES, routes[2], route("A", 2, ago(2), load="-9.99", hops=()))
    shop.build(WEATHER)
    foretold = shop.store(url).sync(dry_run=True)
    changes = {"plane_status": (2, 1), "route_load": (1, 1), "weather": (0, 1)}
    assert changes == counts(foretold) == counts(shop.store(url).sync())
    assert_law(shop, url)

    shop.build(PLANES, *planes, plane("N5", ago(5), seats=5))
    shop.build(WEATHER, *weather)
    back = {"plane_status": (1, 0), "route_load": (0, 0), "weather": (1, 0)}
    assert back == counts(shop.store(url).sync())
    assert_law(shop, url)


def test_the_winner_of_each_entity_is_the_oracles(make, url):
    """NULL keys and instants match nothing; ties are decided alike; the future is not known."""
    shop = make(PLANES, ROUTES)
    tied = [
        *(plane("T1", ago(5), ago(4), delay=delay) for delay in (1.5, NAN, None, -2.0)),
        *(plane("T2", ago(5), ago(4), delay=None, note=note) for note in ("a", "B", "é", "Z")),
        *(plane("T3", ago(5), written) for written in (ago(4), ago(3), ago(3, micros=1))),
        PLANES.row("T3", ago(5), None, 9.0, 9, "not written"),
        plane("T4", ago(5), ago(4), delay=0.0),
        plane("T4", ago(5), ago(4), delay=0.0),
    ]
    odd = [
        plane(None, ago(1)),
        PLANES.row("N1", None, ago(1), 1.0, 1, "never"),
        plane("N2", ago(-1)),
        plane("N3", ago()),
        plane("N4", ago(micros=-1)),
        plane("N5", ago(30)),
        plane("N6", ago(30, micros=1)),
        plane("N7", ago(30.9)),
        plane("N8", ago(31)),
    ]
    shop.build(PLANES, *tied, *odd)
    shop.build(
        ROUTES,
        route(None, 1, ago(3)),
        route("A", None, ago(3)),
        route("A", 1, ago(hours=36)),
        route("A", 2, ago(hours=36, micros=-1)),
        *(route("A", 3, ago(3), load, hops) for load, hops in (
            ("1.00", (1,)), ("1.00", (1, 2)), ("1.00", None), (None, (9,)),
        )),
        *(route("A", 4, ago(3), "1.00", hops) for hops in ((2,), (10,), (), (2**63 - 1,))),
        route("ab", 1, ago(3), "1.00"),
        route("a", 1, ago(3), "2.00"),
    )  # fmt: skip

    shop.store(url).sync()
    assert_law(shop, url)
    shop.build(PLANES, *reversed([*tied, *odd]))
    assert (0, 0) == counts(shop.store(url).sync())["plane_status"]


def test_rows_expire_by_their_ttl_and_by_their_end(make, url):
    """A later run leaves expired rows to the server, and deletes those that the source lacks."""
    shop = make(PLANES, OWNERS)
    planes = [plane("N1", ago(29.5)), plane("N2", ago(29.5)), plane("N3", ago(2))]
    owners = [
        owner(1, ago(9), ago(5), "old"),
        owner(1, ago(5), None, "new"),
        owner(2, ago(9), ago(-0.5), "ends today"),
        owner(3, ago(9), ago(), "has just ended"),
        owner(4, ago(9), ago(3), "ended"),
        owner(5, ago(9), None, "has no end"),
    ]
    shop.build(PLANES, *planes)
    shop.build(OWNERS, *owners)
    shop.store(url).sync()
    assert_law(shop, url)

    later = NOW + timedelta(hours=18)
    shop.build(PLANES, *planes[1:])
    assert {"plane_status": (0, 1), "owners": (0, 0)} == counts(shop.store(url, later).sync())
    assert_law(shop, url, later)
    statuses = (
        shop.store(url, later)
        .get_online_features(["plane_status:seats"], {"tailnum": ["N1", "N2", "N3"]})
        .statuses["seats"]
    )
    assert ["NOT_FOUND", "EXPIRED", "PRESENT"] == [str(status) for status in statuses]


def test_another_schema_is_published_in_full(make, url):
    """A column more, another type, a column less: the old rows are readable until then."""
    shop = make(PLANES, ROUTES)
    shop.build(PLANES, plane("N1", ago(5)), plane("N2", ago(5)))
    shop.build(ROUTES, route("A", 1, ago(3)))
    shop.store(url).sync()
    wider = replace(PLANES, types={**PLANES.types, "seats": "bigint", "late": "boolean"})
    shop.build(wider, *({**plane(f"N{n}", ago(5)), "late": n == 1} for n in (1, 2)))

    assert ["schema differs", "ok"] == [str(v.state) for v in shop.store(url).status().views]
    report = shop.store(url).sync()

    assert {"plane_status": (2, 0), "route_load": (0, 0)} == counts(report)
    assert (True, False) == tuple(view.full for view in report.views)
    assert_law(shop, url)
    types = {name: kind for name, kind in PLANES.types.items() if name != "note"}
    narrow = replace(PLANES, types=types)
    shop.build(narrow, narrow.row("N1", ago(5), ago(5), 1.5, 2))
    assert (1, 1) == counts(shop.store(url).sync())["plane_status"]
    assert_law(shop, url)


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


def test_an_emptied_table_is_held_back_and_a_purge_empties_the_store(make, url, redis_client):
    """The brake compares both sides; status tells it; purge removes all of the project."""
    shop = make(PLANES, WEATHER)
    shop.build(PLANES, *(plane(f"N{number}", ago(5)) for number in range(50)))
    shop.build(WEATHER, WEATHER.row(date(2024, 3, 30), 1.0, None))
    shop.store(url).sync()
    shop.build(PLANES)

    foretold, report = (shop.store(url).sync(dry_run=dry) for dry in (True, False))

    assert foretold.held_back == report.held_back
    assert "all of its 50 rows" in report.held_back["plane_status"]
    assert ["held back", "ok"] == [str(view.state) for view in shop.store(url).status().views]
    assert (0, 50) == counts(shop.store(url).sync(allow_deletes=True))["plane_status"]
    assert_law(shop, url)
    assert 0 < redis_client.dbsize()
    shop.store(url).purge()
    assert 0 == redis_client.dbsize()
    shop.store(url).sync()
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
