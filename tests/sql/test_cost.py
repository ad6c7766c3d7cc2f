"""The shape of join is chosen by the sizes of both sides, from the warehouse's statistics."""

from __future__ import annotations

from datetime import timedelta

import duckdb
import pytest

from featurestore.sql.cost import Sizes, cheapest_shape
from featurestore.sql.dialects import dialect_record
from tests.support.builders import model, tiny_project

COLUMNS = {"k": "bigint", "j": "varchar", "at": "timestamp", "x": "double"}
HISTORY = """SELECT i % {keys} AS k, 'j' || (i % 7) AS j,
    TIMESTAMP '2024-01-01' + to_minutes((i // {keys})::BIGINT) AS at, i::DOUBLE AS x
    FROM range(200000) AS t(i)"""
KEYS = 10
ENTITIES = "SELECT i AS k, 'j' || (i % 7) AS j, TIMESTAMP '2024-02-01' AS event_timestamp"


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        (Sizes(None, None, None), ""),
        (Sizes(10, 1_000_000, None), ""),
        (Sizes(10, 1_000, 1_000), ""),
        (Sizes(10, 1_000_000, 1_000), "window"),
        (Sizes(300, 1_000_000, 1_000), "window"),
        (Sizes(1_001, 1_000_000, 1_000), ""),
        (Sizes(4_000, 1_000_000, 1_000, timedelta(300), timedelta(3)), "window"),
        (Sizes(9_000, 1_000_000, 1_000, timedelta(300), timedelta(3)), ""),
        (Sizes(10, 1_000, 1_000, indexed=True), ""),
        (Sizes(None, 1_000, 1_000, indexed=True), ""),
    ],
)
def test_few_rows_on_a_long_history_take_the_window(sizes, expected):
    """Fewer rows asked than the history has keys: the window; unknown or small: the default."""
    assert expected == cheapest_shape(sizes, dialect_record("duckdb").rates)


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        # Seconds of CPU without an index: union 0.42, interval 0.32, window 0.12.
        (Sizes(5_000, 500_000, 20_000), "window"),
        # 0.59, 0.41, 0.55; then 1.05, 0.98, 1.42; 0.99, 0.62, 1.03; and 0.96, 0.57, 0.64.
        (Sizes(50_000, 500_000, 20_000), "interval"),
        (Sizes(250_000, 500_000, 20_000), "interval"),
        (Sizes(250_000, 500_000, 100_000), "interval"),
        (Sizes(250_000, 500_000, 200_000), "interval"),
        # 0.53, 0.36, 0.18; and 0.48, 0.52, 0.68.
        (Sizes(50_000, 500_000, 200_000), "window"),
        (Sizes(5_000, 500_000, 500), ""),
        (Sizes(250_000, 500_000, 500), ""),
        # A ttl leaves few rows to rank: interval 1.7, window 1.2.
        (Sizes(100_000, 1_000_000, 50_000), "interval"),
        (Sizes(100_000, 1_000_000, 50_000, timedelta(365), timedelta(30)), "window"),
        (Sizes(50_000, 90_000, 90_000), ""),
        # And with one: union 0.42 s, LATERAL 0.03; 1.23 and 1.75.
        (Sizes(5_000, 500_000, 20_000, indexed=True), "lateral"),
        (Sizes(250_000, 500_000, 20_000, indexed=True), ""),
        (Sizes(None, 500_000, 20_000, indexed=True), "lateral"),
        (Sizes(10, None, indexed=True), "lateral"),
        (Sizes(10, 1_000, indexed=True), "lateral"),
        (Sizes(10, None), ""),
    ],
)
def test_an_index_finds_rows_unless_most_are_wanted(sizes, expected):
    """PostgreSQL looks rows up where it has an index, and sorts both sides where it has none."""
    assert expected == cheapest_shape(sizes, dialect_record("postgres").rates)


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        # Seconds of CPU: ASOF 0.62, window 0.12; 0.66 and 0.45; 1.10 and 1.19; 0.72 and 0.95.
        (Sizes(10_000, 1_000_000, 50_000, timedelta(365), timedelta(30)), "window"),
        (Sizes(100_000, 1_000_000, 50_000, timedelta(365), timedelta(30)), "window"),
        (Sizes(300_000, 1_000_000, 50_000, timedelta(365), timedelta(30)), ""),
        (Sizes(100_000, 1_000_000, 50_000), ""),
        (Sizes(100_000, 1_000_000, None), ""),
    ],
)
def test_clickhouse_ranks_where_few_rows_are_to_rank(sizes, expected):
    """Where its ASOF join would sort many rows for few instants."""
    assert expected == cheapest_shape(sizes, dialect_record("clickhouse").rates)


