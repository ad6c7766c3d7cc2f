"""The end of a row's validity in explanations, counts, cards and dbt models."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import duckdb
import pytest

from featurestore.cli import main
from featurestore.errors import RegistryError
from tests.support.builders import Table, model, tiny_project

COLUMNS = {
    "id": "bigint",
    "dbt_valid_from": "timestamp",
    "dbt_valid_to": "timestamp",
    "dbt_is_deleted": "varchar",
    "v": "bigint",
}
ROWS = [
    (1, "2024-01-01", "2024-02-01", "False", 10),
    (1, "2024-02-01", "9999-12-31", "False", 11),
    (2, "2024-01-01", "2024-02-01", "False", 20),
    (3, "2024-01-01", "2024-02-01", "False", 30),
    (3, "2024-02-01", "9999-12-31", "True", 30),
]
ENTITIES = {"id": "bigint", "event_timestamp": "timestamp"}
MARCH = datetime(2024, 3, 1, tzinfo=UTC)


def project(folder, no_end="cast('9999-12-31' as timestamp)"):
    """Return a store of one snapshot: key 1 changed, key 2 was closed, key 3 was deleted."""
    snapshot = model(
        "snap",
        COLUMNS,
        entities={"c": "id"},
        event_timestamp=None,
        node={"resource_type": "snapshot", "unique_id": "snapshot.shop.snap"},
        config={"dbt_valid_to_current": no_end, "hard_deletes": "new_record"},
    )
    entities = [(key, "2024-03-01") for key in (1, 2, 3, 4)]
    labels = model("labels", ENTITIES, meta={})
    tables = {"snap": Table(COLUMNS, ROWS), "labels": Table(ENTITIES, entities)}
    return tiny_project(folder, [snapshot, labels], tables)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return project(tmp_path_factory.mktemp("validity"))


def verdicts(store, key):
    """Return the end and the verdict of each row of a key, the newest one first."""
    rows = store.why("snap:v", {"id": key}, MARCH).to_pylist()
    return [(row["value"], str(row["valid_until"])[:10], row["verdict"]) for row in rows]


def test_why_says_that_the_newest_row_ended_and_when(store):
    assert verdicts(store, 1) == [
        (11, "9999-12-31", "chosen"),
        (10, "2024-02-01", "superseded by a newer row"),
    ]
    assert verdicts(store, 2) == [(20, "2024-02-01", "ended by then")]
    assert verdicts(store, 3) == [
        (30, "9999-12-31", "records a deletion"),
        (30, "2024-02-01", "superseded by a newer row"),
    ]


@pytest.mark.parametrize(
    ("key", "said"),
    [
        (2, "The newest row ended at 2024-02-01 00:00:00, so the value is NULL."),
        (3, "The entity was deleted at 2024-02-01 00:00:00, so the value is NULL."),
    ],
)
def test_the_command_says_it_too(store, monkeypatch, capsys, key, said):
    monkeypatch.chdir(store.project.folder)
    with pytest.raises(SystemExit):
        main(["why", "snap:v", "-k", f"id={key}", "--at", "2024-03-01"])

    assert said in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("strategy", ["asof", "window"])
def test_a_row_that_has_ended_counts_as_expired_and_a_deletion_as_missing(store, strategy):
    job = store.get_historical_features("labels", "snap:v", strategy=strategy)
    (report,) = job.explain()

    assert job.to_arrow().column("v").to_pylist() == [11, None, None, None]
    assert (report.matched, report.expired, report.missing) == (1, 1, 2)


def test_a_card_tells_another_validity_apart(tmp_path):
    store = project(tmp_path)
    request = ("labels", "snap:v")
    store.get_historical_features(*request, feature_timestamps=True).to_parquet(
        tmp_path / "x.parquet"
    )
    card = json.loads((tmp_path / "x.card.json").read_text())
    assert [view["match_rate"] for view in card["views"]] == [0.25]

    (sentence,) = project(tmp_path, no_end="").check_training_set(tmp_path / "x.card.json")
    assert "definition of 'snap' changed" in sentence


def test_a_dbt_model_has_the_same_rows(tmp_path):
    store = project(tmp_path)
    job = store.get_historical_features("ref:labels", "snap:v")
    job.to_dbt_model("models/training_set.sql")
    sql = (tmp_path / "models" / "training_set.sql").read_text().partition("-#}")[2]
    for name in ("snap", "labels"):
        sql = sql.replace(f"{{{{ ref('{name}') }}}}", name)
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as connection:
        built = connection.sql(sql).to_arrow_table()

    assert job.to_arrow().to_pylist() == built.to_pylist()


def test_a_value_for_no_end_that_is_not_sql_is_refused(tmp_path):
    store = project(tmp_path, no_end="cast(")
    with pytest.raises(RegistryError, match=r"dbt_valid_to_current `cast\(`, which cannot be"):
        store.get_historical_features("labels", "snap:v").to_sql()
