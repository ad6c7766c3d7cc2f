"""The literal bounds on a history: they skip what no entity row can see, and change no value."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import duckdb
import jinja2
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from featurestore.errors import WarehouseError
from featurestore.training.fixed_rows import extent_of
from tests.oracle import History, same_rows, training_set, unordered
from tests.support.builders import COLUMNS, Table, model, tiny_project
from tests.support.examples import examples
from tests.support.scenarios import (
    INSTANT_TYPES,
    TICK,
    Bench,
    Case,
    Scenario,
    as_type,
    scenarios,
    shapes,
)

ENTITIES = {"tailnum": "varchar", "event_timestamp": "timestamp"}
HISTORY = [("N1", "2024-02-01", 1.5), ("N2", "2024-02-03", 2.5)]


class Recording(Bench):
    """A DuckDB that remembers the statements whose rows it streamed."""

    def __init__(self):
        super().__init__()
        self.streamed = []

    def stream(self, sql):
        """Remember a statement, and run it."""
        self.streamed.append(sql)
        return super().stream(sql)


@pytest.fixture(scope="module")
def bench():
    """Return a DuckDB in memory that all examples share."""
    bench = Recording()
    yield bench
    bench.connection.close()


def scenario(event, rows, asked, at="timestamp", **declared):
    """Return a scenario of one view with the key `k0`, from instants."""
    history = [{"k0": 1, "observed_at": moment, "f0": n} for n, moment in enumerate(rows)]
    types = {"k0": "bigint", "observed_at": event, "f0": "bigint"}
    view = History("v", history, ("k0",), ("f0",), **declared)
    entity_rows = [{"k0": 1, "event_timestamp": moment} for moment in asked]
    entity_types = {"k0": "bigint", "event_timestamp": at}
    return Scenario((Case(view, types, composite=False),), entity_types, entity_rows, "Asia/Tokyo")


def executed(bench, case, **options):
    """Return the rows of a training set, and the statement that the engine ran for them."""
    bench.load(case)
    rows = bench.job(case, **options).to_arrow().to_pylist()
    return rows, bench.streamed[-1]


LITERALS = {
    "timestamp": ("CAST('2024-05-31 {}.000000' AS TIMESTAMP)", "12:00:00"),
    "timestamptz": ("CAST('2024-05-31 {}.000000+00:00' AS TIMESTAMPTZ)", "12:00:00"),
    "timestamp_s": ("CAST('2024-05-31 {}.000000' AS TIMESTAMP_S)", "12:00:00"),
    "timestamp_ns": ("CAST('2024-05-31 {}.000000' AS TIMESTAMP)", "12:00:00"),
    "date": ("CAST('2024-05-31' AS DATE)", ""),
}


@pytest.mark.parametrize("strategy", shapes())
@pytest.mark.parametrize("event", INSTANT_TYPES)
def test_a_history_is_compared_bare_with_literals_of_its_own_type(bench, event, strategy):
    """The bounds are the first instant less the ttl, and the last one less the delay."""
    noon = datetime(2024, 6, 1, 12, tzinfo=UTC)
    asked = [noon.replace(tzinfo=None), None, datetime(2024, 6, 1, 13)]  # noqa: DTZ001
    case = scenario(
        event,
        [as_type(noon - timedelta(hours=2), event)],
        asked,
        ttl=timedelta(days=1),
        available_after=timedelta(days=1, hours=1),
    )
    _, sql = executed(bench, case, strategy=strategy)
    literal, first = LITERALS[event]

    assert f"observed_at >= {literal.format(first)}" in sql
    assert f"observed_at <= {literal.format(first)}" in sql


def test_a_view_without_a_ttl_has_no_first_bound(bench):
    """The newest row may be as old as the history."""
    case = scenario("timestamp", [datetime(1999, 1, 1)], [datetime(2024, 6, 1)])  # noqa: DTZ001
    rows, sql = executed(bench, case)

    assert [0] == [row["v__f0"] for row in rows]
    assert "observed_at <= CAST('2024-06-01" in sql
    assert "observed_at >= CAST" not in sql


@pytest.mark.parametrize("strategy", shapes())
def test_the_engine_filters_while_it_scans(bench, strategy):
    """DuckDB skips row groups: the bound reaches the scan of the table, with no cast around it."""
    rows = [datetime(year, 1, 1, tzinfo=UTC) for year in (2024, 2025)]
    case = scenario("timestamptz", rows, [datetime(2024, 6, 1)])  # noqa: DTZ001
    _, sql = executed(bench, case, strategy=strategy)
    plan = bench.connection.sql(f"EXPLAIN (FORMAT json) {sql}").fetchall()[0][1]

    assert "observed_at<='2024-06-01 00:00:00+00'" in plan.replace(" <= ", "<=")


def test_statements_that_run_later_have_no_bounds(bench):
    """What `to_sql` prints may run on other entity rows."""
    case = scenario("timestamp", [datetime(2024, 1, 1)], [datetime(2024, 6, 1)])  # noqa: DTZ001
    bench.load(case)

    assert "2024" not in bench.job(case).to_sql()


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param([], id="no rows"),
        pytest.param([None, None], id="no instants"),
        pytest.param([datetime(2024, 6, 1)], id="one row"),  # noqa: DTZ001
        pytest.param([datetime.min, datetime.max], id="the years 1 and 9999"),  # noqa: DTZ901
        pytest.param([datetime.min], id="the year 1"),  # noqa: DTZ901
        pytest.param([datetime.max], id="the year 9999"),  # noqa: DTZ901
    ],
)
@pytest.mark.parametrize("event", INSTANT_TYPES)
@pytest.mark.parametrize("strategy", shapes())
def test_the_edges_of_the_calendar(bench, asked, event, strategy):
    """Instants without an earlier or later neighbour get values as all others do."""
    far = [datetime.min, datetime(2024, 5, 1), datetime(2024, 6, 1), datetime.max]  # noqa: DTZ001, DTZ901
    if event == "timestamp_ns":
        far = far[1:-1]
    rows = [as_type(moment.replace(tzinfo=UTC), event) for moment in far]
    case = scenario(event, rows, asked, ttl=timedelta(days=31))
    found, _ = executed(bench, case, strategy=strategy)

    assert same_rows(training_set(case.entity_rows, case.histories)) == same_rows(found)


MOMENTS = ("44-03-15 (BC)", "0001-01-01", "2024-05-31", "2024-06-01 00:00:00.000001", "12024-06-01")
TEXTS = st.sampled_from((*MOMENTS, "infinity", "-infinity", None))


@examples(60)
@given(
    st.lists(TEXTS, max_size=4),
    st.lists(TEXTS, max_size=4),
    st.sampled_from(["timestamp", "timestamptz", "date"]),
    st.sampled_from(["timestamp", "timestamptz", "date"]),
    st.sampled_from([None, timedelta(days=1)]),
    st.sampled_from(shapes()),
)
@example(["infinity"], ["infinity"], "timestamp", "timestamp", None, "asof")
@example(["-infinity"], ["-infinity"], "date", "timestamptz", timedelta(days=1), "window")
def test_instants_that_python_does_not_know(bench, rows, asked, event, at, ttl, strategy):
    """The statement with bounds returns what the statement without them returns."""
    case = scenario(event, [], [], at, ttl=ttl)
    bench.load(case)
    bench.create("asked", case.entity_types, [])
    for number, text in enumerate(rows):
        bench.connection.execute("INSERT INTO main.v VALUES (1, ?, ?)", [text, number])
    for text in asked:
        bench.connection.execute("INSERT INTO main.asked VALUES (1, ?)", [text])
    job = bench.job(case, entity_df="asked", strategy=strategy)
    bench.job(case, entity_df="asked", strategy=strategy)
    kept = "_featurestore_asked"
    job.to_arrow()
    bench.stage(kept, bench.streamed[-1])
    columns = "event_timestamp::varchar AS event_timestamp, v__f0"
    bounded = bench.connection.sql(f"SELECT {columns} FROM {kept} ORDER BY ALL")
    plain = bench.connection.sql(f"SELECT {columns} FROM ({job.to_sql()}) ORDER BY ALL")

    assert plain.fetchall() == bounded.fetchall()


@examples(60)
@given(
    st.sampled_from(INSTANT_TYPES),
    st.sampled_from(INSTANT_TYPES),
    st.sampled_from([None, TICK, timedelta(days=1)]),
    st.sampled_from([timedelta(), TICK, timedelta(days=1)]),
    st.sampled_from([-TICK, timedelta(), TICK]),
    st.sampled_from(shapes()),
)
def test_a_row_at_a_bound_counts(bench, event, at, ttl, delay, tick, strategy):
    """Both bounds are inclusive, in each pair of types, to the microsecond."""
    noon = datetime(2024, 6, 1, 0, tzinfo=UTC)
    rows = [as_type(noon + step, event) for step in (timedelta(), tick)]
    asked = [as_type(noon + step + tick, at) for step in (delay, ttl or delay)]
    case = scenario(event, rows, asked, at, ttl=ttl, available_after=delay)
    found, _ = executed(bench, case, strategy=strategy)

    assert same_rows(training_set(case.entity_rows, case.histories)) == same_rows(found)


@examples(40)
@given(scenarios(created=True), st.sampled_from(shapes(as_known=True)))
def test_staged_rows_with_as_known_agree_with_the_oracle(bench, case, strategy):
    """A query of entity rows gets its bounds from the warehouse."""
    bench.create("asked", case.entity_types, case.entity_rows)
    expected = training_set(case.entity_rows, case.histories, as_known=True)
    rows, _ = executed(bench, case, entity_df="FROM asked -- all", strategy=strategy, as_known=True)

    assert unordered(expected) == unordered(rows)


@pytest.fixture
def project(tmp_path):
    """Return a store with a view of two planes, and entity rows in a table."""
    return tiny_project(
        tmp_path,
        [model(columns=COLUMNS, ttl="30 days"), model("flights", ENTITIES, meta={})],
        {
            "plane_features": Table(COLUMNS, HISTORY),
            "flights": Table(ENTITIES, [("N1", "2024-02-02")]),
        },
    )


def test_a_dbt_model_serves_entity_rows_that_come_later(project, tmp_path):
    """A model that was written before its entity rows grew returns values for the new rows."""
    job = project.get_historical_features("ref:flights", "plane_features:delay")
    job.to_dbt_model("models/t.sql")
    text = (tmp_path / "models" / "t.sql").read_text()
    statement = jinja2.Template(text).render(ref=lambda name: f'"main"."{name}"')
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as connection:
        connection.execute("INSERT INTO flights VALUES ('N2', '2025-01-01'), ('N2', '2024-02-04')")
        connection.execute("INSERT INTO plane_features VALUES ('N2', '2024-12-31', 3.5)")
        rows = connection.sql(f"SELECT delay FROM ({statement}) ORDER BY delay").fetchall()

    assert [(1.5,), (2.5,), (3.5,)] == rows


def test_a_job_serves_entity_rows_that_come_later(project, tmp_path):
    """Each output reads the entity rows, and their instants, again."""
    job = project.get_historical_features("flights", "plane_features:delay")
    before = job.to_arrow().column("delay").to_pylist()
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as connection:
        connection.execute("INSERT INTO flights VALUES ('N2', '2025-01-01')")
        connection.execute("INSERT INTO plane_features VALUES ('N2', '2024-12-31', 3.5)")

    assert [1.5] == before
    assert [1.5, 3.5] == sorted(job.to_arrow().column("delay").to_pylist())


def test_each_alias_of_a_view_has_the_bounds(bench):
    """Two joins read one table, each within the reach of the entity rows."""
    case = scenario("timestamp", [datetime(2024, 1, 1)], [datetime(2024, 6, 1)])  # noqa: DTZ001
    second = replace(case.cases[0], history=replace(case.cases[0].history, name="w", keys=()))
    both = replace(case, cases=(*case.cases, second))
    _, sql = executed(bench, both)

    assert 4 == sql.count("observed_at <= CAST('2024-06-01")


class Refusing(Recording):
    """A warehouse whose role may only read."""

    def stage(self, name, sql):
        """Refuse, as a server does."""
        del name, sql
        raise WarehouseError("permission denied to create temporary tables")


def test_a_role_that_may_only_read_gets_the_same_rows():
    """Where rows cannot be staged, the histories have no bounds."""
    refusing = Refusing()
    case = scenario("timestamp", [datetime(2024, 1, 1)], [datetime(2024, 6, 1)])  # noqa: DTZ001
    refusing.create("asked", case.entity_types, case.entity_rows)
    rows, sql = executed(refusing, case, entity_df="asked")
    refusing.connection.close()

    assert [0] == [row["v__f0"] for row in rows]
    assert "2024" not in sql


def test_a_frame_of_any_unit_has_its_instants(project):
    """The instants of a frame are read outside of the warehouse."""
    for unit in ("s", "ms", "us", "ns"):
        at = pd.Series(pd.to_datetime(["2024-02-01"])).astype(f"datetime64[{unit}]")
        frame = pd.DataFrame({"tailnum": ["N1"], "event_timestamp": at})
        rows = project.get_historical_features(frame, "plane_features:delay").to_arrow()

        assert [1.5] == rows.column("delay").to_pylist()


@pytest.mark.parametrize("ticks", [1_704_067_200_123_456_789, -1, 1000, -1000])
def test_no_nanosecond_is_cut_from_an_extent(ticks):
    """Snowflake compares all digits, and may find a row below the last microsecond."""
    at = pa.chunked_array([pa.array([ticks], pa.timestamp("ns"))])
    found = extent_of(at, at)
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    first, last = ((moment - epoch) // TICK for moment in (found.first, found.last))

    assert ticks - 1000 < first * 1000 <= ticks <= last * 1000 < ticks + 1000


def test_a_day_in_milliseconds_is_its_midnight(project):
    """Engines leave out the time that such a date can hold, so the bound does too."""
    noon = pa.array([1_709_380_800_000], pa.int64()).cast(pa.date64())
    frame = pa.table({"tailnum": ["N1"], "event_timestamp": noon})
    rows = project.get_historical_features(frame, "plane_features:delay").to_arrow()

    assert [1.5] == rows.column("delay").to_pylist()
