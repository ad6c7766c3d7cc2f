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


INSIDE = (
    *("_counts", "_created", "_eligible", "_event", "_first_known", "_kept", "_known", "_next"),
    *("_op", "_previous_event", "_rank", "_row", "_until", "_valid", "_valid_until"),
)
KEPT = {"created_timestamp": "cr", "valid_until": "gone", "available_after": "1 hour"}
HISTORY = """
SELECT *, {features} FROM (VALUES
    ('N1', 1, TIMESTAMP '2024-02-01', TIMESTAMP '2024-02-01', NULL::TIMESTAMP, 1),
    ('N1', 1, TIMESTAMP '2024-02-01', TIMESTAMP '2024-02-02', NULL, 2),
    ('N1', 1, TIMESTAMP '2024-03-02', TIMESTAMP '2024-03-02', NULL, 3),
    ('N2', 1, TIMESTAMP '2024-02-01', TIMESTAMP '2024-02-01', TIMESTAMP '2024-02-09', 4)
) AS t("{k}", "{k2}", "{at}", cr, gone, n)
"""


@pytest.mark.parametrize(
    ("k", "k2", "at"),
    [
        ("_key", "_instant", "_event_timestamp"),
        ("_Key", "_event_timestamp", "_INSTANT"),
        ("tailnum", "leg", "seen"),
    ],
)
@pytest.mark.parametrize(("views", "own"), [(1, {}), (1, KEPT), (5, KEPT)])
def test_the_names_inside_a_statement_give_way(tmp_path, k, k2, at, views, own):
    """Keys, timestamps, features and entity columns may have the names that it would use."""
    columns = dict.fromkeys((k, k2, at, "cr", "gone", "n", *INSIDE))
    names = [f"v{number}" for number in range(views)]
    made = HISTORY.format(features=", ".join(f"n AS {x}" for x in INSIDE), k=k, k2=k2, at=at)
    entities = {"leg": [k, k2]}
    store = tiny_project(
        tmp_path,
        [model(name, columns, entities=entities, event_timestamp=at, **own) for name in names],
        dict.fromkeys(names, made),
    )
    others = {"_key", "_instant", "_event_timestamp", "_known", "_rank"} - {k.lower(), k2}
    frame = FRAME.assign(tailnum=["N1", "N2", "N3"], leg=1, **dict.fromkeys(others, 7))
    frame = frame.rename(columns={"tailnum": k, "leg": k2})
    at_noon = FRAME.event_timestamp[0].to_pydatetime()

    for settings in ({}, {"as_known": True}) if own else ({},):
        job = store.get_historical_features(
            frame,
            [f"{name}:*" for name in names],
            full_feature_names=True,
            feature_timestamps=True,
            **settings,
        )
        table = job.to_arrow()
        for feature in (f"{name}__{inside}" for name in names for inside in INSIDE):
            assert [2, None if own else 4, None] == table[feature].to_pylist()
        assert [7, 7, 7] == table[next(iter(others))].to_pylist()
        assert 1 == job.explain()[0].missing
    found = store.why("v0:_rank", {k: "N1", k2: 1}, at_noon)
    assert [2] == found["value"].to_pylist()[:1]
    overlaps = [problem.message for problem in store.validate(lint=False)]
    assert [True] * (views if own else 0) == ["the validities" in text for text in overlaps]
    generated = store.get_historical_features(
        features=["v0:_row"], start=at_noon, end=at_noon, every="1 day"
    ).to_arrow()
    assert [(1, 2), (1, None if own else 4)] == sorted(
        zip(generated[k2].to_pylist(), generated["_row"].to_pylist(), strict=True), key=str
    )
