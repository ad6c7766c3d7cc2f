"""`featurestore verify`: the differences it shows, and its exit code."""

from __future__ import annotations

import json

import pytest

from featurestore.online.checksums import with_checksum

pytestmark = pytest.mark.whole


def test_verify_is_content(run):
    """What was published is what the warehouse says."""
    run("sync", "--quiet")
    for options in ((), ("--all",), ("--sample", "1"), ("--view", "route_load")):
        code, _, err = run("verify", *options)
        assert (0, "All good.\n") == (code, err)


def test_verify_shows_the_first_differences(run, redis_client):
    """Key, feature, expected and found; exit code 1."""
    run("sync", "--quiet")
    one, two = b"fs:shop:plane_status:{N1}", b"fs:shop:plane_status:{N2}"
    redis_client.set(two, with_checksum(two, redis_client.get(one)[:-4]))
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


def test_verify_finds_and_repairs_damaged_rows(run, redis_client):
    """The damage is counted and shown; afterwards all is compared once more."""
    run("sync", "--quiet")
    key = "fs:shop:plane_status:{N1}"
    sound = redis_client.get(key)
    redis_client.set(key, sound[:-1] + bytes([sound[-1] ^ 1]))

    code, out, _ = run("verify")
    assert 1 == code
    assert ["plane_status", "tailnum=N1", "*", "a", "row", "DAMAGED"] in map(
        str.split, out.splitlines()
    )
    code, out, _ = run("verify", "--repair", "--format", "json")
    found = json.loads(out)["views"][0]
    assert (0, 1, 1, 0) == (code, found["damaged"], found["repaired"], found["differing"])
    redis_client.set(key, b"what")
    assert (0, "plane_status: 1 damaged rows were published again.\nAll good.\n") == (
        run("verify", "--repair")[::2]
    )
    assert sound == redis_client.get(key)


def test_verify_before_the_first_sync(run):
    """There is nothing to compare with, which is not good."""
    code, _, err = run("verify", "--all")

    assert 1 == code
    assert "plane_status: the view is not online: never published." in err
