"""A small published project, and a way to run commands in it."""

from __future__ import annotations

import pytest

from featurestore.cli import main
from tests.support.sync_project import NOW, PLANES, ROUTES, SyncProject, day


@pytest.fixture
def project(tmp_path, redis_server, redis_client, monkeypatch):
    """Stand in a project with two views and three rows."""
    project = SyncProject(tmp_path, PLANES, ROUTES)
    project.insert(PLANES, ("N1", day(3), day(3), 1.5, 1, "a"), ("N2", day(4), day(4), 2, 2, ""))
    project.insert(ROUTES, ("EWR", 1, day(3), "1.5"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FEATURESTORE_REDIS_URL", redis_server)
    monkeypatch.setenv("FEATURESTORE_NOW", NOW.isoformat())
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")
    return project


@pytest.fixture
def run(project, capsys):
    """Run a command; return its exit code, what it printed and what it said."""

    def run(*arguments):
        with pytest.raises(SystemExit) as stopped:
            main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return stopped.value.code or 0, printed.out, printed.err

    return run
