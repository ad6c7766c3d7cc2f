"""Cards of training sets: their contents, and a repeated request compared with its card."""

from __future__ import annotations

import json

import duckdb
import pandas as pd
import pyarrow.parquet as pq
import pytest

from featurestore import FeatureStore
from featurestore.errors import FeatureStoreError, PlanError
from tests.support.builders import Table, manifest_json, model, tiny_project

COLUMNS = {"tailnum": "varchar", "observed_at": "timestamp", "delay": "double", "seats": "integer"}
ENTITIES = {"tailnum": "varchar", "event_timestamp": "timestamp", "late": "boolean"}

AT = pd.Timestamp("2024-03-02")


@pytest.fixture
def store(tmp_path):
    """Return a store of two views of planes, and entity rows."""
    return tiny_project(
        tmp_path,
        [model(columns=COLUMNS), model("other_features", COLUMNS)],
        {
            "plane_features": Table(COLUMNS, [("N1", "2024-03-01", 1.0, 10)]),
            "other_features": Table(COLUMNS, [("N2", "2024-03-01", None, 20)]),
            "entities": Table(ENTITIES, [("N1", "2024-03-02", True), ("N2", "2024-03-03", False)]),
        },
    )


def train(store, entity_df="entities", **arguments):
    """Return a training set of both views."""
    return store.get_historical_features(
        entity_df,
        ["plane_features:delay", "other_features:seats"],
        full_feature_names=True,
        **arguments,
    )


def change(store, statement):
    """Change the warehouse."""
    with duckdb.connect(str(store.project.folder / "warehouse.duckdb")) as connection:
        connection.execute(statement)


def test_two_files_have_two_cards(store, tmp_path):
    """A name with dots keeps all of them; a file of another ending is refused."""
    for month in ("01", "02"):
        train(store).to_parquet(tmp_path / f"t.2024-{month}.parquet")
    written = [path.name for path in sorted(tmp_path.glob("t*.card.json"))]

    assert ["t.2024-01.card.json", "t.2024-02.card.json"] == written
    with pytest.raises(PlanError, match=r"must end in \.parquet, got '.*t\.2024-01'"):
        train(store).to_parquet(tmp_path / "t.2024-01")


def test_two_tables_have_two_cards(store):
    """A dot or a slash within a name is part of the name; capitals make no other table."""
    change(store, "CREATE SCHEMA a")
    folder = store.project.target_path / "featurestore"
    for name in ('"a.b"', "a.b", '"../up"'):
        train(store, pd.DataFrame({"tailnum": ["N1"], "event_timestamp": [AT]})).to_table(name)
    cards = {json.loads(path.read_text())["output"]: path for path in folder.glob("*.card.json")}

    assert {'"a.b"', "a.b", '"../up"'} == cards.keys()
    assert [[], [], []] == [store.check_training_set(path) for path in cards.values()]
    assert 1 == train(store, "SELECT * FROM entities LIMIT 1").to_table("A.B")
    assert "A.B" == json.loads(cards["a.b"].read_text())["output"]


def test_a_card_without_rows_has_no_period(store, tmp_path):
    """The ends of the period are null, and not a word; without an instant likewise."""
    none = "SELECT * FROM entities WHERE tailnum = 'N0'"
    unknown = "SELECT 'N1' AS tailnum, NULL::TIMESTAMP AS event_timestamp"
    for name, rows in (("a", none), ("b", unknown)):
        train(store, rows).to_parquet(tmp_path / f"{name}.parquet")
        card = json.loads((tmp_path / f"{name}.card.json").read_text())
        assert (None, None) == (card["first"], card["last"])
        assert [] == store.check_training_set(tmp_path / f"{name}.card.json")


def test_a_card_says_what_is_in_the_file(store, tmp_path):
    """The card holds the rows, columns with types and NULL rates, match rates and the period."""
    rows = train(store).to_parquet(tmp_path / "x.parquet")
    card = json.loads((tmp_path / "x.card.json").read_text())

    assert (2, 2) == (rows, card["rows"])
    assert ["tailnum", "event_timestamp", "late"] == [c["name"] for c in card["columns"][:3]]
    assert {"name": "other_features__seats", "type": "int32", "null_rate": 0.5} in card["columns"]
    assert [0.5, 0.5] == [view["match_rate"] for view in card["views"]]
    assert ("2024-03-02 00:00:00", "2024-03-03 00:00:00") == (card["first"], card["last"])
    assert card["sql"].startswith("WITH spine AS")
    assert len(card["manifest"]) == 64


def test_the_file_holds_what_was_asked_and_no_more(store, tmp_path):
    """The columns that only the card needs are not in the file."""
    job = train(store, feature_timestamps=True)
    job.to_parquet(tmp_path / "x.parquet")

    assert job.to_arrow().column_names == pq.read_table(tmp_path / "x.parquet").column_names


def test_the_same_request_gives_the_same_rows(store, tmp_path):
    """A request on unchanged tables has no differences, in any order of the rows."""
    train(store).to_parquet(tmp_path / "x.parquet")
    change(store, "CREATE OR REPLACE TABLE entities AS FROM entities ORDER BY tailnum DESC")

    assert [] == store.check_training_set(tmp_path / "x.card.json")


def test_a_changed_view_is_named(store, tmp_path):
    """The view whose values changed is named, and the other view is not."""
    train(store).to_parquet(tmp_path / "x.parquet")
    change(store, "UPDATE plane_features SET delay = 7")

    (sentence,) = store.check_training_set(tmp_path / "x.card.json")
    assert "values of 'plane_features' changed" in sentence


