"""The shape of join is chosen by the sizes of both sides, from the warehouse's statistics."""

from __future__ import annotations

from datetime import timedelta

import pytest

from featurestore.sql.cost import Sizes, suited
from tests.builders import model, tiny_project

COLUMNS = {"k": "bigint", "j": "varchar", "at": "timestamp", "x": "double"}
HISTORY = """SELECT i % {keys} AS k, 'j' || (i % 7) AS j,
    TIMESTAMP '2024-01-01' + to_minutes((i // {keys})::BIGINT) AS at, i::DOUBLE AS x
    FROM range(200000) AS t(i)"""
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
    ],
)
def test_few_rows_on_a_long_history_take_the_window(sizes, expected):
    """Fewer rows asked than the history has keys: the window; unknown or small: the default."""
    assert expected == suited(sizes)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Return a store of a view of many keys, and one of few, each of 200,000 rows."""
    keys = {"entities": {"e": ["k", "j"]}, "event_timestamp": "at"}
    return tiny_project(
        tmp_path_factory.mktemp("cost"),
        [model("many", COLUMNS, **keys), model("few", COLUMNS, **keys)],
        {
            "many": HISTORY.format(keys=50_000),
            "few": HISTORY.format(keys=10),
            "entities": f"{ENTITIES} FROM range(1000) AS t(i)",
        },
    )


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