def test_without_rates_the_preferred_shape_is_taken():
    """Nothing is known of what the shapes cost on Spark."""
    assert dialect_record("spark").rates is None
    assert "" == cheapest_shape(Sizes(10, 1_000_000, 1_000), None)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Return a store of a view of many keys, and one of few, each of 200,000 rows."""
    keys = {"entities": {"e": ["k", "j"]}, "event_timestamp": "at"}
    return tiny_project(
        tmp_path_factory.mktemp("cost"),
        [
            model("many", COLUMNS, **keys),
            model("few", COLUMNS, **keys),
            model("many_written", COLUMNS, **keys, created_timestamp="at"),
            model("few_written", COLUMNS, **keys, created_timestamp="at"),
        ],
        {
            "many": HISTORY.format(keys=50_000),
            "few": HISTORY.format(keys=KEYS),
            "many_written": HISTORY.format(keys=50_000),
            "few_written": HISTORY.format(keys=KEYS),
            "entities": f"{ENTITIES} FROM range(1000) AS t(i)",
        },
    )


# What stands over the table of entity rows, and whether reading it twice is as good as once.
READ = {
    "SELECT * FROM entities": True,
    "SELECT event_timestamp, j, k FROM entities": True,
    "SELECT k, j, event_timestamp + to_seconds((random() * 9)::BIGINT) AS event_timestamp"
    " FROM entities": False,
    "SELECT * FROM entities WHERE k < 500": False,
    "SELECT * FROM entities WHERE random() < 0.5": False,
    "SELECT * FROM entities TABLESAMPLE SYSTEM (50 PERCENT)": False,
    "SELECT * FROM entities USING SAMPLE 500 ROWS": False,
    "SELECT * FROM entities LIMIT 500": False,
    "SELECT * FROM entities UNION ALL SELECT * FROM entities": False,
}


@pytest.mark.parametrize(("view", "expected"), [("many", "window"), ("few", "asof")])
@pytest.mark.parametrize("entities", ["entities", "SELECT * FROM entities", "frame"])
def test_the_warehouse_is_asked(store, view, expected, entities):
    """Tables, queries and data frames are sized without being read."""
    given = store.warehouse().stream("SELECT * FROM entities").read_all()
    job = store.get_historical_features(given if entities == "frame" else entities, f"{view}:x")

    assert expected == job.explain()[0].strategy


def test_the_choice_can_be_overruled(store):
    """`strategy=` wins over the sizes."""
    job = store.get_historical_features("entities", "many:x", strategy="asof")

    assert "asof" == job.explain()[0].strategy
    assert "ASOF JOIN" in job.to_sql()


def test_as_known_sorts_both_sides_unless_few_rows_are_asked(store):
    """An ASOF join cannot leave rows out by a second timestamp: the union takes its place."""
    found = [
        store.get_historical_features("entities", f"{view}:x", as_known=True).plan.joins[0].strategy
        for view in ("many_written", "few_written")
    ]
    few = store.get_historical_features("entities", "few_written:x", as_known=True)

    assert ["window", ""] == found
    assert "UNION ALL" in few.to_sql()
    assert few.explain()[0].strategy == "union"


@pytest.mark.parametrize(
    ("entities", "begins"),
    [
        ("entities", "WITH spine AS NOT MATERIALIZED ("),
        ("SELECT * FROM entities", "WITH spine AS NOT MATERIALIZED ("),
        ("SELECT * FROM entities LIMIT 500", "WITH spine AS ("),
    ],
)
def test_a_table_of_entity_rows_is_read_twice(store, entities, begins):
    """A table is read again for the last join; what has to be computed is kept in between."""
    assert store.get_historical_features(entities, "few:x").to_sql().startswith(begins)


@pytest.mark.parametrize("definition", READ)
def test_only_a_whole_table_counts_as_stored(store, definition):
    """A view that gives other rows each time must not be read twice, nor one that costs."""
    with duckdb.connect(str(store.project.folder / "warehouse.duckdb")) as connection:
        connection.execute(f"CREATE OR REPLACE VIEW rows_now AS {definition}")
    with store.warehouse() as warehouse:
        assert READ[definition] == warehouse.estimate("rows_now").stored
    found = store.get_historical_features("rows_now", ["few:x"]).to_arrow()

    known = [x is not None for x in found["x"].to_pylist()]
    assert [k < KEYS for k in found["k"].to_pylist()] == known


def test_statistics_are_for_long_histories(store):
    """Of a short history only its length is asked for."""
    with store.warehouse() as warehouse:
        short = warehouse.estimate("few", ["k"], over="at", above=200_000)
        long = warehouse.estimate("few", ["k"], over="at", above=199_999)

    assert (200_000, None, None) == (short.rows, short.distinct, short.span)
    assert long.distinct is not None
    assert timedelta(minutes=200_000 // KEYS - 1) == long.span
