"""The facade holds its parts and delegates: it decides nothing itself."""

from __future__ import annotations

import ast
import inspect

import pytest

from featurestore import FeatureStore
from featurestore.errors import (
    EntityFrameError,
    FeatureStoreError,
    OnlineStoreUnavailable,
    ProfileError,
)
from featurestore.store.session import Session
from tests.support.builders import COLUMNS, ROW, Table, model, tiny_project

TREE = ast.parse(inspect.getsource(FeatureStore)).body[0]
METHODS = {
    node.name: node
    for node in TREE.body
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
}
PUBLIC = [name for name in METHODS if not name.startswith("_")]
TWO_STORES = {"close", "aclose"}
"""The methods with two delegations: one closes the warehouse, the other the online store."""


def statements(name):
    """Return the statements of a method without its docstring."""
    return METHODS[name].body[1:]


def test_the_facade_inherits_nothing():
    """The facade is one class, whose parts share one session."""
    assert (FeatureStore, object) == FeatureStore.__mro__
    assert len(PUBLIC) > 20


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_method_is_one_delegation(name):
    """Each public method calls or returns one attribute of a part, and has a docstring."""
    assert ast.get_docstring(METHODS[name])
    assert (2 if name in TWO_STORES else 1) == len(statements(name))
    for statement in statements(name):
        assert isinstance(statement, ast.Return | ast.Expr)
        assert ast.unparse(statement.value).removeprefix("await ").startswith("self._")


@pytest.mark.parametrize("name", METHODS)
def test_the_facade_checks_nothing(name):
    """Neither a branch nor an error is in it: the parts check a caller's arguments."""
    forbidden = (ast.If, ast.IfExp, ast.For, ast.While, ast.Raise, ast.Try, ast.BoolOp)

    assert [] == [node for node in ast.walk(METHODS[name]) if isinstance(node, forbidden)]


def test_the_signature_of_the_session_is_the_stores():
    """The store passes its arguments on to the session unchanged."""
    assert inspect.signature(Session) == inspect.signature(FeatureStore)


def test_a_store_shows_its_project_and_not_its_password(tmp_path):
    """The online store's URL may hold a password, so it is not shown."""
    store = FeatureStore(tmp_path, "dev", redis_url="redis://:secret@localhost")

    assert f"FeatureStore({str(tmp_path)!r}, target='dev')" == repr(store)


def test_the_session_is_open_to_its_users(tmp_path):
    """The files and the clock of the session are attributes of the store."""
    store = tiny_project(tmp_path, [model()], {"plane_features": Table(COLUMNS, [])})

    assert tmp_path == store.project.folder
    assert "duckdb" == store.profile.adapter
    assert store.manifest.project == store.registry.project
    assert store.declared is store.registry
    assert store.now().tzinfo is not None


def test_an_entity_frame_and_a_period_exclude_each_other(tmp_path):
    """An entity frame has its own instants."""
    store = tiny_project(tmp_path, [model()], {"plane_features": Table(COLUMNS, [])})

    with pytest.raises(EntityFrameError, match="`start`, `end` and `every`"):
        store.get_historical_features(ROW, "plane_features:delay", every="1 day")


def test_a_full_sync_has_no_start(tmp_path):
    """A full sync publishes every row, so `since` contradicts it."""
    store = tiny_project(tmp_path, [model()], {"plane_features": Table(COLUMNS, [])})

    with pytest.raises(FeatureStoreError, match="`full` and `since` exclude each other"):
        store.sync(full=True, since=store.now())


def test_closing_reads_nothing(tmp_path):
    """A store that was never used closes without its project."""
    FeatureStore(tmp_path).close()


def test_a_folder_that_does_not_exist_is_refused_at_once(tmp_path):
    """A wrong path is an error where it is written, not at the first read."""
    with pytest.raises(ProfileError, match=r"The folder .*missing does not exist"):
        FeatureStore(tmp_path / "missing")


def test_the_online_store_is_the_one_of_the_environment(tmp_path, monkeypatch):
    """Python and the command line read the same variable; an argument is stronger."""
    monkeypatch.setenv("FEATURESTORE_REDIS_URL", "redis://127.0.0.1:9/3")
    tiny_project(tmp_path, [model()], {"plane_features": Table(COLUMNS, [])})

    with pytest.raises(OnlineStoreUnavailable, match="1:9"):
        FeatureStore(tmp_path).get_online_features(["plane_features:delay"], [{"tailnum": "N1"}])
    with pytest.raises(OnlineStoreUnavailable, match="1:8"):
        FeatureStore(tmp_path, redis_url="redis://127.0.0.1:8").sync()
