"""`featurestore get` and `why`, where keys are text: they have the types of what is there."""

from __future__ import annotations

import pytest

from featurestore.cli import main
from tests.support.sync_project import NOW, ROUTES, SyncProject, day


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


def test_a_key_of_another_type_is_named(command, capsys):
    """In one line, before anything is read."""
    with pytest.raises(SystemExit) as ended:
        main([*command, "-e", "origin=EWR,flight=x"])

    assert 1 == ended.value.code
    assert "'x' is not a valid int64, the type of the join key 'flight'" in capsys.readouterr().err
