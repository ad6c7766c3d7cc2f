"""Where the warehouse itself refuses ties, the statement does not decide them."""

from __future__ import annotations

import duckdb
import pytest

from tests.support.builders import model, tiny_project

COLUMNS = {"k": "bigint", "seen": "timestamp", "written": "timestamp", "x": "double"}
ROWS = """INSERT INTO views VALUES
    (1, '2024-01-01', '2024-01-01', 1.5), (1, '2024-01-03', '2024-01-09', 3.5),
    (2, '2024-01-02', NULL, '-0.0'::DOUBLE), (3, '2024-01-02', NULL, NULL)"""
TIED = "INSERT INTO views VALUES (1, '2024-01-03', '2024-01-08', 7.5)"
ENTITIES = """SELECT * FROM (VALUES (1, TIMESTAMP '2024-01-05'), (1, TIMESTAMP '2024-01-05'),
    (2, TIMESTAMP '2024-01-05'), (3, TIMESTAMP '2024-01-05'), (NULL, TIMESTAMP '2024-01-05'),
    (1, NULL)) AS t (k, event_timestamp)"""
FOUND = [("-0.0", 1), ("1.5", 0), ("3.5", 2), ("None", 3)]
TABLE = "CREATE OR REPLACE TABLE views (k BIGINT, seen TIMESTAMP, written TIMESTAMP, x DOUBLE"


@pytest.fixture
def store(tmp_path):
    """Return a store of one view."""
    options = {"entities": {"e": "k"}, "event_timestamp": "seen", "created_timestamp": "written"}
    return tiny_project(tmp_path, [model("views", COLUMNS, **options)], {})


def build(store, constraint="", *statements):
    """Build the view's table."""
    with duckdb.connect(str(store.project.folder / "warehouse.duckdb")) as connection:
        for statement in (f"{TABLE}{constraint})", ROWS, *statements):
            connection.execute(statement)


def counted(job):
    """Return the values that a training set found, and how often."""
    values = [repr(value) for value in job.to_arrow()["x"].to_pylist()]
    return [(value, values.count(value)) for value in sorted({*values, "1.5", "-0.0"})]


UNIQUE = [
    (", PRIMARY KEY (k, seen)",),
    (", UNIQUE (seen, k)",),
    ("", "CREATE UNIQUE INDEX one ON views (seen, k)"),
    ("", "CREATE UNIQUE INDEX one ON views (k, seen)", "CREATE INDEX other ON views (x)"),
]
NOT_UNIQUE = [
    ("",),
    (", UNIQUE (k, seen, x)",),
    ("", "CREATE INDEX one ON views (k, seen)"),
    ("", "CREATE UNIQUE INDEX one ON views ((k + 1), seen)"),
]


@pytest.mark.parametrize("strategy", ["asof", "window", "union", "interval"])
@pytest.mark.parametrize("built", UNIQUE)
def test_ties_that_cannot_be_are_not_decided(store, built, strategy):
    """The statement is shorter, and returns the same rows."""
    build(store)
    tied = store.get_historical_features(ENTITIES, "views:x", strategy=strategy)
    expected = counted(tied)
    build(store, *built)
    job = store.get_historical_features(ENTITIES, "views:x", strategy=strategy)

    assert expected == counted(job) == FOUND
    assert len(job.to_sql()) < len(tied.to_sql())
    assert "written" not in job.to_sql()
    assert ["written" in tied.to_sql()] == [True]


@pytest.mark.parametrize("built", NOT_UNIQUE)
def test_nothing_else_is_a_reason_to_leave_ties_alone(store, built):
    """Without a constraint on these columns alone, rows may tie."""
    build(store, *built)

    assert "ROW_NUMBER" in store.get_historical_features(ENTITIES, "views:x").to_sql()


@pytest.mark.parametrize("strategy", ["asof", "window", "union", "interval"])
def test_a_constraint_dropped_since_is_noticed(store, strategy):
    """The session that runs the statement reads the catalog itself: one row per entity row."""
    build(store, ", PRIMARY KEY (k, seen)")
    job = store.get_historical_features(ENTITIES, "views:x", strategy=strategy)
    build(store, "", TIED)

    assert counted(job) == FOUND
    assert 6 == job.explain()[0].entity_rows == job.to_df().shape[0] == job.card().rows
    assert "ROW_NUMBER" in job.card().sql or strategy == "interval"


def test_as_known_needs_no_ties_either(store):
    """A row written later is left out, and the older one is found."""
    build(store, ", PRIMARY KEY (k, seen)")
    for strategy in ("window", "union", "interval"):
        job = store.get_historical_features(ENTITIES, "views:x", strategy=strategy, as_known=True)

        assert counted(job) == [("-0.0", 1), ("1.5", 2), ("None", 3)]


def test_a_dbt_model_always_decides_ties(store):
    """Another build may create the table without its constraint."""
    build(store, ", PRIMARY KEY (k, seen)", "CREATE TABLE entities AS " + ENTITIES)
    job = store.get_historical_features("entities", "views:x")
    job.to_dbt_model("models/training.sql")
    written = (store.project.folder / "models" / "training.sql").read_text(encoding="utf-8")

    assert "ROW_NUMBER" not in job.to_sql()
    assert "ROW_NUMBER" in written


def test_a_collation_may_make_two_keys_one(tmp_path):
    """An index tells texts apart that a comparison takes for equal."""
    declared = model(
        "views", {**COLUMNS, "k": "varchar"}, entities={"e": "k"}, event_timestamp="seen"
    )
    store = tiny_project(tmp_path, [declared], {})
    with duckdb.connect(str(store.project.folder / "warehouse.duckdb")) as connection:
        connection.execute(
            "CREATE TABLE views (k VARCHAR COLLATE NOCASE, seen TIMESTAMP, written TIMESTAMP,"
            " x DOUBLE, UNIQUE (k, seen))"
        )
    job = store.get_historical_features(
        "SELECT 'a' AS k, TIMESTAMP '2024-01-05' AS event_timestamp", "views:x"
    )

    assert "ROW_NUMBER" in job.to_sql()


def test_the_order_of_one_column_changes_no_value(tmp_path):
    """DuckDB makes an aggregate of a window that sorts by one column, and -0.0 becomes 0.0."""
    declared = model(
        "views", {**COLUMNS, "y": "double"}, entities={"e": "k"}, event_timestamp="seen"
    )
    store = tiny_project(tmp_path, [declared], {})
    with duckdb.connect(str(store.project.folder / "warehouse.duckdb")) as connection:
        connection.execute(f"{TABLE}, y DOUBLE, PRIMARY KEY (k, seen))")
        connection.execute(
            "INSERT INTO views SELECT i % 10, TIMESTAMP '2024-01-01' + to_minutes(i), NULL,"
            " '-0.0'::DOUBLE, 1.0 FROM range(1000) AS t (i)"
        )
    job = store.get_historical_features(
        "SELECT i AS k, TIMESTAMP '2024-01-01 09:00' AS event_timestamp FROM range(5) AS t (i)",
        ["views:x", "views:y"],
        strategy="window",
    )

    assert ["-0.0"] * 5 == [repr(value) for value in job.to_arrow()["x"].to_pylist()]
