"""A view with one number as its only feature: the sign of zero is a value, at both ends."""

from __future__ import annotations

import math

import pytest

from tests.support.sync_project import SyncProject, View, assert_parity

SPINE = "SELECT id, TIMESTAMP '2024-03-01' AS event_timestamp FROM v"


@pytest.mark.parametrize("kind", ["DOUBLE", "FLOAT"])
def test_a_lone_zero_keeps_its_sign(tmp_path, redis_server, redis_client, kind):
    """DuckDB may pick the newest row by an aggregate that forgets the sign; ours may not."""
    project = SyncProject(tmp_path, View("v", {"id": "BIGINT"}, {"x": kind}))
    project.execute("INSERT INTO v SELECT range, '2024-02-20', '-0.0' FROM range(9)")
    store = project.store(redis_server)
    store.sync()
    for dated in (False, True):
        job = store.get_historical_features(SPINE, ["v:x"], feature_timestamps=dated)
        assert {-1.0} == {math.copysign(1, value) for value in job.to_arrow()["x"].to_pylist()}
    online = store.get_online_features(["v:x"], {"id": [*range(9)]}).to_dict()["x"]

    assert {-1.0} == {math.copysign(1, value) for value in online}
    assert_parity(project, redis_server)
