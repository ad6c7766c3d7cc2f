"""The caches of a process are keyed by values or by objects that they hold, never by addresses."""

from __future__ import annotations

import ast
import gc
import json
from pathlib import Path

import pytest

from featurestore import FeatureStore
from featurestore.online.client import OnlineClient, ResolvedRequest
from featurestore.registry.definitions import ServiceMember
from tests.support.builders import COLUMNS, ROW, Table, manifest_json, model, tiny_project
from tests.support.online_project import NOW, Shop

VIEW = "plane_features"
DELAY = f"{VIEW}:delay"
SOURCES = Path(__file__).parents[2]
PATHS = sorted(
    path
    for room in ("store", "online", "warehouse", "training", "project", "registry", "sql")
    for path in (SOURCES / "featurestore" / room).rglob("*.py")
)


def table(delay):
    """Return the table of a view with one row."""
    return Table(COLUMNS, [("N1", "2024-02-01", delay)])


def delays(store):
    """Return the values of a training set of one row."""
    return store.get_historical_features(ROW, DELAY).to_arrow()["delay"].to_pylist()


# One process, many projects


def test_two_stores_of_one_process_share_nothing(tmp_path):
    """Two projects with the same names and other rows are read in turns, each with its own."""
    stores = [
        tiny_project(tmp_path / str(delay), [model()], {VIEW: table(delay)}) for delay in (1.0, 2.0)
    ]

    assert [[1.0], [2.0]] * 2 == [delays(store) for store in stores * 2]
    assert stores[0].registry is not stores[1].registry


def test_stores_that_follow_each_other_share_nothing(tmp_path):
    """A store at the address of one that is gone sees its own project."""
    for number in range(20):
        store = tiny_project(tmp_path / str(number), [model(ttl=f"{number + 1} days")])
        assert number + 1 == store.registry.view(VIEW).ttl.days
        del store
        gc.collect(1)


def test_a_store_keeps_its_definitions_and_a_new_one_reads_them_again(tmp_path):
    """The manifest is read once per store: all methods of a store see the same definitions."""
    store = tiny_project(tmp_path, [model(ttl="1 day")], {VIEW: table(1.0)})
    assert [None] == delays(store)

    changed = json.dumps(manifest_json(model(ttl="90 days")))
    (tmp_path / "target" / "manifest.json").write_text(changed)

    assert [None] == delays(store)
    assert [1.0] == delays(FeatureStore(tmp_path))


def test_a_file_that_was_missing_is_looked_for_again(tmp_path):
    """An error is not cached: the next call reads the file."""
    store = tiny_project(tmp_path, [model()])
    path = tmp_path / "target" / "manifest.json"
    content = path.read_text()
    path.unlink()
    with pytest.raises(Exception, match=r"manifest\.json"):
        _ = store.registry

    path.write_text(content)

    assert [VIEW] == list(store.registry.feature_views)


# Online


@pytest.fixture
def shop(tmp_path, redis_client, redis_server):
    """Return a project with one view, published to an empty server."""
    assert redis_client.ping()
    shop = Shop(tmp_path / "shop", redis_server)
    columns = {**COLUMNS, "seats": "integer"}
    rows = Table(columns, [("N1", "2024-02-01", 1.5, 100)])
    shop.publish([model(columns=columns)], {VIEW: rows}).close()
    return shop


@pytest.fixture
def client(shop):
    """Return a client of the published project."""
    client = OnlineClient(shop.open().registry, shop.url, now=lambda: NOW)
    yield client
    client.close()


def test_equal_requests_share_one_plan(client):
    """Requests are compared by value: the same names in another list are the same request."""
    first = client.resolve([DELAY], None)

    assert first is client.resolve([DELAY], None)
    assert first is client.resolve((DELAY,), None)
    assert first is not client.resolve([f"{VIEW}:seats"], None)


def test_a_list_that_changes_is_another_request(shop):
    """The key is a copy of the names, so the caller may reuse the list."""
    with shop.open() as store:
        features = [DELAY]
        assert ["tailnum", "delay"] == list(read(store, features))
        features[0] = f"{VIEW}:seats"
        assert {"tailnum": ["N1"], "seats": [100]} == read(store, features)


def read(store, features):
    """Return the values of one entity."""
    return store.get_online_features(features, {"tailnum": ["N1"]}).to_dict()


def test_a_request_at_the_address_of_a_freed_one_has_its_own_plan(client):
    """The cache holds its keys, so the address of a live key cannot be given to another request."""
    for number in range(50):
        name = ("delay", "seats")[number % 2]
        request = ResolvedRequest((ServiceMember(VIEW, (name,)),))
        found = client.get(request, {"tailnum": ["N1"]}).to_dict()
        assert {"tailnum": ["N1"], name: [(1.5, 100)[number % 2]]} == found
        del request
        gc.collect(1)


def test_options_of_a_request_are_part_of_the_key(client):
    """The same features under full names, or with another column, have another plan."""
    request = client.resolve(DELAY, None)
    for _ in range(2):
        plain = client.get(request, {"tailnum": ["N1"]})
        full = client.get(request, {"tailnum": ["N1"]}, full_feature_names=True)
        more = client.get(request, {"tailnum": ["N1"], "note": ["x"]})

        assert ["tailnum", "delay"] == list(plain.to_dict())
        assert ["tailnum", f"{VIEW}__delay"] == list(full.to_dict())
        assert ["tailnum", "note", "delay"] == list(more.to_dict())


# The source


def test_the_rooms_are_read():
    """The check below looks at the modules that hold caches."""
    assert len(PATHS) > 60


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_no_key_is_an_address(path):
    """`id()` names an object only while it lives, so no cache of these rooms uses it."""
    calls = [
        node.lineno
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "id"
    ]

    assert [] == calls
