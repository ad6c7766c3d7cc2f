"""Running the online store from the command line: what is printed where, and the exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from featurestore.cli import main
from tests.support.sync_project import NOW, PLANES, ROUTES, SyncProject, day, rows_in_redis


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
    assert "plane_status: 2 rows published" in err
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


def test_status_exits_with_1_on_error(run):
    """Before the first sync everything is in error, afterwards nothing."""
    assert 1 == run("status")[0]
    run("sync", "--quiet")
    code, out, err = run("status")

    assert (0, "") == (code, err)
    assert 2 == out.count(" ok ")
    assert "2024-03-2" in out


@pytest.mark.parametrize(
    ("limits", "code", "level"),
    [
        (("--warn-after", "2 days"), 0, "warn"),
        (("--warn-after", "2 days", "--error-after", "1 week"), 0, "warn"),
        (("--error-after", "2 days"), 1, "error"),
        (("--warn-after", "1 week", "--error-after", "1 week"), 0, "pass"),
    ],
)
def test_status_has_limits(run, limits, code, level):
    """A warning does not fail the command."""
    run("sync", "--quiet")
    exited, out, _ = run("status", *limits, "--format", "json")
    report = json.loads(out)

    assert (code, level) == (exited, report["level"])
    assert {level} == {view["level"] for view in report["views"]}
    assert 3 * 86_400 == report["views"][1]["age_seconds"]


def test_status_says_what_is_wrong(run, redis_client):
    """In a sentence, beside the table."""
    run("sync", "--quiet")
    redis_client.flushall()
    code, out, err = run("status")

    assert 1 == code
    assert "lost" in out
    assert "plane_status: the online store does not have it." in err


def test_verify_is_content(run):
    """What was published is what the warehouse says."""
    run("sync", "--quiet")
    for options in ((), ("--all",), ("--sample", "1"), ("--view", "route_load")):
        code, _, err = run("verify", *options)
        assert (0, "All good.\n") == (code, err)


def test_verify_shows_the_first_differences(run, redis_client):
    """Key, feature, expected and found; exit code 1."""
    run("sync", "--quiet")
    redis_client.copy("fs:shop:plane_status:{N1}", "fs:shop:plane_status:{N2}", replace=True)
    redis_client.delete("fs:shop:route_load:{EWR,1}")
    code, out, err = run("verify")
    printed, as_json, _ = run("verify", "--format", "json")
    rows = [line.split() for line in out.splitlines()]

    assert (1, 1) == (code, printed)
    assert ["plane_status", "tailnum=N2", "delay", "2.0", "1.5"] in rows
    assert ["route_load", "origin=EWR,flight=1", "*", "a", "row", "NOT_FOUND"] in rows
    assert "--full" in err
    found = json.loads(as_json)["views"][0]["differences"][0]
    assert ("delay", 2.0, 1.5) == (found["feature"], found["expected"], found["found"])
    run("sync", "--quiet", "--full")
    assert 0 == run("verify", "--all")[0]


def test_verify_before_the_first_sync(run):
    """There is nothing to compare with, which is not good."""
    code, _, err = run("verify", "--all")

    assert 1 == code
    assert "plane_status: the view is not online: never published." in err


def test_purge_needs_yes(run, redis_server):
    """Without it, what would be removed is printed, and nothing is."""
    run("sync", "--quiet")
    code, out, err = run("purge")

    assert 0 == code
    assert "plane_status" in out
    assert "Add --yes" in err
    assert 3 == len(rows_in_redis(redis_server, "shop"))


def test_purge_then_sync(run, redis_server):
    """One view, then the project; the next sync brings it back."""
    run("sync", "--quiet")
    code, out, err = run("purge", "--view", "plane_status", "--yes", "--format", "json")

    assert (0, "") == (code, err)
    assert [{"view": "plane_status", "rows": 2}] == json.loads(out)["views"]
    assert 1 == len(rows_in_redis(redis_server, "shop"))
    assert 1 == run("status")[0]
    run("purge", "--yes")
    assert set() == rows_in_redis(redis_server, "shop")
    run("sync", "--quiet")
    assert 0 == run("verify", "--all")[0]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["status", "--warn-after", "soon"], 2, "soon"),
        (["status", "--error-after", "1 month"], 2, "no fixed length"),
        (["status", "--view", "plane_statu"], 1, "Did you mean 'plane_status'?"),
        (["verify", "--view", "plane_statu"], 1, "Did you mean 'plane_status'?"),
        (["verify", "--sample", "0"], 2, "--sample"),
        (["purge", "--view", "plane_statu", "--yes"], 1, "Did you mean 'plane_status'?"),
    ],
)
def test_wrong_input(run, arguments, code, message):
    """It is told without a traceback, and nothing is printed as data."""
    exited, out, err = run(*arguments)

    assert (code, "") == (exited, out)
    assert message in err
    assert "Traceback" not in err


@pytest.mark.parametrize("command", ["status", "verify", "purge"])
def test_redis_down_exits_with_3(run, monkeypatch, command):
    """The address is named, the password is not."""
    monkeypatch.setenv("FEATURESTORE_REDIS_URL", "redis://:secret@localhost:1/0")
    code, _, err = run(command)

    assert 3 == code
    assert "localhost:1" in err
    assert "secret" not in err
