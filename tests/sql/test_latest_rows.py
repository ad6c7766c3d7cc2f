"""The newest row of each entity at one moment: what the online store should hold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from featurestore.registry.warehouse_types import with_types
from featurestore.sql.latest_rows import VALID_UNTIL, latest_rows
from tests.oracle import latest, unordered
from tests.support.builders import Table, fill, view
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

        names = [VALID_UNTIL if n == case.history.until else n for n in case.types]
        assert [n for n in names if n != case.history.deleted] == found.column_names
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


SNAPSHOT = {
    "k": "bigint",
    "dbt_valid_from": "timestamp",
    "dbt_valid_to": "timestamp",
    "dbt_is_deleted": "varchar",
    "f": "bigint",
}
ROWS = [
    (1, "2024-01-01", "2024-02-01", "False", 10),
    (1, "2024-02-01", "9999-12-31", "False", 11),
    (2, "2024-01-01", "2024-02-01", "False", 20),
    (3, "2024-01-01", "2024-02-01", "False", 30),
    (3, "2024-02-01", None, "True", 30),
    # dbt closed the row of a key that disappeared, and it came back as it was.
    (4, "2024-01-01", "2024-02-01", "False", 40),
    (4, "2024-01-01", None, "False", 40),
]


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (datetime(2024, 1, 15, tzinfo=UTC), {1: 10, 2: 20, 3: 30, 4: 40}),
        (datetime(2024, 1, 31, 23, 59, 59, 999999, tzinfo=UTC), {1: 10, 2: 20, 3: 30, 4: 40}),
        (datetime(2024, 2, 1, tzinfo=UTC), {1: 11, 4: 40}),
        (datetime(9999, 12, 31, 1, tzinfo=UTC), {1: 11, 4: 40}),
    ],
)
def test_a_closed_row_counts_before_its_end_only(bench, now, expected):
    """A row that has ended is gone and brings no older row back; 9999-12-31 means no end here."""
    node = {"resource_type": "snapshot"}
    config = {"dbt_valid_to_current": "date '9999-12-31'", "hard_deletes": "new_record"}
    fill(bench.connection, {"snap": Table(SNAPSHOT, ROWS)})
    of = view("snap", SNAPSHOT, entities={"k": "k"}, event_timestamp=None, node=node, config=config)
    found = bench.stream(latest_rows(with_types(of, bench), "duckdb", now)).read_all().to_pylist()

    assert expected == {row["k"]: row["f"] for row in found}
    assert all(row[VALID_UNTIL] is None for row in found if row["f"] == 11)


def test_the_moment_may_be_in_any_zone():
    """A moment is an instant: its zone does not matter to the statement."""
    here = datetime(2024, 3, 1, 12, tzinfo=UTC)
    there = here.astimezone(datetime.strptime("+0545", "%z").tzinfo)

    assert latest_rows(view(), "duckdb", here) == latest_rows(view(), "duckdb", there)
