"""Targets and projects that share a server: each namespace is an online store of its own."""

from __future__ import annotations

import json

import pytest

from featurestore.errors import ForeignOwner, OnlineStoreError, ProfileError
from sync.warehouse.ledger import Ledger
from tests.support.sync_project import (
    PLANES,
    ROUTES,
    SyncProject,
    assert_parity,
    day,
    rows_in_redis,
)

pytestmark = pytest.mark.whole

BOTH = {"prod": "shop", "dev": "shop_dev"}


@pytest.fixture(autouse=True)
def silence(monkeypatch):
    """Let the environment say nothing about targets and namespaces."""
    for name in ("DBT_TARGET", "FEATURESTORE_NAMESPACE"):
        monkeypatch.delenv(name, raising=False)


def declare(project, namespace, target="dev"):
    """Write a namespace and a default target into a project's files."""
    own = {"featurestore": {"namespace": namespace}}
    settings = {"name": project.name, "profile": "shop", "vars": own}
    output = {"type": "duckdb", "path": "warehouse.duckdb", "schema": "main"}
    profiles = {"shop": {"target": target, "outputs": {target: output}}}
    for file, content in (("dbt_project.yml", settings), ("profiles.yml", profiles)):
        (project.folder / file).write_text(json.dumps(content), encoding="utf-8")


def make(folder, note, name="shop"):
    """Return a project with two rows, which tell where they are from."""
    project = SyncProject(folder, PLANES, project=name)
    rows = [(f"N{n}", day(3), day(3), 1.0, n, note) for n in range(2)]
    project.insert(PLANES, *rows)
    return project


def note_of(store):
    """Return what a reader finds."""
    return store.get_online_features(["plane_status:note"], [{"tailnum": "N1"}]).values["note"]


def test_each_target_has_its_own_namespace(tmp_path, redis_server, redis_client):
    """Neither refuses, overwrites or purges the other; a reader reads its target's."""
    prod, dev = (make(tmp_path / target, target) for target in ("prod", "dev"))
    for project, target in ((prod, "prod"), (dev, "dev")):
        declare(project, BOTH, target)
        assert [2] == [view.written for view in project.store(redis_server).sync().views]
    for project, namespace in ((prod, "shop"), (dev, "shop_dev")):
        # The law counts the rows under this name.
        project.name = namespace
        assert_parity(project, redis_server)
        assert [0] == [view.changed for view in project.store(redis_server).sync().views]
    assert (["prod"], ["dev"]) == (
        note_of(prod.store(redis_server)),
        note_of(dev.store(redis_server)),
    )
    assert "shop_dev" == dev.store(redis_server).status().online_name

    dev.store(redis_server).purge()
    assert (set(), 2) == (rows_in_redis(redis_server, "shop_dev"), len(redis_client.keys("fs:*")))
    assert_parity(prod, redis_server)
    with pytest.raises(OnlineStoreError, match="project 'shop_dev'"):
        note_of(dev.store(redis_server))


def test_two_namespaces_of_one_database(tmp_path, redis_server, monkeypatch):
    """Each has a ledger of its own, so each finds its own changes and keeps its own views."""
    project = make(tmp_path, "first")
    monkeypatch.setenv("FEATURESTORE_NAMESPACE", "blue")
    project.store(redis_server).sync()
    project.execute("UPDATE plane_status SET note = 'second', written_at = now()::TIMESTAMP")
    monkeypatch.setenv("FEATURESTORE_NAMESPACE", "green")
    project.store(redis_server).sync()
    assert ["second"] == note_of(project.store(redis_server))

    monkeypatch.setenv("FEATURESTORE_NAMESPACE", "blue")
    assert ["first"] == note_of(project.store(redis_server))
    assert [2] == [view.changed for view in project.store(redis_server).sync().views]
    project.declare(ROUTES)
    project.create(ROUTES)
    project.store(redis_server).sync()
    assert set() == rows_in_redis(redis_server, "blue")
    assert 2 == len(rows_in_redis(redis_server, "green"))

    monkeypatch.setenv("FEATURESTORE_NAMESPACE", "green")
    project.declare(PLANES)
    assert [0] == [view.changed for view in project.store(redis_server).sync().views]
    assert project.store(redis_server).verify(sample="all").good


def test_two_projects_do_not_share_a_namespace(tmp_path, redis_server):
    """Each would remove the other's views; the project is a part of the identity."""
    shop, mart = (make(tmp_path, name, name) for name in ("shop", "mart"))
    declare(shop, "one")
    shop.declare(PLANES)
    shop.store(redis_server).sync()
    declare(mart, "one")
    mart.declare(PLANES)
    with pytest.raises(ForeignOwner, match=r"'one' .* project 'shop', .* project 'mart', "):
        mart.store(redis_server).sync()


@pytest.mark.parametrize("namespace", ["shop:dev", "shop.dev*", "{shop} é", "SHOP", "a" * 200])
def test_any_text_is_a_namespace(tmp_path, redis_server, redis_client, namespace):
    """It is encoded in keys and tables, so it touches no other."""
    project, other = make(tmp_path / "one", "one"), make(tmp_path / "two", "two")
    other.store(redis_server).sync()
    before = set(redis_client.keys())
    declare(project, namespace)
    store = project.store(redis_server)
    store.sync()
    project.name = namespace
    assert_parity(project, redis_server)
    project.execute("DELETE FROM plane_status WHERE tailnum = 'N1'")
    store.sync()
    assert_parity(project, redis_server)
    assert "ok" == store.status().views[0].state
    store.purge()
    assert before == set(redis_client.keys())


def test_full_stops_do_not_confuse_tables(tmp_path, redis_server):
    """`a` with the view `b.v2`, and `a.b` with the view `v2`, have two tables of published rows."""
    project = make(tmp_path, "x")
    with project.store(redis_server).warehouse(write=True) as warehouse:
        one, two = (Ledger(warehouse, "main", name) for name in ("a", "a.b"))
        for ledger, view in ((one, "b.v2"), (two, "v2")):
            ledger.create()
            warehouse.execute(f"CREATE TABLE {ledger.published(view)} AS SELECT 1 AS n")
        two.drop("v2")
        assert ["n"] == list(warehouse.columns(one.published("b.v2")))


def test_a_target_without_a_namespace_writes_nothing(tmp_path, redis_server, redis_client):
    """It does not fall back to another target's."""
    project = make(tmp_path, "ci")
    declare(project, BOTH, "ci")
    for act in ("sync", "status", "verify", "purge"):
        with pytest.raises(ProfileError, match="has no target 'ci', only dev, prod"):
            getattr(project.store(redis_server), act)()
    assert 0 == redis_client.dbsize()


def test_validate_finds_a_wrong_namespace(tmp_path, redis_server):
    """Before the sync stumbles over it."""
    project = make(tmp_path, "x")
    declare(project, {"dev": "shop", "prod": ""})
    with pytest.raises(ProfileError, match=r"namespace of target 'prod' in .* is empty"):
        project.store(redis_server).validate(connect=False, lint=False)
