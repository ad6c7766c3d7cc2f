"""`featurestore status`: its limits, and its exit code."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.whole


def test_status_exits_with_1_on_error(run):
    """Before the first sync everything is in error, afterwards nothing."""
    assert 1 == run("status")[0]
    run("sync", "--quiet")
    code, out, err = run("status")

    assert 0 == code
    assert "Published as 'shop' by project 'shop', target 'dev', warehouse.main in duckdb" in err
    assert 1 == err.count("\n")
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
