"""Event timestamps in online responses: the same as in a training set, row by row."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from featurestore.cli import main
from featurestore.errors import NameCollision
from featurestore.online.build_response import _instant
from tests.support.sync_project import NOW, PLANES, ROUTES, WEATHER, SyncProject, View, day

DAYS = View("daily", {"tailnum": "VARCHAR"}, {"trips": "INTEGER"}, event_type="DATE")
ZONED = View("zoned", {"tailnum": "VARCHAR"}, {"trips_zoned": "INTEGER"}, event_type="TIMESTAMPTZ")
ASKED = ["plane_status:delay", "weather:*", "plane_status:seats", "daily:*", "zoned:*"]
NAMES = ["N1", "old", "none", None, "N1"]
KEYS = [{"tailnum": name} for name in NAMES]
EVENT = NOW - timedelta(microseconds=1)


@pytest.fixture
def project(tmp_path, redis_server, redis_client):
    """Return a published project: one plane is fresh, one expires an hour later."""
    made = SyncProject(tmp_path, PLANES, ROUTES, WEATHER, DAYS, ZONED)
    made.insert(PLANES, ("N1", day(3), day(3), 1.0, 1, "x"), ("N1", EVENT, EVENT, 2.0, None, "y"))
    made.insert(PLANES, ("old", day(30), day(30), 3.0, 3, "z"))
    made.insert(WEATHER, (day(3), 7.25, True))
    made.insert(DAYS, ("N1", "2024-02-29", 4), ("old", "1969-12-31", 5))
    made.insert(ZONED, ("N1", "2024-02-29 12:00:00+05:00", 4))
    made.store(redis_server).sync()
    return made


@pytest.fixture
def store(project, redis_server):
    """Return the store an hour after its sync: one plane's row has expired since."""
    return project.store(redis_server, NOW + timedelta(hours=1))


def in_utc(moment):
    """Return a training set's event timestamp as an instant."""
    if moment is None:
        return None
    if not isinstance(moment, datetime):
        moment = datetime.combine(moment, datetime.min.time())
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def test_the_times_and_the_columns_are_those_of_a_training_set(store):
    """Missing and expired rows have none, repeated and NULL keys included, in one order."""
    response = store.get_online_features(ASKED, KEYS, feature_timestamps=True)
    history = store.get_historical_features(store_rows(), ASKED, feature_timestamps=True).to_arrow()

    online = response.to_arrow()
    assert [name for name in history.column_names if name != "event_timestamp"] == (
        online.column_names
    )
    for name in (n for n in online.column_names if n.endswith("__event_timestamp")):
        assert [in_utc(one) for one in history[name].to_pylist()] == online[name].to_pylist(), name
        assert "timestamp[us, tz=UTC]" == str(online[name].type)
    assert [EVENT, None, None, None, EVENT] == (
        response.event_timestamps["plane_status__event_timestamp"]
    )
    assert [datetime(1969, 12, 31, tzinfo=UTC)] == (
        response.event_timestamps["daily__event_timestamp"][1:2]
    )


def store_rows():
    """Return the same keys as entity rows of a training set, an hour after the sync."""
    return pa.table({"tailnum": NAMES, "event_timestamp": [NOW + timedelta(hours=1)] * len(NAMES)})


def test_features_are_the_same_with_and_without(store):
    """A model's matrix has features alone, and statuses are of features."""
    with_times = store.get_online_features(ASKED, KEYS, feature_timestamps=True)
    without = store.get_online_features(ASKED, KEYS)

    assert with_times.feature_names == without.feature_names
    assert dict(without.statuses) == dict(with_times.statuses)
    assert without.to_matrix().shape == with_times.to_matrix().shape
    assert {} == without.event_timestamps
    assert {**without.to_dict(), **with_times.event_timestamps} == with_times.to_dict()
    frame = with_times.to_df()
    assert "datetime64[us, UTC]" == str(frame["weather__event_timestamp"].dtype)


def test_both_clients_answer_the_same(store):
    """Reads that block and reads that do not."""

    async def read():
        async with store as opened:
            return await opened.get_online_features_async(ASKED, KEYS, feature_timestamps=True)

    assert store.get_online_features(ASKED, KEYS, feature_timestamps=True) == asyncio.run(read())


def test_a_name_that_is_taken_is_refused(store):
    """As in a training set, two columns cannot have one name."""
    rows = [{"tailnum": "N1", "weather__event_timestamp": 1}]

    assert store.get_online_features(["weather:wind", "daily:*"], rows)
    with pytest.raises(NameCollision, match="'weather__event_timestamp'"):
        store.get_online_features(["weather:wind", "daily:*"], rows, feature_timestamps=True)


@pytest.mark.parametrize(
    ("micros", "moment"),
    [
        (-(2**63) + 1, datetime.min.replace(tzinfo=UTC)),
        (-1, datetime(1969, 12, 31, 23, 59, 59, 999_999, UTC)),
        (2**63 - 1, datetime.max.replace(tzinfo=UTC)),
    ],
)
def test_an_event_that_python_lacks_becomes_the_nearest_instant(micros, moment):
    """A year before Christ or an infinity does not fail the read of the features."""
    assert moment == _instant(micros)


@pytest.mark.parametrize("format_", ["json", "table"])
def test_the_command_shows_them(project, redis_server, capsys, format_):
    """`get --feature-timestamps`, as `train` names it."""
    where = ["--redis-url", redis_server, "--project-dir", str(project.folder)]
    asked = ["-f", "weather:*", "-f", "daily:trips", "-e", "tailnum=N1", "--now", NOW.isoformat()]
    command = ["get", *asked, "--feature-timestamps", *where]

    with pytest.raises(SystemExit) as ended:
        main([*command, "--format", format_])

    assert not ended.value.code
    printed = capsys.readouterr().out
    if format_ == "json":
        assert ["2024-02-29T00:00:00+00:00"] == json.loads(printed)["daily__event_timestamp"]
    assert "daily__event_timestamp" in printed
    assert "2024-02-29" in printed