def test_a_changed_definition_is_named(store, tmp_path):
    """A new ttl is a new definition, whether or not it changes a value."""
    train(store).to_parquet(tmp_path / "x.parquet")
    changed = manifest_json(model(columns=COLUMNS, ttl="1 day"), model("other_features", COLUMNS))
    store.project.manifest_path.write_text(json.dumps(changed))

    (sentence,) = FeatureStore(store.project.folder).check_training_set(tmp_path / "x.card.json")
    assert "definition of 'plane_features' changed" in sentence


def test_changed_entity_rows_are_named(store, tmp_path):
    """A sentence gives the old and the new number of entity rows."""
    train(store).to_parquet(tmp_path / "x.parquet")
    change(store, "INSERT INTO entities VALUES ('N3', '2024-03-04', true)")

    assert "There are 3 rows, there were 2." in store.check_training_set(tmp_path / "x.card.json")


def test_a_data_frame_is_read_back_from_the_file(store, tmp_path):
    """The entity rows of a data frame are read back from the training set itself."""
    frame = pd.DataFrame(
        {"tailnum": ["N1", "N1"], "event_timestamp": pd.to_datetime(["2024-03-02"] * 2)}
    )
    train(store, frame).to_parquet(tmp_path / "x.parquet")

    assert [] == store.check_training_set(tmp_path / "x.card.json")
    (tmp_path / "x.parquet").unlink()
    with pytest.raises(FeatureStoreError, match="is gone"):
        store.check_training_set(tmp_path / "x.card.json")


def test_a_table_has_its_card_beside_the_artifacts(store):
    """A table's card lies in dbt's target folder."""
    assert train(store).to_table("training") == 2
    card = store.project.target_path / "featurestore" / "training.card.json"

    assert [] == store.check_training_set(card)


@pytest.mark.parametrize(
    ("then", "now", "differs"),
    [
        ("0::DECIMAL(38,2)", "(-0.01)::DECIMAL(38,2)", True),
        ("0::HUGEINT", "(-1)::HUGEINT", True),
        ("[0]", "[0, 0]", True),
        ("'high'::ENUM('low', 'high')", "'medium'::ENUM('low', 'medium')", True),
        ("'high'::ENUM('low', 'high')", "'high'::ENUM('high', 'low')", False),
        (
            "'11111111-1111-1111-2222-222222222222'::UUID",
            "'a2222222-2222-2222-9111-111111111111'::UUID",
            True,
        ),
        ("{'x': 0::DECIMAL(38,2)}", "{'x': (-0.01)::DECIMAL(38,2)}", True),
        ("0::DOUBLE", "'-0.0'::DOUBLE", True),
        ("0::FLOAT", "'-0.0'::FLOAT", True),
        ("[0]::DOUBLE[]", "['-0.0']::DOUBLE[]", True),
        ("[0, 1]::FLOAT[2]", "['-0.0', '1']::FLOAT[2]", True),
        ("{'x': 0::DOUBLE}", "{'x': '-0.0'::DOUBLE}", True),
        ("'-0.0'::DOUBLE", "'-0.0'::DOUBLE", False),
        ("0.5::DOUBLE", "0.5::DOUBLE", False),
    ],
)
def test_changed_values_are_noticed_of_every_type(tmp_path, then, now, differs):
    """A card says that values changed if they did, of every type."""
    kinds = {"tailnum": "varchar", "observed_at": "timestamp", "x": None}
    empty = Table({name: kind or "integer" for name, kind in kinds.items()}, [])
    entities = Table(ENTITIES, [("N1", "2024-03-02", True), ("N2", "2024-03-02", True)])
    tables = {"plane_features": empty, "entities": entities}
    store = tiny_project(tmp_path, [model(columns=kinds)], tables)
    rows = (
        "CREATE OR REPLACE TABLE plane_features AS"
        " SELECT 'N' || row_number() OVER () AS tailnum, TIMESTAMP '2024-03-01' AS observed_at, x"
        " FROM (SELECT {} AS x)"
    )
    change(store, rows.format(then))
    job = store.get_historical_features("entities", ["plane_features:x"])
    job.to_parquet(tmp_path / "x.parquet")
    change(store, rows.format(now))

    found = store.check_training_set(tmp_path / "x.card.json")

    changed = ["The values of 'plane_features' changed; its definition did not."]
    assert (changed if differs else []) == found


def test_a_card_of_an_older_rule_of_hashing_is_not_compared(store, tmp_path):
    """A card from before the rule was numbered says so, instead of that every value changed."""
    train(store).to_parquet(tmp_path / "x.parquet")
    path = tmp_path / "x.card.json"
    card = json.loads(path.read_text())
    assert 2 == card.pop("hashing")
    path.write_text(json.dumps(card))

    assert [
        "The card's hashes follow rule 1 and now follow rule 2: they cannot be compared."
    ] == store.check_training_set(path)


@pytest.mark.parametrize("text", [None, "", "{}", '{"views": 1}'])
def test_a_file_without_a_card_is_refused(store, tmp_path, text):
    """A missing or foreign file is one clear error."""
    path = tmp_path / "x.card.json"
    if text is not None:
        path.write_text(text)

    with pytest.raises(FeatureStoreError, match="card"):
        store.check_training_set(path)


def test_a_file_of_bytes_is_no_card(store, tmp_path):
    """The error names the file and does not quote its bytes."""
    path = tmp_path / "x.parquet"
    train(store).to_parquet(path)

    with pytest.raises(FeatureStoreError, match="is not the card of a training set") as error:
        store.check_training_set(path)

    assert len(str(error.value)) < 300
    assert ".card.json" in error.value.remedy
