"""Of a large table, a sync looks at the values of those entities alone that may have changed."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from sync.selection import publication_of
from sync.warehouse import change_finder
from sync.warehouse.change_detection import ChangeQueries
from sync.warehouse.ledger import Ledger
from tests.support.examples import examples
from tests.support.sync_project import (
    NOW,
    PLANES,
    ROUTES,
    SyncProject,
    View,
    assert_parity,
    day,
)


def restated(queries, table):
    """Write the query for the entities with a restated row."""
    return queries.entities_with_restated_row(table, queries.database)


NEW_INSTANT = ChangeQueries.entities_with_new_instant
RESTATED, TIES = restated, ChangeQueries.entities_with_ties
STATUS = replace(PLANES, created=False)
KINDS = View("kinds", {"id": "INTEGER"}, {"mood": "ENUM('good', 'bad')"})

TRIPS = View(
    "trips",
    {"id": "INTEGER", "leg": "VARCHAR"},
    {"stops": "INTEGER", "fare": "DOUBLE"},
    own={"ttl": "2 days"},
)
TRIP_ROWS = st.tuples(
    st.sampled_from([None, 1, 2]),
    st.sampled_from(["a", None]),
    st.sampled_from([day(1), day(2), day(3), None]),
    st.sampled_from([None, 0, 1]),
    st.sampled_from([None, 0.0, float("nan")]),
)
HOURS = timedelta(hours=30)

# An update leaves a value alone that is equal.
TO_MINUS_ZERO = """
UPDATE plane_status SET delay = 9 WHERE delay = 0;
UPDATE plane_status SET delay = '-0.0' WHERE delay = 9;
"""


@pytest.fixture(autouse=True)
def _suspects_alone_are_looked_at(monkeypatch):
    """However few rows there are, and however many of them changed."""
    monkeypatch.setattr(change_finder, "_LARGE_ROWS", 0)
    monkeypatch.setattr(change_finder, "_SUSPECT_SHARE", 99)


@pytest.fixture
def project(tmp_path, redis_server, redis_client):
    """Return a project that is published: entities that tie, and plain ones."""
    project = SyncProject(tmp_path, STATUS, ROUTES, KINDS, memory=True)
    project.insert(
        STATUS,
        ("plain", day(3), 0.0, 1, ""),
        ("plain", day(4), 2.0, 1, ""),
        ("ties", day(3), 1.0, 1, ""),
        ("ties", day(3), 1.0, 2, ""),
        (None, day(3), 1.0, 1, ""),
    )
    project.insert(
        ROUTES,
        ("plain", 1, day(3), 1),
        ("plain", 1, day(4), 2),
        ("ties", 1, day(3), 1),
        ("ties", 1, day(3), 2),
        ("twice", 1, day(3), 1),
        ("twice", 1, day(3), 1),
    )
    project.insert(KINDS, (1, day(3), "good"), (2, day(3), None))
    project.store(redis_server).sync()
    return project


def found(project, view, query):
    """Return the first join key of the entities that a query lists, sorted."""
    with opened(project) as (warehouse, ledger, publish):
        listed = query(ChangeQueries(publish(view, NOW), warehouse), ledger.published(view.name))
        rows = warehouse.stream(listed).read_all().to_pylist()
    return sorted(row[next(iter(view.keys))] for row in rows)


@pytest.mark.parametrize(
    ("view", "rivals"),
    [(STATUS, ["ties"]), (ROUTES, ["ties"]), (KINDS, [])],
    ids=["a ttl", "equal rows", "enums"],
)
def test_where_nothing_changed_only_ties_are_suspected(project, view, rivals):
    """Older rows, equal rows and enumerations raise no suspicion."""
    assert [] == found(project, view, NEW_INSTANT)
    assert rivals == found(project, view, RESTATED)
    assert [] == found(project, view, TIES)


@pytest.mark.parametrize(
    ("change", "query", "suspected"),
    [
        (
            "INSERT INTO plane_status VALUES ('new', '{day}', 1, 1, '')",
            NEW_INSTANT,
            "new",
        ),
        (
            "INSERT INTO plane_status VALUES ('plain', '{day}', 1, 2, '')",
            RESTATED,
            "plain",
        ),
        ("DELETE FROM plane_status WHERE tailnum = 'plain'", NEW_INSTANT, "plain"),
        ("DELETE FROM plane_status WHERE delay = 0", NEW_INSTANT, "plain"),
        (
            "UPDATE plane_status SET observed_at = '2000-01-01' WHERE delay = 0",
            NEW_INSTANT,
            "plain",
        ),
        (
            "UPDATE plane_status SET delay = NULL WHERE delay = 0",
            RESTATED,
            "plain",
        ),
        (
            "UPDATE plane_status SET note = NULL WHERE delay = 0",
            RESTATED,
            "plain",
        ),
        ("DELETE FROM plane_status WHERE seats = 2", RESTATED, "ties"),
        (TO_MINUS_ZERO, RESTATED, "plain"),
    ],
)
def test_whatever_may_have_changed_is_suspected(project, redis_server, change, query, suspected):
    """By a query of its own kind, and by what a sync does then."""
    project.execute(change.format(day=day(3)))

    assert suspected in found(project, STATUS, query)
    changed = {view.view: view.changed for view in project.store(redis_server).sync().views}
    assert {"plane_status": 1, "route_load": 0, "kinds": 0} == changed
    assert_parity(project, redis_server)


def test_an_entity_may_be_suspected_for_two_reasons(project, redis_server):
    """It has a newer row, and its published row was restated: the newer one is published."""
    project.execute("UPDATE plane_status SET delay = 7 WHERE delay = 0")
    project.insert(STATUS, ("plain", day(2), 3.0, 1, ""))

    assert "plain" in found(project, STATUS, NEW_INSTANT)
    assert "plain" in found(project, STATUS, RESTATED)
    (report,) = project.store(redis_server).sync(views=["plane_status"]).views
    assert (1, 0) == (report.written, report.deleted)
    assert_parity(project, redis_server)


def test_only_the_newest_rows_of_suspects_are_read(project):
    """The statement asks for the suspects' newest instants, so that the rest may be skipped."""
    with opened(project) as (_, _, publish):
        statement = publish(STATUS, NOW).latest_at("suspects")

    assert "listed._featurestore_event = history.observed_at" in statement


