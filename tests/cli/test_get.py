"""`featurestore get` and `why`, where keys are text: they have the types of what is there."""

from __future__ import annotations

import pytest

from featurestore.cli import main
from tests.support.sync_project import NOW, ROUTES, WEATHER, SyncProject, day


@pytest.fixture
def project(tmp_path, redis_server, redis_client):
    """Return the options of a project whose published view has no types in dbt's yml."""
    project = SyncProject(tmp_path, ROUTES)
    project.insert(ROUTES, ("EWR", 1545, day(1), 7))
    store = project.store(redis_server)
    store.sync()
    assert {None} == {key.data_type for key in store.registry.view("route_load").join_keys}
    return ["--project-dir", str(tmp_path)]


@pytest.fixture(params=["get", "why"])
def command(request, project, redis_server):
    """Return a command that asks for keys."""
    if request.param == "why":
        return ["why", "route_load:load", "--at", NOW.isoformat(), *project]
    where = ["--redis-url", redis_server, "--now", NOW.isoformat()]
    return ["get", "-f", "route_load:load", *where, *project]


@pytest.mark.parametrize("option", ["-e", "-k", "--entity", "--key"])
def test_keys_have_the_types_of_what_is_there(command, capsys, option):
    """A number is read as one, although no yml declares it."""
    with pytest.raises(SystemExit) as ended:
        main([*command, option, "origin=EWR,flight=1545"])

    assert not ended.value.code
    assert "7.000" in capsys.readouterr().out


@pytest.mark.parametrize("published", [True, False])
def test_a_view_without_entities_needs_no_key(
    tmp_path, redis_server, redis_client, capsys, published
):
    """Global features have one row, in both commands."""
    project = SyncProject(tmp_path, WEATHER)
    if published:
        project.insert(WEATHER, (day(1), 7.25, True))
    project.store(redis_server).sync()
    where = ["--project-dir", str(tmp_path)]
    online = ["--redis-url", redis_server, "--now", NOW.isoformat()]

    for command in (
        ["get", "-f", "weather:wind", *online, *where],
        ["get", "-f", "weather:wind", "--format", "json", *online, *where],
        ["why", "weather:wind", "--at", NOW.isoformat(), *where],
    ):
        with pytest.raises(SystemExit) as ended:
            main(command)

        assert not ended.value.code
        printed = capsys.readouterr()
        assert published == ("7.25" in printed.out)
        assert published or "NOT_FOUND" in printed.out or "has no row, so" in printed.err


def test_join_keys_are_asked_for_by_name(command, capsys):
    """A view with entities names the keys that are missing, in one line."""
    with pytest.raises(SystemExit) as ended:
        main(command)

    assert ended.value.code == (2 if command[0] == "get" else 1)
    said = " ".join(capsys.readouterr().err.split())
    assert "origin=...,flight=..." in said or "The join key 'origin' of 'route_load'" in said


def test_a_key_of_another_type_is_named(command, capsys):
    """In one line, before anything is read."""
    with pytest.raises(SystemExit) as ended:
        main([*command, "-e", "origin=EWR,flight=x"])

    assert 1 == ended.value.code
    assert "'x' is not a valid int64, the type of the join key 'flight'" in capsys.readouterr().err
