"""Rows whose event timestamps have nanoseconds, from the warehouse to the online store and back."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from featurestore import FeatureStore
from tests.support.builders import model, tiny_project

EVENT = "1969-12-31 23:59:59.999999999"
COLUMNS = {"id": "integer", "v": "integer"}


@pytest.mark.parametrize("ts", ["timestamp_ns", "timestamptz_ns"])
def test_an_event_before_1970_is_online_as_offline(tmp_path, redis_client, redis_server, ts):
    """The online row holds the microsecond of its event, rounded down, and `verify` agrees."""
    declared = model("f", {**COLUMNS, "ts": ts}, entities={"e": "id"}, event_timestamp="ts")
    rows = f"SELECT 1 AS id, 7 AS v, '{EVENT}'::{ts} AS ts"
    tiny_project(tmp_path, [declared], {"f": rows})
    early = datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)

    def store(now):
        return FeatureStore(tmp_path, redis_url=redis_server, now=now)

    (report,) = store(early).sync().views
    assert 0 == report.written

    late = store(datetime(1970, 1, 1, tzinfo=UTC))
    (report,) = late.sync().views
    assert 1 == report.written
    assert [7] == late.get_online_features(["f:v"], [{"id": 1}]).values["v"]
    (row,) = redis_client.keys("fs:shop:f:*")
    assert -1 == int.from_bytes(redis_client.get(row)[5:13], "big", signed=True)
    assert late.verify(sample=None).good
    (status,) = late.status().views
    assert early == status.newest_event
