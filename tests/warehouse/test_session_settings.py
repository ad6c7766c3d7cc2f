"""The profile's settings of DuckDB do not change who wins, or which keys are one."""

from __future__ import annotations

from datetime import UTC, datetime

import duckdb
import pandas as pd
import pytest
import yaml

from featurestore import FeatureStore
from tests.support.builders import Table, model, tiny_project

SETTINGS = {
    "default_null_order": "nulls_first",
    "default_collation": "nocase",
    "default_order": "desc",
    "TimeZone": "America/New_York",
}
ROWS = [("A", "2024-01-01", None), ("A", "2024-01-01", 5.0), ("b", "2024-01-01", 7.0)]
ENTITIES = pd.DataFrame(
    {"tailnum": ["b", "A", "a"], "event_timestamp": pd.to_datetime(["2024-01-02"] * 3)}
)


@pytest.fixture
def store(tmp_path):
    """Return a store whose profile has settings that reorder and merge."""
    columns = {"tailnum": "varchar", "observed_at": "timestamp", "delay": "double"}
    tiny_project(tmp_path, [model("v", columns)], {"v": Table(columns, ROWS)})
    path = tmp_path / "profiles.yml"
    profiles = yaml.safe_load(path.read_text(encoding="utf-8"))
    profiles["shop"]["outputs"]["dev"]["settings"] = SETTINGS
    path.write_text(yaml.safe_dump(profiles), encoding="utf-8")
    return FeatureStore(tmp_path)


@pytest.mark.parametrize("strategy", ["asof", "window"])
def test_a_training_set_is_the_same_under_any_settings(store, strategy):
    """NULL loses the tie, `a` is another plane than `A`, and the rows keep their order."""
    job = store.get_historical_features(ENTITIES, features=["v:delay"], strategy=strategy)
    built = job.to_arrow()

    assert ["b", "A", "a"] == built["tailnum"].to_pylist()
    assert [7.0, 5.0, None] == built["delay"].to_pylist()


def test_the_statement_itself_says_where_null_comes(store, tmp_path):
    """A model of `to_dbt_model` runs in dbt's session, with the profile's settings."""
    sql = store.get_historical_features(
        "SELECT 'A' AS tailnum, TIMESTAMP '2024-01-02' AS event_timestamp", features=["v:delay"]
    ).to_sql()
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as connection:
        connection.execute("SET default_null_order = 'nulls_first'")
        found = connection.execute(sql).fetchall()

    assert [5.0] == [row[-1] for row in found]


def test_the_explanation_is_of_the_same_row(store):
    """`why` chooses the row of the training set."""
    rows = store.why("v:delay", {"tailnum": "A"}, datetime(2024, 1, 2, tzinfo=UTC)).to_pylist()

    assert [(5.0, "chosen"), (None, "lost the tie")] == [(r["value"], r["verdict"]) for r in rows]
