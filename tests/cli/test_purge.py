"""`featurestore purge`: it counts first, and removes with --yes."""

from __future__ import annotations

import json

import pytest

from tests.support.sync_project import rows_in_redis

pytestmark = pytest.mark.whole


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
