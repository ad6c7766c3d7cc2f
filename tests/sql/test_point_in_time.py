"""The laws of the point-in-time join, on random views and entity rows, against the oracle."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from featurestore.sql.dialects import RECORDS
from tests.oracle import same_rows, training_set, unordered
from tests.support.examples import examples
from tests.support.scenarios import ARROW, NOON, Bench, as_type, scenarios, shapes

quick = examples(25, suppress_health_check=[HealthCheck.too_slow])
thorough = examples(75, suppress_health_check=[HealthCheck.too_slow])
seeds = st.randoms(use_true_random=False)


@pytest.fixture(scope="module")
def bench():
    """Return a DuckDB in memory that all examples share."""
    bench = Bench()
    yield bench
    bench.connection.close()


def run(bench, scenario, **options):
    """Load a scenario and return its training set's rows."""
    bench.load(scenario)
    return bench.job(scenario, **options).to_arrow().to_pylist()


@pytest.mark.parametrize("strategy", shapes())
def test_every_shape_agrees_with_the_oracle(bench, strategy):
    """Each entity row comes back once, in order, with the value of the newest row known by then."""

    @thorough
    @given(scenarios())
    def law(scenario):
        expected = training_set(scenario.entity_rows, scenario.histories)

        assert same_rows(expected) == same_rows(run(bench, scenario, strategy=strategy))

    law()


@pytest.mark.parametrize("strategy", shapes())
def test_defaults_agree_with_the_oracle(bench, strategy):
    """A declared default takes the place of NULL, of any type and for any reason."""

    @quick
    @given(scenarios(defaults=True))
    def law(scenario):
        expected = training_set(scenario.entity_rows, scenario.histories, timestamps=True)
        found = run(bench, scenario, strategy=strategy, feature_timestamps=True)

        assert same_rows(expected) == same_rows(found)

    law()


@pytest.mark.parametrize("strategy", [None, *shapes()])
@pytest.mark.parametrize("entity_df", [None, "asked"])
def test_numbered_keys_agree_with_the_oracle(bench, monkeypatch, strategy, entity_df):
    """Where matches are joined back on one number, the training set is the same."""
    record = replace(RECORDS["duckdb"], numbered_from=1)
    monkeypatch.setitem(RECORDS, "duckdb", record)

    @thorough
    @given(scenarios())
    def law(scenario):
        bench.create("asked", scenario.entity_types, scenario.entity_rows)
        expected = training_set(scenario.entity_rows, scenario.histories)
        found = run(bench, scenario, entity_df=entity_df, strategy=strategy)

        assert unordered(expected) == unordered(found)
        assert entity_df is not None or same_rows(expected) == same_rows(found)

    law()


@pytest.mark.parametrize("strategy", shapes(as_known=True))
def test_as_known_agrees_with_the_oracle(bench, strategy):
    """A row written after the entity row's instant does not count."""

    @thorough
    @given(scenarios(created=True))
    def law(scenario):
        expected = training_set(
            scenario.entity_rows, scenario.histories, as_known=True, timestamps=True
        )
        found = run(bench, scenario, strategy=strategy, as_known=True, feature_timestamps=True)

        assert same_rows(expected) == same_rows(found)

    law()


@thorough
@given(scenarios())
def test_feature_timestamps_agree_with_the_oracle(bench, scenario):
    """Each value has the event timestamp of its row, in the view's own type."""
    expected = training_set(scenario.entity_rows, scenario.histories, timestamps=True)

    assert same_rows(expected) == same_rows(run(bench, scenario, feature_timestamps=True))


@quick
@given(scenarios())
def test_every_type_is_the_warehouse_own(bench, scenario):
    """Entity columns and features keep their types, also in an empty result."""
    bench.load(scenario)
    schema = bench.job(scenario).to_arrow().schema
    expected = {name: ARROW[data_type] for name, data_type in scenario.entity_types.items()}
    for case in scenario.cases:
        for name in case.history.features:
            expected[f"{case.history.name}__{name}"] = ARROW[case.types[name]]

    assert list(expected) == schema.names
    assert [] == [
        (name, found)
        for name, found in zip(schema.names, schema.types, strict=True)
        if expected[name] != found and "tz=" not in str(found)
    ]


@quick
@given(scenarios())
def test_a_table_of_entity_rows_gives_what_a_frame_gives(bench, scenario):
    """Entity rows in the warehouse give the same rows, in any order."""
    bench.create("asked", scenario.entity_types, scenario.entity_rows)
    expected = training_set(scenario.entity_rows, scenario.histories)
    query = "SELECT k0, k1, event_timestamp, note FROM asked"

    assert unordered(expected) == unordered(run(bench, scenario, entity_df="asked"))
    assert unordered(expected) == unordered(run(bench, scenario, entity_df=query))


@quick
@given(scenarios(), seeds)
def test_the_order_of_the_history_does_not_matter(bench, scenario, random):
    """Rows may lie in the warehouse in any order."""
    expected = run(bench, scenario)
    mixed = _with_rows(scenario, lambda rows: random.sample(rows, len(rows)))

    assert same_rows(expected) == same_rows(run(bench, mixed))


@quick
@given(scenarios())
def test_a_repeated_history_changes_nothing(bench, scenario):
    """Rows that a pipeline wrote twice are as good as written once."""
    expected = run(bench, scenario)

    assert same_rows(expected) == same_rows(run(bench, _with_rows(scenario, lambda r: r + r)))


@quick
@given(scenarios())
def test_repeated_entity_rows_repeat_result_rows(bench, scenario):
    """Asking twice gives each answer twice, and no other."""
    once = run(bench, scenario)
    twice = replace(scenario, entity_rows=scenario.entity_rows * 2)

    assert same_rows(once * 2) == same_rows(run(bench, twice))


@quick
@given(scenarios())
def test_the_future_changes_nothing(bench, scenario):
    """Rows with an event after every instant asked for are never seen."""

    def with_future(case):
        later = as_type(NOON + timedelta(days=9), case.types["observed_at"])
        rows = list(case.history.rows)
        return case.with_rows([*rows, *({**row, "observed_at": later} for row in rows)])

    expected = run(bench, scenario)
    longer = replace(scenario, cases=tuple(with_future(case) for case in scenario.cases))

    assert same_rows(expected) == same_rows(run(bench, longer))


@quick
@given(scenarios(), st.sampled_from(["UTC", "Pacific/Auckland", "America/St_Johns"]))
def test_the_zone_of_the_session_does_not_matter(bench, scenario, zone):
    """The same instants give the same values wherever the session runs."""
    expected = run(bench, scenario)

    assert same_rows(expected) == same_rows(run(bench, replace(scenario, zone=zone)))


def _with_rows(scenario, change):
    cases = (case.with_rows(change(list(case.history.rows))) for case in scenario.cases)
    return replace(scenario, cases=tuple(cases))
