"""A feature that is marked after its publication: the reader's definitions decide, at once."""

from __future__ import annotations

import asyncio

import pytest

from featurestore import FeatureStore
from featurestore.errors import OnlineStoreError
from tests.support.builders import Table, column, model, tiny_project
from tests.support.personal_project import RAW, build, sql_model

COLUMNS = {"tailnum": "varchar", "observed_at": "timestamp", "mail": "varchar", "orders": "bigint"}
ROWS = [{"tailnum": "N1"}]
SCHEMA = "fs-meta:{shop}:schema:v"


@pytest.fixture
def opened(tmp_path, redis_server, redis_client):
    """Return a function that opens the project, with `mail` marked or not."""

    def opened(**own):
        marked = [column(n, kind, **own if n == "mail" else {}) for n, kind in COLUMNS.items()]
        row = ("N1", "2024-02-01", "alice@example.com", 3)
        tiny_project(tmp_path, [model("v", marked)], {"v": Table(COLUMNS, [row])})
        return FeatureStore(tmp_path, redis_url=redis_server)

    return opened


def _mail(store):
    return store.get_online_features(["v:mail", "v:orders"], ROWS).to_dict()["mail"]


async def _read_async(store):
    async with store:
        await store.get_online_features_async(["v:mail"], ROWS)


def test_a_newly_marked_feature_is_refused_before_the_next_sync(opened):
    """The rows in Redis still hold the value, and no reader with the mark returns it."""
    opened().sync()
    store = opened(pii=True)

    with pytest.raises(OnlineStoreError, match=r"'v:mail' is personal data \(`pii: true`\) and is"):
        _mail(store)
    with pytest.raises(OnlineStoreError, match="--allow-pii v:mail"):
        asyncio.run(_read_async(store))
    assert {"tailnum": ["N1"], "orders": [3]} == store.get_online_features(["v:*"], ROWS).to_dict()


def test_an_allowance_is_recorded_without_rows_to_publish(opened, redis_client):
    """A sync that finds no changed row records what it was allowed; readers learn it at once."""
    opened().sync()
    store = opened(pii=True)
    with pytest.raises(OnlineStoreError):
        _mail(store)
    report = opened(pii=True).sync(allow_pii=["v:mail"])

    assert (False, 0) == (report.views[0].full, report.views[0].written)
    assert b'["mail"]' == redis_client.hget(SCHEMA, "pii")
    assert ["alice@example.com"] == _mail(store)


def test_the_next_sync_removes_it(opened, redis_client):
    """Without an allowance the value leaves Redis, and stays refused."""
    opened().sync()
    store = opened(pii=True)
    assert store.sync().views[0].full

    assert b"[]" == redis_client.hget(SCHEMA, "pii")
    assert b"alice" not in b"".join(redis_client.dump(key) for key in redis_client.keys("*"))
    with pytest.raises(OnlineStoreError, match="is not published"):
        _mail(store)


def test_status_and_verify_tell_and_go_on(opened):
    """The view is not as declared until the next sync; the other features are compared."""
    opened().sync()
    store = opened(pii=True)

    assert ["schema differs"] == [view.state for view in store.status().views]
    report = store.verify(sample="all")
    assert (True, 1) == (report.good, report.views[0].checked)
    store.sync(allow_pii=True)
    assert ["ok"] == [view.state for view in store.status().views]


def test_views_whose_keys_were_marked_are_removed_however_many(
    tmp_path, redis_server, redis_client
):
    """The brake is for accidents; personal data must leave with the next sync."""
    columns = [column(name, kind) for name, kind in COLUMNS.items() if name != "mail"]
    sql = 'select tailnum, observed_at, orders from "main"."raw_customers"'
    needs = [RAW["unique_id"]]
    views = [sql_model(name, sql, needs, columns, entities={name: "tailnum"}) for name in "vwx"]

    def project(**own):
        build(tmp_path, *views, source={**RAW, "columns": {"tailnum": column("tailnum", **own)}})
        return FeatureStore(tmp_path, redis_url=redis_server)

    project().sync()
    store = project(pii=True)
    assert ["no longer declared"] * 3 == [view.state for view in store.status().views]
    foretold, done = store.sync(dry_run=True), store.sync()

    assert {} == done.held_back
    assert [("v", 1), ("w", 1), ("x", 1)] == [(view.view, view.deleted) for view in done.views]
    assert [view.deleted for view in foretold.views] == [view.deleted for view in done.views]
    assert [] == redis_client.keys("fs:*")
    store.sync(allow_pii=True)
    assert ["ok"] * 3 == [view.state for view in store.status().views]


def test_the_record_of_an_older_version_is_what_was_published(opened, redis_client):
    """A Redis without the record is served as before, so that readers may be upgraded first."""
    opened(pii=True).sync(allow_pii=True)
    redis_client.hdel(SCHEMA, "pii")
    store = opened(pii=True)

    assert ["alice@example.com"] == _mail(store)
    assert ["ok"] == [view.state for view in store.status().views]


def test_a_damaged_record_allows_nothing(opened, redis_client):
    """A reader refuses personal data if it cannot read the record."""
    opened(pii=True).sync(allow_pii=True)
    redis_client.hset(SCHEMA, "pii", "{")

    with pytest.raises(OnlineStoreError, match="is not published"):
        _mail(opened(pii=True))


def test_a_mark_that_is_gone_needs_no_allowance(opened):
    """A feature whose mark was removed is served: the reader's definitions decide here too."""
    opened(pii=True).sync(allow_pii=True)

    assert ["alice@example.com"] == _mail(opened())
