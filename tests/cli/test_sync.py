"""`featurestore sync`: what it prints where, for people and for logs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.sync_project import rows_in_redis

pytestmark = pytest.mark.whole


def test_quiet_prints_nothing(run):
    """Unless something is wrong, there is nothing to be mailed."""
    assert (0, "", "") == run("sync", "--quiet")
    assert (0, "", "") == run("sync", "--quiet", "--full")
    assert (0, "", "") == run("sync", "--quiet", "--dry-run")


def test_quiet_json_is_one_line(run):
    """A log gets one line per run, which a machine can read."""
    code, out, err = run("sync", "--quiet", "--format", "json")

    assert (0, "") == (code, err)
    assert out.endswith("}\n")
    assert 1 == out.count("\n")
    report = json.loads(out)
    assert "2024-03-01T00:00:00+00:00" == report["as_of"]
    assert [2, 1] == [view["written"] for view in report["views"]]


def test_json_for_people_is_indented(run):
    """The same report, and the words about it beside."""
    code, out, err = run("sync", "--format", "json")

    assert 0 == code
    assert out.count("\n") > 20
    assert "plane_status: 2 written, 0 deleted" in err
    assert json.loads(out)["views"][0]["rows_read"] == 2


def test_quiet_errors_are_still_said(run, monkeypatch):
    """On standard error, with an exit code; standard output stays empty."""
    monkeypatch.setenv("FEATURESTORE_REDIS_URL", "redis://localhost:1/0")
    code, out, err = run("sync", "--quiet", "--format", "json")

    assert (3, "") == (code, out)
    assert 1 == err.count("\n")


def test_the_module_is_the_command(project, redis_server):
    """`python -m sync` takes the same options, prints the same, exits alike."""
    command = [sys.executable, "-m", "sync", "--quiet", "--format", "json"]
    command += ["--project-dir", str(project.folder)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    wrong = subprocess.run([*command, "--nope"], capture_output=True, check=False, env=environment)

    assert (0, "") == (done.returncode, done.stderr)
    assert [2, 1] == [view["written"] for view in json.loads(done.stdout)["views"]]
    assert 2 == wrong.returncode


def test_a_dry_run_is_said_to_be_one(run, redis_server):
    """What would be written, the memory, and that nothing was."""
    code, out, err = run("sync", "--dry-run")

    assert 0 == code
    assert "would write" in out
    assert "memory" in out
    assert "Nothing was written." in err
    assert set() == rows_in_redis(redis_server, "shop")
    report = json.loads(run("sync", "--dry-run", "--format", "json")[1])
    assert report["dry_run"]
    assert [2, 1] == [view["written"] for view in report["views"]]


def test_a_dry_run_says_why_all_would_be_published(run, redis_client):
    """With the reason that the sync itself then gives."""
    run("sync", "--quiet")
    redis_client.flushall()
    assert (
        "would be published in full, because the online store does not have it"
        in run("sync", "--dry-run")[2]
    )


@pytest.mark.parametrize("options", [(), ("--quiet",), ("--quiet", "--format", "json")])
def test_a_view_that_is_held_back_is_an_error(run, project, redis_server, options):
    """One line says which and why, with the way out; the other view is published."""
    many = "INSERT INTO route_load SELECT 'JFK', range, TIMESTAMP '2024-02-01', 1 FROM range(5000)"
    project.execute(many)
    run("sync", "--quiet")
    project.execute("DELETE FROM route_load", "DELETE FROM plane_status WHERE tailnum = 'N1'")
    line = (
        "Error: Would be held back: route_load (a sync would delete all of its 5,001 rows from"
        " Redis, which no max_deletes allows). Check the table and the project; if the rows are"
        " meant to go, add --allow-deletes.\n"
    )
    code, _, err = run("sync", "--dry-run", *options)
    assert (1, line) == (code, err if "--quiet" in options else err[-len(line) :])
    code, out, err = run("sync", *options)
    line = line.replace("Would be held", "Held")
    assert (1, line) == (code, err if "--quiet" in options else err[-len(line) :])
    if "json" in options:
        assert json.loads(out)["views"][1]["held_back"]
    assert 5002 == len(rows_in_redis(redis_server, "shop"))
    code, out, _ = run("status")
    assert (1, 1) == (code, out.count("held back"))


def test_written_and_deleted_rows_are_told_apart(run, project):
    """A log does not call a deletion published."""
    run("sync", "--quiet")
    project.execute("DELETE FROM plane_status", "UPDATE route_load SET load = 3")
    err = run("sync", "--allow-deletes")[2]

    assert "plane_status: 0 written, 2 deleted\n" in err
    assert "route_load: 1 written, 0 deleted\n" in err


def test_another_identity_is_refused_until_it_takes_over(run, project):
    """One line, exit code 1; the flag replaces what the other published."""
    run("sync", "--quiet")
    project.execute('DROP TABLE "_featurestore_database"')
    code, out, err = run("sync", "--quiet")
    assert (1, "", 1) == (code, out, err.count("\n"))
    assert "Error: Another identity publishes 'shop' to this Redis: project 'shop'" in err
    assert "`featurestore sync --take-over`" in err
    code, _, err = run("purge", "--yes")
    assert (1, True) == (code, err.startswith("Error: Another identity publishes 'shop'"))
    code, _, found = run("status")
    assert (1, True) == (code, "This run is another identity, which cannot sync" in found)

    assert (0, "", "") == run("sync", "--quiet", "--take-over")
    assert 0 == run("status")[0]
