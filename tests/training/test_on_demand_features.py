"""On-demand features in training sets: inlined in the SQL, recorded, and refused with a reason."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from featurestore.errors import EntityFrameError, ExpressionRefused, NameCollision
from tests.support.builders import Table, column, model, service, tiny_project

COLUMNS = {"tailnum": "varchar", "observed_at": "timestamp", "seats": "integer", "delay": "bigint"}
ROWS = [("N1", "2024-03-01 10:00", 100, 40), ("N2", "2024-03-01 10:00", None, 20)]
ENTITIES = {"tailnum": "varchar", "event_timestamp": "timestamp", "asked": "bigint"}
ASKED = [
    ("N1", "2024-03-01 12:00", 30),
    ("N2", "2024-03-01 12:00", 10),
    ("N3", "2024-03-01 12:00", 5),
    ("N1", "2024-03-01 12:00", None),
]
ON_DEMAND = {
    "is_more": {"expression": "over > seats", "description": "Whether it is more than seats."},
    "over": "delay + asked",
}


def project(folder, on_demand=ON_DEMAND, request=None, entities=ENTITIES, rows=ASKED):
    """Write a project with one service, and open it."""
    columns = [
        column(name, data_type, **({"default": 50} if name == "seats" else {}))
        for name, data_type in COLUMNS.items()
    ]
    exposure = service(
        "delays",
        ["plane_features:*"],
        request={"asked": "bigint"} if request is None else request,
        on_demand=on_demand,
    )
    return tiny_project(
        folder,
        [model(columns=columns)],
        {"plane_features": Table(COLUMNS, ROWS), "entities": Table(entities, rows)},
        exposures=[exposure],
    )


@pytest.fixture
def store(tmp_path):
    """Return a store of one service with two on-demand features."""
    return project(tmp_path)


def train(store, entity_df="entities", **options):
    return store.get_historical_features(entity_df, feature_service="delays", **options)


def test_expressions_are_computed_after_defaults_and_each_other(store):
    """The columns come last, in the order of the declaration, not of dependence."""
    found = train(store).to_arrow()
    rows = [
        (row["tailnum"], row["seats"], row["over"], row["is_more"]) for row in found.to_pylist()
    ]

    assert ["seats", "delay", "is_more", "over"] == found.column_names[-4:]
    assert {
        ("N1", 100, 70, False),
        ("N2", 50, 30, False),
        ("N3", 50, None, None),
        ("N1", 100, None, None),
    } == set(rows)


def test_a_frame_keeps_its_order(store):
    """The rows of a frame come back in order, with full names and timestamps."""
    frame = pd.DataFrame(ASKED, columns=list(ENTITIES))
    frame["event_timestamp"] = pd.to_datetime(frame["event_timestamp"])
    frame["asked"] = frame["asked"].astype("Int64")
    found = train(store, frame, full_feature_names=True, feature_timestamps=True).to_df()

    assert ["N1", "N2", "N3", "N1"] == list(found["tailnum"])
    assert [
        *ENTITIES,
        "plane_features__seats",
        "plane_features__delay",
        "plane_features__event_timestamp",
        "is_more",
        "over",
    ] == list(found.columns)
    assert [70, 30] == list(found["over"])[:2]


def test_the_sql_has_a_step_for_each_dependence(store):
    """Each step is a CTE with a comment, and the last query names every column."""
    sql = train(store).to_sql()

    assert sql.index("over: computed from") < sql.index("is_more: computed from")
    assert "enriched AS (" in sql
    assert "the training set: every entity row exactly once" in sql
    assert "*" not in sql.replace("/*", "").replace("*/", "")


@pytest.mark.parametrize("strategy", ["asof", "union", "window", "interval"])
def test_every_shape_of_join_computes_the_same(store, strategy):
    """What is above the joins does not depend on them."""
    rows = train(store, strategy=strategy).to_arrow().to_pylist()

    assert {70, 30, None} == {row["over"] for row in rows}


def test_a_request_by_features_has_no_on_demand_features(store):
    """They belong to the service."""
    found = store.get_historical_features("entities", ["plane_features:*"]).to_arrow()

    assert ["seats", "delay"] == found.column_names[-2:]


@pytest.mark.parametrize(
    ("parts", "error", "texts"),
    [
        (
            {"entities": {"tailnum": "varchar", "event_timestamp": "timestamp"}, "rows": []},
            EntityFrameError,
            ["no column 'asked', a request field of the service 'delays'", "int64"],
        ),
        (
            {"entities": {**ENTITIES, "asked": "varchar"}, "rows": []},
            EntityFrameError,
            ["column 'asked' is string, but the request field 'asked' is int64", "Cast"],
        ),
        (
            {"entities": {**ENTITIES, "over": "bigint"}, "rows": []},
            NameCollision,
            ["Two columns would be named 'over'", "Rename"],
        ),
        (
            {"on_demand": {"x": "asked || 1"}},
            ExpressionRefused,
            ["The service 'delays' (models/exposures.yml): on_demand 'x'"],
        ),
        (
            {"on_demand": {"x": {"expression": "asked > 1", "data_type": "bigint"}}},
            ExpressionRefused,
            ["on_demand 'x' is boolean, but is declared as int64", "cast the expression"],
        ),
    ],
)
def test_what_does_not_fit_is_refused_before_a_statement_runs(tmp_path, parts, error, texts):
    """The job is not even made."""
    with pytest.raises(error) as raised:
        train(project(tmp_path, **parts))

    assert [] == [text for text in texts if text not in str(raised.value)]


def test_explain_counts_as_without_them(store):
    """The counts are about the views."""
    (report,) = train(store).explain()

    assert (4, 3, 1) == (report.entity_rows, report.matched, report.missing)


def test_a_card_repeats_the_request(store, tmp_path):
    """It has the texts and a hash of the values, also where the rows were a frame."""
    frame = pd.DataFrame({"tailnum": ["N1"], "asked": [3]})
    frame["event_timestamp"] = pd.Timestamp("2024-03-01 12:00")
    train(store, frame, feature_timestamps=True).to_parquet(tmp_path / "training.parquet")
    card = json.loads((tmp_path / "training.card.json").read_text("utf-8"))

    assert ["over > seats", "delay + asked"] == [
        each["text"] for each in card["request"]["service"]["on_demand"]
    ]
    assert ("delays", ["is_more", "over"]) == (
        card["views"][-1]["view"],
        card["views"][-1]["features"],
    )
    assert [] == store.check_training_set(tmp_path / "training.card.json")


def test_a_dbt_model_computes_and_describes_them(store):
    """The statement and the yml have each on-demand feature."""
    train(store).to_dbt_model("models/training.sql")
    sql, yml = (
        (store.project.folder / f"models/training.{kind}").read_text("utf-8")
        for kind in ("sql", "yml")
    )

    assert "is_more: computed from the request and the features" in sql
    assert "data_type: boolean" in yml
    assert "Whether it is more than seats." in yml
