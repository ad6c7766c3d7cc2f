"""Names of columns and views that the generated statements use themselves."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from tests.support.builders import COLUMNS, PLANES, Table, model, tiny_project

FRAME = pd.DataFrame(
    {"tailnum": ["N1", "N7", "N8"], "event_timestamp": pd.to_datetime(["2024-03-01"] * 3)}
)
QUERY = "SELECT 'N1' AS tailnum, TIMESTAMP '2024-03-01' AS event_timestamp"


@pytest.mark.parametrize("name", ["_at_0", "_AT_0", "_at_home", "__at_0"])
def test_a_column_named_like_a_measured_one_is_an_ordinary_column(tmp_path, name):
    """It is on the card, changes no match rate, and is read back when the card is checked."""
    store = tiny_project(tmp_path, [model()], {"plane_features": PLANES})
    job = store.get_historical_features(FRAME.assign(**{name: 1}), ["plane_features:delay"])
    job.to_parquet(tmp_path / "x.parquet")
    card = json.loads((tmp_path / "x.card.json").read_text())
    (report,) = job.explain()

    assert ["tailnum", "event_timestamp", name, "delay"] == [c["name"] for c in card["columns"]]
    assert [0.333333] == [view["match_rate"] for view in card["views"]]
    assert (1, 2) == (report.matched, report.missing)
    assert [] == store.check_training_set(tmp_path / "x.card.json")


@pytest.mark.parametrize("timestamps", [False, True])
def test_a_feature_named_like_a_measured_column(tmp_path, timestamps):
    """A feature `_at_risk` is on the card, beside the timestamps where they are requested."""
    columns = {**COLUMNS, "_at_risk": "boolean"}
    rows = Table(columns, [("N1", "2024-02-01", 1.5, True)])
    store = tiny_project(tmp_path, [model(columns=columns)], {"plane_features": rows})
    job = store.get_historical_features(
        FRAME, ["plane_features:_at_risk"], feature_timestamps=timestamps
    )
    job.to_parquet(tmp_path / "x.parquet")
    added = ["plane_features__event_timestamp"] if timestamps else []

    names = [
        column["name"] for column in json.loads((tmp_path / "x.card.json").read_text())["columns"]
    ]
    assert ["tailnum", "event_timestamp", "_at_risk", *added] == names
    assert [] == store.check_training_set(tmp_path / "x.card.json")


@pytest.mark.parametrize(
    "names",
    [
        ("Spine",),
        ("SPINE", "History", "ASKED", "Newest", "rankeD"),
        ("a", "A_NEWEST"),
        ("A_asked", "a"),
        ("a", "A_2", "a_newest"),
        ("entity_df", "entity_rows", "training_set", "seen", "instants"),
    ],
)
@pytest.mark.parametrize("strategy", ["asof", "window"])
@pytest.mark.parametrize("rows", [FRAME, QUERY], ids=["frame", "query"])
def test_a_view_named_like_a_part_of_the_statement(tmp_path, names, strategy, rows):
    """Names that differ by capitals alone are one name to DuckDB; each view has its own values."""
    store = tiny_project(
        tmp_path,
        [model(name) for name in names],
        {
            name: Table(COLUMNS, [("N1", "2024-02-01", float(number))])
            for number, name in enumerate(names)
        },
    )
    features = [f"{name}:delay" for name in names]
    job = store.get_historical_features(rows, features, full_feature_names=True, strategy=strategy)
    first = job.to_arrow().slice(0, 1).to_pylist()[0]

    assert {f"{name}__delay": number for number, name in enumerate(names)} == {
        name: value for name, value in first.items() if name.endswith("__delay")
    }
    assert [1] * len(names) == [report.matched for report in job.explain()]
