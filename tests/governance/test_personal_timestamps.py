"""A timestamp that is personal data, such as a birthday: it is shown only if it is allowed."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from featurestore import FeatureStore
from featurestore.errors import OnlineStoreError, RegistryError
from tests.support.builders import column
from tests.support.personal_project import RAW, build, staging, view

MARKED = {**RAW, "columns": {"observed_at": column("observed_at", pii=True)}}
UNMARKED = {**RAW, "columns": {}}
TIME = "v:observed_at"
ENTITIES = "select 'N1' as tailnum, timestamp '2024-03-01' as event_timestamp"
AT = datetime(2024, 3, 1, tzinfo=UTC)
EVENT = datetime(2024, 2, 1)  # noqa: DTZ001, the table's type is TIMESTAMP
ROWS = [{"tailnum": "N1"}]


@pytest.fixture
def opened(tmp_path, redis_server, redis_client):
    """Return a function that opens the project, with its event timestamp marked or not."""

    def opened(source=MARKED):
        build(tmp_path, staging(), view("orders"), source=source)
        return FeatureStore(tmp_path, redis_url=redis_server)

    return opened


@pytest.mark.parametrize(
    "options",
    [
        {"entity_df": ENTITIES, "feature_timestamps": True},
        {"feature_timestamps": True},
        {"start": datetime(2024, 1, 1, tzinfo=UTC)},
    ],
)
def test_a_training_set_shows_it_only_if_it_is_allowed(opened, tmp_path, options):
    """With feature timestamps, and where the instants are those of the views' own rows."""
    store = opened()
    with pytest.raises(RegistryError, match=f"event timestamp '{TIME}' is personal") as error:
        store.get_historical_features(features=["v:f"], **options)
    assert f"--allow-pii {TIME}" in error.value.remedy

    job = store.get_historical_features(features=["v:f"], **options, allow_pii=[TIME])
    job.to_parquet(tmp_path / "t.parquet")
    assert EVENT in job.to_arrow().to_pylist()[0].values()
    request = json.loads((tmp_path / "t.card.json").read_text(encoding="utf-8"))["request"]
    assert [TIME] == request["personal_data"]


@pytest.mark.parametrize(
    "options",
    [
        {"entity_df": ENTITIES},
        {},
        {"start": datetime(2024, 1, 1, tzinfo=UTC), "every": "10 days"},
    ],
)
def test_a_training_set_that_does_not_show_it_needs_no_allowance(opened, options):
    """The join compares the instants, as a filter does."""
    job = opened().get_historical_features(features=["v:f"], **options)
    assert 3 == job.to_arrow().to_pylist()[0]["f"]


def test_why_shows_it_only_if_it_is_allowed(opened):
    """The table of candidate rows has a column of their event timestamps."""
    store = opened()
    with pytest.raises(RegistryError, match=f"'{TIME}' is personal data"):
        store.why("v:f", {"tailnum": "N1"}, AT)

    shown = store.why("v:f", {"tailnum": "N1"}, AT, allow_pii=[TIME])
    assert [EVENT] == shown["event_timestamp"].to_pylist()


def test_a_reader_decides_about_one_that_was_marked_since(opened):
    """The rows in Redis still have it; their features are served, and an allowance is recorded."""
    opened(UNMARKED).sync()
    store = opened()
    with pytest.raises(OnlineStoreError, match=f"'{TIME}' is personal data") as error:
        store.get_online_features(["v:f"], ROWS, feature_timestamps=True)
    assert f"--allow-pii {TIME}" in error.value.remedy
    assert [3] == store.get_online_features(["v:f"], ROWS).values["f"]

    store.sync(allow_pii=[TIME])
    found = opened().get_online_features(["v:f"], ROWS, feature_timestamps=True)
    assert [EVENT.replace(tzinfo=UTC)] == found.event_timestamps["v__event_timestamp"]
    assert opened().verify(sample="all").good


@pytest.mark.parametrize("command", ["status", "verify"])
def test_a_view_that_is_not_published_is_not_called_offline(opened, command):
    """A command about it says why, and what to do; without its name it is left out."""
    store = opened()
    store.sync()

    with pytest.raises(OnlineStoreError, match=f"'{TIME}' is a key or timestamp with personal"):
        getattr(store, command)(["v"])
    assert () == getattr(store, command)().views
