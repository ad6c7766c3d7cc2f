"""The newest row of each entity at one moment: what the online store should hold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from featurestore.registry.warehouse_types import with_types
from featurestore.sql.latest_rows import latest_rows
from tests.oracle import latest, unordered
from tests.support.builders import view
from tests.support.examples import examples
from tests.support.scenarios import NOON, Bench, scenarios

TICK = timedelta(microseconds=1)
MOMENTS = tuple(
    NOON + timedelta(minutes=minutes) + tick
    for minutes in (-90, 0, 15, 90, 1440, 2880)
    for tick in (-TICK, timedelta(), TICK)
)


@pytest.fixture(scope="module")
def bench():
    """Return a DuckDB in memory that all examples share."""
    bench = Bench()
    yield bench
    bench.connection.close()


@examples(120, suppress_health_check=[HealthCheck.too_slow])
@given(scenarios(), st.sampled_from(MOMENTS))
def test_latest_rows_agree_with_the_oracle(bench, scenario, now):
    """Each entity that has a row known by then and not expired has exactly that one."""
    bench.load(scenario)
    declared = scenario.registry
    for case in scenario.cases:
        name = case.history.name
        typed = with_types(declared.view(name), bench)
        found = bench.stream(latest_rows(typed, "duckdb", now)).read_all()

        assert list(case.types) == found.column_names
        assert unordered(latest(case.history, now)) == unordered(found.to_pylist())


@examples(60, suppress_health_check=[HealthCheck.too_slow])
@given(scenarios(), st.sampled_from(MOMENTS))
def test_latest_rows_are_the_training_set_of_now(bench, scenario, now):
    """What would be published is what the point-in-time join returns for the moment."""
    case = scenario.cases[0]
    keys = {tuple(row[key] for key in case.history.keys) for row in case.history.rows}
    asked = [
        {"k0": None, "k1": None, "note": None}
        | dict(zip(case.history.keys, key, strict=True))
        | {"event_timestamp": now}
        for key in sorted(keys, key=repr)
    ]
    types = {**scenario.entity_types, "event_timestamp": "timestamptz"}
    one = type(scenario)((case,), types, asked, scenario.zone)
    bench.load(one)
    joined = bench.job(one, feature_timestamps=True).to_arrow().to_pylist()
    typed = with_types(one.registry.view(case.history.name), bench)
    published = bench.stream(latest_rows(typed, "duckdb", now)).read_all().to_pylist()
    names = [*case.history.keys, *case.history.features]

    def of_join(name):
        return name if name in case.history.keys else f"{case.history.name}__{name}"

    expected = [
        {name: row[of_join(name)] for name in names}
        for row in joined
        if row[of_join("event_timestamp")] is not None
    ]
    assert unordered(expected) == unordered(
        {name: row[name] for name in names} for row in published
    )


def test_the_moment_may_be_in_any_zone():
    """A moment is an instant: its zone does not matter to the statement."""
    here = datetime(2024, 3, 1, 12, tzinfo=UTC)
    there = here.astimezone(datetime.strptime("+0545", "%z").tzinfo)

    assert latest_rows(view(), "duckdb", here) == latest_rows(view(), "duckdb", there)
