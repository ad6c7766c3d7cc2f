"""A training set as a dbt model: `ref()`s, a yml, and a diff when it is written again."""

from __future__ import annotations

import duckdb
import pandas as pd
import pytest
import yaml

from featurestore.errors import EntityFrameError, PlanError
from tests.support.builders import Table, column, model, tiny_project

COLUMNS = {"tailnum": "varchar", "observed_at": "timestamp", "delay": "double"}
ENTITIES = {"tailnum": "varchar", "event_timestamp": "timestamp"}
ROWS = "SELECT tailnum, event_timestamp FROM flights WHERE tailnum <> 'N9'"


@pytest.fixture
def store(tmp_path):
    """Return a store with a view, a versioned one, and entity rows in a model."""
    described = [*(column(name, kind) for name, kind in COLUMNS.items())]
    described[2]["description"] = "Minutes late."
    versioned = model("fare_features", COLUMNS)
    versioned |= {
        "unique_id": "model.shop.fare_features.v2",
        "version": 2,
        "latest_version": 2,
    }
    return tiny_project(
        tmp_path,
        [model(columns=described), versioned, model("flights", ENTITIES, meta={})],
        {
            "plane_features": Table(COLUMNS, [("N1", "2024-02-01", 1.5)]),
            "fare_features": Table(COLUMNS, [("N1", "2024-02-01", 2.5)]),
            "flights": Table(ENTITIES, [("N1", "2024-03-01")]),
        },
    )


def test_models_become_refs(store, tmp_path):
    """The views, one of them versioned, and the entity rows' model become `ref()`s."""
    features = ["plane_features:delay", "fare_features:delay"]
    job = store.get_historical_features(ROWS, features, full_feature_names=True)
    job.to_dbt_model("models/training_set.sql")
    sql = (tmp_path / "models" / "training_set.sql").read_text()

    assert "{{ ref('plane_features') }} AS history" in sql
    assert "{{ ref('fare_features', v=2) }} AS history" in sql
    assert "FROM {{ ref('flights') }} AS flights" in sql
    assert '"warehouse"' not in sql


def test_the_model_gives_the_same_rows(store, tmp_path):
    """With its `ref()`s resolved, the file's statement gives the training set."""
    job = store.get_historical_features("ref:flights", "plane_features:delay")
    job.to_dbt_model("models/training_set.sql")
    sql = (tmp_path / "models" / "training_set.sql").read_text().partition("-#}")[2]
    for name in ("plane_features", "flights"):
        sql = sql.replace(f"{{{{ ref('{name}') }}}}", name)
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as connection:
        built = connection.sql(sql).to_arrow_table()

    assert job.to_arrow().to_pylist() == built.to_pylist()


def test_the_yml_has_types_and_descriptions(store, tmp_path):
    """The yml lists each column with its type, and a feature with its description."""
    store.get_historical_features(ROWS, "plane_features:delay").to_dbt_model("models/t.sql")
    (written,) = yaml.safe_load((tmp_path / "models" / "t.yml").read_text())["models"]

    assert "t" == written["name"]
    assert written["config"]["contract"]["enforced"]
    assert {"name": "delay", "data_type": "double", "description": "Minutes late."} in written[
        "columns"
    ]


def test_a_second_run_changes_nothing(store):
    """The diff is empty for the same training set, and shows the change of another one."""
    job = store.get_historical_features(ROWS, "plane_features:delay")
    other = store.get_historical_features(ROWS, "plane_features:delay", feature_timestamps=True)

    assert "+++" in job.to_dbt_model("models/t.sql")
    assert "" == job.to_dbt_model("models/t.sql")
    assert "+  plane_features._event_timestamp AS plane_features__event_timestamp" in (
        other.to_dbt_model("models/t.sql")
    )


def test_a_cte_named_like_a_model_is_left_alone(store, tmp_path):
    """A CTE hides a model of the same name."""
    rows = f"WITH flights AS ({ROWS.replace('flights', 'main.flights')}) SELECT * FROM flights"
    store.get_historical_features(rows, "plane_features:delay").to_dbt_model("models/t.sql")
    sql = (tmp_path / "models" / "t.sql").read_text()

    assert 1 == sql.count("ref('flights')")


def test_a_data_frame_cannot_be_a_model(store):
    """Dbt cannot read a data frame, so it is refused."""
    frame = pd.DataFrame({"tailnum": ["N1"], "event_timestamp": pd.to_datetime(["2024-03-01"])})

    with pytest.raises(EntityFrameError, match="cannot read a data frame"):
        store.get_historical_features(frame, "plane_features:delay").to_dbt_model("models/t.sql")


def test_somebody_elses_file_is_not_overwritten(store, tmp_path):
    """A model that a person wrote stays, unless `overwrite` is true."""
    path = tmp_path / "models" / "t.sql"
    path.parent.mkdir()
    path.write_text("select 1")
    job = store.get_historical_features(ROWS, "plane_features:delay")

    with pytest.raises(PlanError, match="featurestore did not write it"):
        job.to_dbt_model("models/t.sql")
    assert "select 1" == path.read_text()
    assert "-select 1" in job.to_dbt_model("models/t.sql", overwrite=True)


def test_a_model_is_a_sql_file(store):
    """A file name with another ending is refused."""
    with pytest.raises(PlanError, match=r"must end in \.sql, got .*t\.yml"):
        store.get_historical_features(ROWS, "plane_features:delay").to_dbt_model("models/t.yml")
