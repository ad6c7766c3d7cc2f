"""The point-in-time join on real engines, against the oracle, in a session far from UTC."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis.strategies import booleans

from featurestore.sql.strategies import strategies_of
from tests import oracle
from tests.engines import corners, written
from tests.engines.clickhouse_engine import ClickHouse
from tests.engines.datafusion_engine import DataFusion
from tests.engines.duckdb_engine import DuckDB, SnowflakeOnDuckDB
from tests.engines.laws import (
    chosen,
    explained,
    latest,
    runs_on,
    same,
    training_rows,
    without_ties,
)
from tests.engines.postgres_engine import Postgres
from tests.engines.spark_engine import Spark
from tests.support.scenarios import NOON, scenarios

pytestmark = [
    pytest.mark.engines,
    # Drivers warn about themselves.
    pytest.mark.filterwarnings("default"),
]
WRITTEN = Path(__file__).parents[1] / "training" / "cases"
ENGINES = (ClickHouse, DataFusion, DuckDB, Postgres, SnowflakeOnDuckDB, Spark)
EVERY_ENGINE = os.environ.get("FEATURESTORE_ENGINES") == "all"
CASES = settings(
    # Where no other engine is asked for, DuckDB's own tests have had their hundreds of cases.
    max_examples=100 if EVERY_ENGINE else 20,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
SHAPES = [
    pytest.param(engine, shape.name, id=f"{engine.__name__}-{shape.name}")
    for engine in ENGINES
    for shape in strategies_of(engine.dialect)
]
AS_KNOWN = [
    pytest.param(engine, shape.name, id=f"{engine.__name__}-{shape.name}")
    for engine in ENGINES
    for shape in strategies_of(engine.dialect)
    if shape.bounds_created
]


@pytest.fixture(scope="module")
def engines():
    """Return a function that starts an engine once."""
    started = {}

    def start(make):
        if make not in started:
            started[make] = make()
        return started[make]

    yield start
    for engine in started.values():
        engine.close()


@pytest.mark.proves("training set", by="make")
@pytest.mark.parametrize(("make", "strategy"), SHAPES)
def test_every_shape_agrees_with_the_oracle(engines, make, strategy):
    """Each entity row comes back once, in order, with the newest row known by then."""
    engine = engines(make)

    @CASES
    @given(scenarios(defaults=True), booleans())
    def law(scenario, bounds):
        assume(runs_on(engine, scenario))
        expected = oracle.training_set(scenario.entity_rows, scenario.histories, timestamps=True)
        found = training_rows(engine, scenario, strategy, bounds=bounds)

        assert same(_ordered(expected)) == same(_ordered(found))

    law()


@pytest.mark.proves("as_known", by="make")
@pytest.mark.parametrize(("make", "strategy"), AS_KNOWN)
def test_as_known_agrees_with_the_oracle(engines, make, strategy):
    """A row written after the entity row's instant is as if it were not there."""
    engine = engines(make)

    @CASES
    @given(scenarios(created=True, defaults=True), booleans())
    def law(scenario, bounds):
        assume(runs_on(engine, scenario))
        expected = oracle.training_set(
            scenario.entity_rows, scenario.histories, timestamps=True, as_known=True
        )
        found = training_rows(engine, scenario, strategy, as_known=True, bounds=bounds)

        assert same(_ordered(expected)) == same(_ordered(found))

    law()


@pytest.mark.proves("training set", by="make")
@pytest.mark.parametrize(("make", "strategy"), SHAPES)
def test_without_ties_the_shorter_statement_agrees(engines, make, strategy):
    """Where the engine enforces one row for a key and an event timestamp, nothing decides ties."""
    engine = engines(make)

    @CASES
    @given(scenarios())
    def law(scenario):
        assume(runs_on(engine, scenario))
        scenario = without_ties(scenario)
        expected = oracle.training_set(scenario.entity_rows, scenario.histories, timestamps=True)
        found = training_rows(engine, scenario, strategy, unique=True, bounds=True)

        assert same(_ordered(expected)) == same(_ordered(found))

    law()


@pytest.mark.proves("newest rows", by="make")
@pytest.mark.parametrize("make", ENGINES)
def test_the_latest_rows_agree_with_the_oracle(engines, make):
    """What the online store should hold is the newest row of each entity, not expired."""
    engine = engines(make)

    @CASES
    @given(scenarios())
    def law(scenario):
        assume(runs_on(engine, scenario))
        case = scenario.cases[0]
        expected = oracle.latest(case.history, NOON)
        found = latest(engine, case, NOON)

        assert _unordered(expected) == _unordered(found)

    law()


@pytest.mark.proves("newest rows", by="make")
@pytest.mark.parametrize("make", ENGINES)
def test_a_view_without_a_row_that_counts_has_no_latest_one(engines, make):
    """Nothing is the newest of no rows, not even a row as old as the clock itself."""
    case = corners.CASES["a row from the first instant of all"].cases[0]

    assert oracle.latest(case.history, NOON) == latest(engines(make), case, NOON) == []


@pytest.mark.proves("why", by="make")
@pytest.mark.parametrize("make", ENGINES)
def test_the_explanation_agrees_with_the_oracle(engines, make):
    """The row that is explained as chosen is the one that the training set has."""
    engine = engines(make)

    @CASES
    @given(scenarios())
    def law(scenario):
        assume(runs_on(engine, scenario))
        history = scenario.cases[0].history
        at = NOON + (history.ttl or history.available_after)
        keys = {name: _some(history, name) for name in history.keys}
        assume(None not in keys.values())
        row = oracle.newest(history, tuple(keys.values()), at)
        found = explained(engine, scenario.cases[0], keys, at)
        expected = [] if row is None else [row[history.features[0]]]

        assert same([{"value": v} for v in expected]) == same(chosen(found))

    law()


@pytest.mark.proves("training set", by="make")
@pytest.mark.parametrize(("make", "strategy"), SHAPES)
@pytest.mark.parametrize("path", sorted(WRITTEN.glob("*.yml")), ids=lambda path: path.stem)
def test_the_written_cases_hold(engines, make, strategy, path):
    """The rows are those that a person wrote down, on every engine."""
    engine, case = engines(make), written.read(path)
    if not case.runs_on(engine, strategy):
        return

    assert case.expected == case.found(engine, strategy)


@pytest.mark.proves("training set", by="make")
@pytest.mark.parametrize(("make", "strategy"), SHAPES)
@pytest.mark.parametrize("bounds", [False, True])
@pytest.mark.parametrize("title", corners.CASES)
def test_the_corners_agree_with_the_oracle(engines, make, strategy, title, bounds):
    """Names, locales, centuries, and the days on which clocks change."""
    engine, scenario = engines(make), corners.CASES[title]
    expected = oracle.training_set(scenario.entity_rows, scenario.histories, timestamps=True)
    found = training_rows(engine, scenario, strategy, bounds=bounds)

    assert any(value is not None for row in expected for name, value in row.items() if "__" in name)
    assert same(_ordered(expected)) == same(_ordered(found))


def _some(history, name):
    """Return a key that the history has, if it has any."""
    return next((row[name] for row in history.rows if row[name] is not None), None)


def _ordered(rows):
    """Put the columns of each row into one order."""
    return [dict(sorted(row.items())) for row in rows]


def _unordered(rows):
    return sorted(str(sorted(row.items())) for row in same(rows))
