"""Snapshots that dbt itself builds, again and again: online and offline tell the same."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import duckdb
import pytest
import redis

from featurestore import FeatureStore
from featurestore.cli import main
from tests.support.example_fixture import dbt

pytestmark = [pytest.mark.whole, pytest.mark.xdist_group("dbt")]

PROFILE = {
    "shop": {
        "target": "dev",
        "outputs": {"dev": {"type": "duckdb", "path": "shop.duckdb", "schema": "main"}},
    }
}
SOURCES = {"sources": [{"name": "main", "tables": [{"name": "customers"}]}]}
RENAMED = {"dbt_valid_from": "starts", "dbt_valid_to": "stops", "dbt_is_deleted": "is_gone"}
CONFIGS = {
    "kept": {"hard_deletes": "ignore"},
    "closed": {"hard_deletes": "invalidate"},
    "recorded": {"hard_deletes": "new_record"},
    "renamed": {
        "hard_deletes": "new_record",
        "snapshot_meta_column_names": RENAMED,
        "dbt_valid_to_current": "cast('9999-12-31' as timestamp)",
    },
    "checked": {"hard_deletes": "invalidate", "strategy": "check", "check_cols": ["v"]},
}
GONE = {"kept": 20, "closed": None, "recorded": None, "renamed": None, "checked": None}
"""The value of a key that has disappeared, by snapshot."""


def _snapshot(name):
    by_time = {"strategy": "timestamp", "updated_at": "updated_at"}
    config = {**({} if name == "checked" else by_time), **CONFIGS[name]}
    added = {"dbt_valid_from": "dbt_valid_from", "dbt_valid_to": "dbt_valid_to"} | config.get(
        "snapshot_meta_column_names", {}
    )
    return {
        "name": name,
        "relation": "source('main', 'customers')",
        "config": {
            "unique_key": "id",
            "meta": {"featurestore": {"entities": {"customer": "id"}}},
            **config,
        },
        "columns": [{"name": column} for column in ("id", "v", *added.values())],
    }


class Shop:
    """A dbt project with one source and five snapshots of it."""

    def __init__(self, folder, url):
        self.folder, self.url = folder, url
        for name, content in {
            "dbt_project.yml": {"name": "shop", "profile": "shop"},
            "profiles.yml": PROFILE,
            "models/sources.yml": SOURCES,
            "snapshots/snapshots.yml": {"snapshots": list(map(_snapshot, CONFIGS))},
        }.items():
            (folder / name).parent.mkdir(exist_ok=True)
            # JSON is YAML.
            (folder / name).write_text(json.dumps(content), encoding="utf-8")

    def build(self, *rows):
        """Replace the source's rows, and let dbt take the snapshots; then publish them."""
        with duckdb.connect(str(self.folder / "shop.duckdb")) as connection:
            connection.execute(
                "CREATE OR REPLACE TABLE customers (id BIGINT, v BIGINT, updated_at TIMESTAMP)"
            )
            connection.executemany("INSERT INTO customers VALUES (?, ?, ?)", rows)
        result = dbt(self.folder, "build")
        assert result.returncode == 0, result.stdout + result.stderr
        self.store = FeatureStore(self.folder, redis_url=self.url)
        self.store.sync()
        assert self.store.verify(sample=None).good

    def values(self, at=None):
        """Return the offline values of both keys by snapshot; for now they are also online."""
        moment = at or datetime.now(UTC)
        entities = (
            f"SELECT unnest([1, 2]) AS id, TIMESTAMP '{moment:%Y-%m-%d %H:%M:%S.%f}'"
            " AS event_timestamp"
        )
        features = [f"{name}:v" for name in CONFIGS]
        options = {"full_feature_names": True}
        rows = self.store.get_historical_features(entities, features, **options).to_arrow()
        offline = {name: rows.column(f"{name}__v").to_pylist() for name in CONFIGS}
        if at is None:
            keys = [{"id": 1}, {"id": 2}]
            online = self.store.get_online_features(features, keys, **options).to_dict()
            assert {name: online[f"{name}__v"] for name in CONFIGS} == offline
        return offline


@pytest.fixture(scope="module")
def shop(tmp_path_factory, redis_server):
    """Two customers; then one changes and the other disappears."""
    with redis.Redis.from_url(redis_server) as client:
        client.flushall()
    shop = Shop(tmp_path_factory.mktemp("snapshots"), redis_server)
    shop.build((1, 10, "2024-01-01"), (2, 20, "2024-01-01"))
    shop.first = shop.values()
    shop.build((1, 11, "2024-02-01"))
    return shop


def test_the_validity_stays_out_of_the_features(shop):
    """Documented or not, the columns that dbt adds are left out."""
    views = shop.store.registry.feature_views
    assert {name: view.feature_names for name, view in views.items()} == dict.fromkeys(
        CONFIGS, ("v",)
    )
    assert shop.first == {name: [10, 20] for name in CONFIGS}


def test_what_disappeared_is_gone_offline_and_online(shop):
    assert shop.values() == {name: [11, GONE[name]] for name in CONFIGS}


def test_the_past_stays_as_it_was(shop):
    """On 15 January both customers were there, and later events do not change that."""
    january = shop.values(datetime(2024, 1, 15, tzinfo=UTC))
    del january["checked"]  # it begins with its first run
    assert january == {name: [10, 20] for name in CONFIGS if name != "checked"}


@pytest.mark.parametrize(
    ("name", "said"),
    [("closed", "The newest row ended at"), ("recorded", "The entity was deleted at")],
)
def test_why_tells_what_happened(shop, monkeypatch, capsys, name, said):
    monkeypatch.chdir(shop.folder)
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}"
    with pytest.raises(SystemExit):
        main(["why", f"{name}:v", "-k", "id=2", "--at", now])
    assert said in " ".join(capsys.readouterr().err.split())


def test_validate_finds_no_overlap_and_advises_a_delay(shop):
    problems = shop.store.validate(lint=True)
    assert not [problem for problem in problems if "overlap" in problem.message]
    found = [(p.code, p.resource, p.severity) for p in problems if p.code]
    by_timestamp = sorted(set(CONFIGS) - {"checked"})
    assert found == [("FS011", name, "warning") for name in by_timestamp]


def test_a_customer_that_comes_back_has_values_again(shop):
    """Last in this file: it changes the project of all the tests above."""
    shop.build((1, 11, "2024-02-01"), (2, 21, datetime.now(UTC).replace(tzinfo=None)))
    assert shop.values() == {name: [11, 21] for name in CONFIGS}
