"""A view that cannot be published does not stop the others, and `validate` finds it first."""

from __future__ import annotations

import json

import pytest
import redis

from featurestore import FeatureStore
from featurestore.cli.app import app
from featurestore.errors import OnlineStoreError, RelationNotBuilt, SyncError
from tests.support.sync_project import NOW, SyncProject, View, day

COUNT = "INTEGER"
GOOD, LAST = (View(name, {"id": COUNT}, {"x": COUNT}) for name in ("a", "z"))
ODD = View("b", {"id": COUNT}, {"x": "MAP(VARCHAR, INTEGER)"})
KEYED = View("c", {"id": "TIMESTAMP_NS"}, {"x": COUNT})
ARRAYS = View("d", {"id": COUNT}, {"x": "FLOAT[2]"})
ABSENT = View("e", {"id": COUNT}, {"x": COUNT})


@pytest.fixture
def project(tmp_path):
    """Return a project with two healthy views and four that cannot be published."""
    project = SyncProject(tmp_path, GOOD, ODD, KEYED, ARRAYS, ABSENT, LAST)
    project.insert(GOOD, (1, day(3), 10))
    project.insert(LAST, (1, day(3), 20))
    project.insert(ARRAYS, (7, day(3), [1.0, None]))
    project.execute("DROP TABLE e", "DROP TABLE ever__e")
    return project


def values(store, *views):
    features = [f"{view}:x" for view in views]
    return store.get_online_features(features, {"id": [1]}, full_feature_names=True).values


def test_the_healthy_views_are_published_and_each_failed_one_is_reported(
    project, redis_server, redis_client
):
    store = project.store(redis_server)
    report = store.sync()

    assert ["b", "c", "d", "e"] == sorted(report.failed)
    assert "x (MAP(VARCHAR, INTEGER))" in report.failed["b"]
    assert "join key" in report.failed["c"]
    assert "NULL inside of the array of id=7" in report.failed["d"]
    assert '"warehouse"."main"."e" of feature view \'e\' is not in' in report.failed["e"]
    assert {"a__x": [10], "z__x": [20]} == values(store, "a", "z")
    assert report.failed == {
        view["view"]: view["failed"] for view in report.to_dict()["views"] if view["failed"]
    }
    # The next run publishes the views that were mended.
    project.execute("UPDATE d SET x = [1, 2] WHERE id = 7")
    project.create(ABSENT)
    assert ["b", "c"] == sorted(store.sync().failed)


def test_the_command_names_every_failed_view_and_exits_with_1(
    project, redis_server, redis_client, capsys
):
    words = ["sync", "--format", "json", "--now", NOW.isoformat(), "--redis-url", redis_server]
    with pytest.raises(SystemExit) as ended:
        app([*words, "--project-dir", str(project.folder)])
    printed = capsys.readouterr()

    assert 1 == ended.value.code
    assert {"a", "z"} == {v["view"] for v in json.loads(printed.out)["views"] if not v["failed"]}
    lines = [line for line in printed.err.splitlines() if "Not published: " in line]
    assert ["b", "c", "d", "e"] == [line.partition("published: ")[2][0] for line in lines]


def test_a_dry_run_says_the_same_but_for_values(project, redis_server, redis_client):
    assert ["b", "c", "e"] == sorted(project.store(redis_server).sync(dry_run=True).failed)


def test_validate_finds_what_a_sync_refuses(project):
    found = FeatureStore(project.folder, now=NOW).validate(lint=False)

    assert ["b", "c", "e"] == sorted(p.resource for p in found if p.severity == "error")


def test_a_view_whose_table_is_gone_keeps_its_rows(project, redis_server, redis_client):
    store = project.store(redis_server)
    store.sync()
    project.execute("ALTER TABLE z RENAME TO kept")

    assert "z" in store.sync().failed
    assert {"a__x": [10], "z__x": [20]} == values(project.store(redis_server), "a", "z")


def test_verify_compares_the_views_that_are_built(project, redis_server, redis_client):
    store = project.store(redis_server)
    store.sync()
    project.execute("UPDATE a SET x = 11")

    found = {verdict.view: verdict for verdict in store.verify().views}

    assert (1, 0) == (found["a"].differing, found["z"].differing)
    assert "is not in the warehouse" in found["e"].problem


def test_if_no_view_can_be_published_the_error_is_raised(project, redis_server, redis_client):
    store = project.store(redis_server)
    with pytest.raises(RelationNotBuilt, match="'e' is not in the warehouse"):
        store.sync(["e"])
    with pytest.raises(SyncError, match=r"(?s)None of 2 feature views.*\n  b: .*\n  e: "):
        store.sync(["b", "e"])


def test_after_a_first_sync_that_failed_the_view_is_not_published(
    project, redis_server, redis_client
):
    """Until the first sync is whole, a reader cannot tell a missing entity from a missing sync."""
    store = project.store(redis_server)
    store.sync()
    with pytest.raises(OnlineStoreError, match="'d' of project 'shop' has not been published"):
        store.get_online_features(["d:x"], {"id": [1]})
    project.execute("UPDATE d SET x = [1, 2] WHERE id = 7")
    store.sync()
    found = store.get_online_features(["d:x"], {"id": [1, 7]})
    assert ["NOT_FOUND", "PRESENT"] == [str(status) for status in found.statuses["x"]]


def test_a_server_that_dies_ends_the_run(project, redis_server, redis_client, monkeypatch):
    """An error that concerns every view is not taken for one view's."""
    store = project.store(redis_server)

    def dies(event):
        raise redis.exceptions.ConnectionError("gone")

    with pytest.raises(OnlineStoreError, match="cannot be reached: gone"):
        store.sync(progress=dies)