@pytest.mark.parametrize(
    ("change", "unused"),
    [
        ("observed_at = observed_at + INTERVAL 1 HOUR", "entities_with_restated_row"),
        ("load = load + 1", "published_rows_of"),
    ],
    ids=["moved", "restated"],
)
def test_where_most_entities_changed_all_are_compared(
    project, redis_server, monkeypatch, change, unused
):
    """Those that moved are not looked at closer, and no list of those restated is gone through."""
    project.execute(f"UPDATE route_load SET {change}")
    monkeypatch.setattr(change_finder, "_SUSPECT_SHARE", 0.5)
    monkeypatch.setattr(ChangeQueries, unused, None)

    project.store(redis_server).sync(views=["route_load"])

    assert_parity(project, redis_server)


def test_ties_of_a_full_sync_are_decided(project, redis_server):
    """The rows of tied entities are sorted, and no others: all views are what history says."""
    project.execute(
        "INSERT INTO route_load SELECT 'r' || range, 1, TIMESTAMP '2024-02-01', range % 7"
        " FROM range(500)",
        "INSERT INTO route_load SELECT 'r' || range, 1, TIMESTAMP '2024-02-01', range % 5"
        " FROM range(0, 500, 50)",
    )
    (report,) = project.store(redis_server).sync(views=["route_load"], full=True).views

    assert 503 == report.written
    assert_parity(project, redis_server)


