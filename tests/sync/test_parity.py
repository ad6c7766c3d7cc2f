"""The promise: what is served online is what the point-in-time join returns for now."""

from __future__ import annotations

import shutil
from datetime import timedelta

import pyarrow as pa
import pytest

from featurestore import FeatureStore
from featurestore.values.parsing import parse_instant

pytestmark = pytest.mark.whole

NOW = parse_instant("2013-12-30T20:00")
VIEWS = (
    "airport_traffic_features",
    "airport_weather_features",
    "carrier_features",
    "plane_features",
    "route_features",
)


@pytest.fixture(scope="module")
def synced(example_project, redis_server, tmp_path_factory):
    """Sync the example as of a moment near the end of its data."""
    import redis

    patch = pytest.MonkeyPatch()
    warehouse = tmp_path_factory.mktemp("parity") / "warehouse.duckdb"
    shutil.copy(example_project.warehouse, warehouse)
    patch.setenv("FEATURESTORE_WAREHOUSE", str(warehouse))
    patch.setenv("DBT_TARGET_PATH", str(example_project.target_dir))
    patch.setenv("DBT_PROFILES_DIR", str(example_project.project_dir))
    client = redis.Redis.from_url(redis_server)
    client.flushdb()
    store = FeatureStore(example_project.project_dir, redis_url=redis_server, now=NOW)
    store.sync()
    yield store
    client.flushdb()
    client.close()
    patch.undo()


def _keys(store, view):
    """Every key of the view's table, of any age, and one that it does not have."""
    names = [key.name for key in store.registry.view(view).join_keys]
    with store.warehouse() as warehouse:
        relation = store.registry.view(view).relation
        keys = warehouse.stream(f"SELECT DISTINCT {', '.join(names)} FROM {relation}").read_all()
    rows = [row for row in keys.to_pylist() if None not in row.values()]
    return [*rows, dict.fromkeys(names, "no such key")]


@pytest.mark.parametrize("view", VIEWS)
def test_online_equals_the_point_in_time_join_for_now(synced, view):
    """For each key of each view, every value and every type agree, the missing ones included."""
    rows = _keys(synced, view)
    features = [f"{view}:*"]
    online = synced.get_online_features(features, rows).to_arrow()
    frame = pa.Table.from_pylist([{**row, "event_timestamp": NOW} for row in rows])
    offline = synced.get_historical_features(frame, features).to_arrow()
    names = synced.registry.view(view).feature_names

    assert len(rows) > 3
    assert offline.select(names).schema.types == online.select(names).schema.types
    assert offline.select(names).to_pylist() == online.select(names).to_pylist()


def test_online_equals_offline_later_than_the_sync(synced, example_project, redis_server):
    """Hours after the sync, what has outlived its ttl is gone online as it is offline."""
    later = NOW + timedelta(hours=4)
    store = FeatureStore(example_project.project_dir, redis_url=redis_server, now=later)
    rows = [{"airport": airport} for airport in ("EWR", "JFK", "LGA")]
    online = store.get_online_features(["airport_weather_features:*"], rows)

    assert {"EXPIRED"} == {status for found in online.statuses.values() for status in found}
    assert {None} == {
        value
        for name, values in online.to_dict().items()
        if name in online.statuses
        for value in values
    }
