"""Personal data in what a service computes: refused in training sets until the caller allows it."""

from __future__ import annotations

import json

import pytest

from featurestore.errors import RegistryError
from tests.support.builders import Table, column, model, service, tiny_project

COLUMNS = {"tailnum": "varchar", "observed_at": "timestamp", "age": "bigint"}
ENTITIES = {"tailnum": "varchar", "event_timestamp": "timestamp", "amount": "bigint"}
AGE, IS_OLD = "plane_features:age", "delays:is_old"


@pytest.fixture
def store(tmp_path):
    """Return a store whose service computes with a personal feature."""
    columns = [column(n, t, **({"pii": True} if n == "age" else {})) for n, t in COLUMNS.items()]
    exposure = service(
        "delays",
        [AGE],
        request={"amount": "bigint"},
        on_demand={"is_old": "age > 60", "is_big": "amount > 3"},
    )
    tables = {
        "plane_features": Table(COLUMNS, [("N1", "2024-03-01", 70)]),
        "entities": Table(ENTITIES, [("N1", "2024-03-02", 5)]),
    }
    return tiny_project(tmp_path, [model(columns=columns)], tables, exposures=[exposure])


def test_it_must_be_allowed_by_its_own_name(store):
    """The name of its input is not enough; the refusal says why and how."""
    with pytest.raises(RegistryError) as refused:
        store.get_historical_features("entities", feature_service="delays", allow_pii=[AGE])

    assert f"The on-demand feature '{IS_OLD}' is personal data (computed from 'age')" in str(
        refused.value
    )
    assert f'allow_pii=["{IS_OLD}"]' in str(refused.value)


@pytest.mark.parametrize("allowed", [True, [AGE, IS_OLD], [AGE, "delays:*"]])
def test_an_allowance_is_recorded_on_the_card(store, tmp_path, allowed):
    """With it the training set is built, and its card names both."""
    job = store.get_historical_features("entities", feature_service="delays", allow_pii=allowed)
    job.to_parquet(tmp_path / "training.parquet")
    card = json.loads((tmp_path / "training.card.json").read_text("utf-8"))

    assert [AGE, IS_OLD] == card["request"]["personal_data"]
    assert [] == store.check_training_set(tmp_path / "training.card.json")


def test_an_unknown_name_is_refused(store):
    """An allowance names what exists."""
    with pytest.raises(RegistryError, match="delays"):
        store.get_historical_features("entities", [AGE], allow_pii=[AGE, "delays:other"])
