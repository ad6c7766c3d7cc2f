"""The sync on every engine that runs here: one list of scenarios, and one law for each of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from tests.engines.shops import NOW, ago, assert_law, counts
from tests.engines.sync_views import OWNERS, PLANES, ROUTES, WEATHER, owner, plane, route

pytestmark = [
    pytest.mark.engines,
    pytest.mark.proves("sync", by="home"),
    pytest.mark.filterwarnings("default"),
]
NAN = float("nan")


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
    loads = [("1.00", (1,)), ("1.00", (1, 2)), (None, (9,))]
    lists = [(2,), (10,), (), (2**63 - 1,)]
    if shop.home.adapter != "clickhouse":
        # Its lists cannot be NULL.
        loads.append(("1.00", None))
    if shop.home.adapter in ("snowflake", "bigquery"):
        # They sort lists by the text of their JSON.
        loads, lists = loads[:1], lists[:1]
    routes = [
        route(None, 1, ago(3)),
        route("A", None, ago(3)),
        route("A", 1, ago(hours=36)),
        route("A", 2, ago(hours=36, micros=-1)),
        *(route("A", 3, ago(3), load, hops) for load, hops in loads),
        *(route("A", 4, ago(3), "1.00", hops) for hops in lists),
        route("ab", 1, ago(3), "1.00"),
        route("a", 1, ago(3), "2.00"),
    ]
    shop.build(ROUTES, *routes)

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