def test_a_view_of_the_warehouse_is_read_once(project, redis_server, monkeypatch):
    """Its query may be dear: it is not asked for suspects first."""
    project.execute(
        "ALTER TABLE route_load RENAME TO loads",
        "CREATE VIEW route_load AS SELECT DISTINCT * FROM loads",
    )
    monkeypatch.setattr(ChangeQueries, "entities_with_new_instant", None)
    project.execute("UPDATE loads SET load = 9 WHERE origin = 'plain'")

    project.store(redis_server).sync(views=["route_load"])
    project.store(redis_server).sync(views=["route_load"], full=True)

    assert_parity(project, redis_server)


@pytest.mark.parametrize(
    ("kind", "before", "after"),
    [
        ("INTEGER[]", "NULL", "[]"),
        ("INTEGER[]", "[]", "[NULL]"),
        ("INTEGER[]", "[0]", "[0, 0]"),
        ("INTEGER[][]", "[[1], [2]]", "[[1, 2]]"),
        ("INTEGER[][]", "[[1, 2], [3]]", "[[1], [2, 3]]"),
        ("INTEGER[][][]", "[[[1, 2], [3]]]", "[[[1], [2, 3]]]"),
        ("INTEGER[][]", "[[], NULL, [0]]", "[[], NULL, [0, 0]]"),
        ("ENUM('x', 'y')[][]", "[['x'], ['y']]", "[['x', 'y']]"),
        ("VARCHAR COLLATE NOCASE", "'a'", "'A'"),
    ],
)
def test_values_are_told_apart_that_are_alike(
    tmp_path, redis_server, redis_client, kind, before, after
):
    """Some have one hash, as lists of zeros have; some are even equal to DuckDB."""
    alike = View("alike", {"id": "INTEGER"}, {"seen": kind})
    project = SyncProject(tmp_path, alike, memory=True)
    project.execute(f"INSERT INTO alike VALUES (1, '{day(3)}', {before})")
    project.store(redis_server).sync()

    project.execute("DELETE FROM alike", f"INSERT INTO alike VALUES (1, '{day(3)}', {after})")
    (report,) = project.store(redis_server).sync().views

    assert 1 == report.changed
    assert_parity(project, redis_server)


@pytest.mark.parametrize("ends", [False, True])
def test_columns_may_have_the_names_of_a_statement(tmp_path, redis_server, redis_client, ends):
    """What the statements add gives way, or has a name that no column may have."""
    keys = {"_key": "INTEGER", "_hash": "INTEGER", "found": "INTEGER"}
    names = ("_op", "_rank", "_known", "_row", "_valid_until", "_event_timestamp", "history")
    named = View("named", keys, dict.fromkeys(names, "INTEGER[]"), ends=ends)
    project = SyncProject(tmp_path, named, memory=True)
    end = (None,) if ends else ()
    for key in (1, 2, 3):
        project.insert(named, (key, 1, 1, day(3), *end, *[[key]] * len(names)))
    store = project.store(redis_server)
    store.sync()

    project.execute(
        'UPDATE named SET "_rank" = [7] WHERE _key = 1', "DELETE FROM named WHERE _key = 2"
    )
    assert 2 == store.sync(dry_run=True).views[0].changed
    (report,) = project.store(redis_server).sync().views

    assert (1, 1) == (report.written, report.deleted)
    assert_parity(project, redis_server)
    project.execute("DELETE FROM named WHERE _key = 3")
    store.sync(full=True)
    assert store.verify(sample=None).good
    assert store.status().views[0].newest_is_online
    assert_parity(project, redis_server)


