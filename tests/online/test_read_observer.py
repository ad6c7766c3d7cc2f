"""What an observer learns of a read: counts by status, ages and round trips."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.support.builders import Table, model, service
from tests.support.online_project import NOW, Shop

COLUMNS = {"tailnum": "varchar", "observed_at": "timestamp", "delay": "double"}
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


class Notes:
    """An observer that keeps what it is told."""

    def __init__(self):
        self.views = []
        self.round_trips = []

    def round_trip(self, seconds):
        """Keep the time of a command."""
        self.round_trips.append(seconds)

    def view_read(self, view, statuses, damaged_rows, age):
        """Keep the counts of a view."""
        self.views.append((view, dict(statuses), damaged_rows, age))


@pytest.fixture
def store(tmp_path, redis_client, redis_server):
    """Return a store of a view with a ttl and of a service that computes, now and later."""
    shop = Shop(tmp_path / "shop", redis_server)
    rows = [("N1", NOW - HOUR, 2.0), ("N2", NOW - 2 * HOUR, None), ("N3", NOW - 3 * DAY, 1.0)]
    computed = service(
        "rates",
        ["planes:delay"],
        request={"minutes": "double"},
        on_demand={"rate": "delay / nullif(minutes, 0)"},
    )
    shop.publish(
        [model("planes", COLUMNS, ttl="30 days")],
        {"planes": Table(COLUMNS, rows)},
        exposures=[computed],
    )
    return shop.open(now=NOW), shop.open(now=NOW + 28 * DAY)


@pytest.mark.parametrize(
    ("late", "keys", "statuses", "age"),
    [
        (False, ["N1"], {"PRESENT": 1}, HOUR),
        (False, ["N1", "N1", "N1"], {"PRESENT": 3}, HOUR),
        (False, ["N1", "N3"], {"PRESENT": 2}, 3 * DAY),
        (False, ["N1", "N2", "no", None], {"PRESENT": 1, "NULL": 1, "NOT_FOUND": 2}, 2 * HOUR),
        # The oldest row has expired, so it is not served.
        (True, ["N1", "N3"], {"PRESENT": 1, "EXPIRED": 1}, 28 * DAY + HOUR),
        (True, ["N3"], {"EXPIRED": 1}, None),
        (False, [], {}, None),
    ],
)
async def test_an_observer_learns_statuses_and_ages(store, late, keys, statuses, age):
    """Values by status, and the age of the oldest row that was served."""
    notes = Notes()
    async with store[late] as reading:
        reading.observe_online(notes)
        found = await reading.get_online_features_async(["planes:delay"], {"tailnum": keys})

    listed = found.statuses["delay"]
    assert statuses == {status: listed.count(status) for status in {*listed}}
    assert [("planes", statuses, 0, age and age.total_seconds())] == notes.views
    # The schemas, and the rows if there are keys.
    assert 1 + bool(keys) == len(notes.round_trips)
    assert all(seconds > 0 for seconds in notes.round_trips)


async def test_what_a_service_computes_has_no_view(store):
    """Its values are counted under the empty name."""
    notes = Notes()
    async with store[0] as reading:
        reading.observe_online(notes)
        rows = {"tailnum": ["N1", "N2"], "minutes": [4.0, 2.0]}
        found = await reading.get_online_features_async(None, rows, feature_service="rates")

    assert [0.5, None] == found.values["rate"]
    assert ("", {"PRESENT": 1, "NULL": 1}, 0, None) == notes.views[1]