def test_keys_that_a_collation_makes_equal_are_one_entity(tmp_path):
    """A full sync has one row of it, as if all rows had been sorted."""
    codes = View("codes", {"code": "VARCHAR COLLATE NOCASE"}, {"load": "INTEGER"})
    project = SyncProject(tmp_path, codes, memory=True)
    project.insert(codes, ("a", day(3), 1), ("A", day(3), 2), ("b", day(3), 3))

    with opened(project) as (warehouse, ledger, publish):
        publication = publish(codes, NOW)
        ledger.replace(publication)

        published = rows_of(warehouse, f"FROM {ledger.published('codes')}")
        assert rows_of(warehouse, publication.latest) == published


@pytest.mark.parametrize(
    ("kind", "then", "now"),
    [
        ("DECIMAL(38,2)", "0", "-0.01"),
        ("DECIMAL(19,0)", "0", "-1"),
        ("HUGEINT", "1", "18446744073709551616"),
        (
            "UUID",
            "'11111111-1111-1111-2222-222222222222'",
            "'a2222222-2222-2222-9111-111111111111'",
        ),
        ("DOUBLE[]", "[0]", "['-0.0']"),
        ("INTEGER[]", "[0]", "[0, 0]"),
    ],
)
def test_a_restated_value_is_found_whatever_its_hash(tmp_path, kind, then, now):
    """DuckDB's own hash of the two values is the same."""
    view = View("balances", {"id": "BIGINT"}, {"balance": kind})
    project = SyncProject(tmp_path, view, memory=True)
    history = "INSERT INTO balances SELECT i, TIMESTAMP '2024-02-01', {} FROM range({}, {}) t(i)"
    project.execute(history.format(then, 0, 5))
    with opened(project) as (warehouse, ledger, publish):
        ledger.replace(publish(view, NOW))
        project.execute("DELETE FROM balances WHERE id = 4", history.format(now, 4, 5))

        changes = ledger.find_changes(publish(view, NOW))

        assert [4] == [
            row["id"] for row in warehouse.stream(f"FROM {changes}").read_all().to_pylist()
        ]
        ledger.apply_changes(publish(view, NOW), changes, "an epoch")


@examples(40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_suspects_are_all_that_changed(tmp_path, data):
    """For all histories, suspects give the changes that a full comparison finds."""
    view, row = TRIPS, TRIP_ROWS
    project = SyncProject(tmp_path, view, memory=True)
    histories = st.lists(row, min_size=1, max_size=8)
    with opened(project) as (warehouse, ledger, publish):
        project.insert(view, *data.draw(histories))
        ledger.replace(publish(view, NOW))
        for _ in range(3):
            project.execute(f"DELETE FROM {view.name}")
            project.insert(view, *data.draw(histories))
            publication = publish(view, NOW - data.draw(st.sampled_from([timedelta(), HOURS])))
            table = ledger.published(view.name)

            queries = ChangeQueries(publication, warehouse)
            everything = queries.difference(publication.latest, table)
            warehouse.execute(f"CREATE OR REPLACE TEMP TABLE everything AS {everything}")
            lapsed = queries.lapsed_entities("everything")
            warehouse.execute(f"CREATE OR REPLACE TEMP TABLE lapsed AS {lapsed}")
            known = publication.known_among("lapsed")
            expected = rows_of(warehouse, queries.settled("everything", known))
            changes = ledger.find_changes(publication)
            assert expected == rows_of(warehouse, f"FROM {changes}")

            ledger.apply_changes(publication, changes, "an epoch")
            assert rows_of(warehouse, publication.latest) == rows_of(warehouse, f"FROM {table}")


@contextmanager
def opened(project):
    """Yield a project's warehouse, its ledger, and what makes a publication of a view."""
    store = project.store("redis://unused")
    with store.warehouse() as warehouse:

        def publish(view, now):
            return publication_of(store.registry.view(view.name), warehouse, now)

        ledger = Ledger(warehouse, "main", "shop")
        ledger.create()
        yield warehouse, ledger, publish


def rows_of(warehouse, query):
    """Return rows in an order of their own; NaN equals itself, and 0.0 is not -0.0."""
    return sorted(map(repr, warehouse.stream(query).read_all().to_pylist()))
