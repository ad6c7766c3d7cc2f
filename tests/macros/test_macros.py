"""The macros on DuckDB, through dbt as a user runs it, against plain loops over all rows."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import duckdb
import pytest
from sqlglot import exp, parse_one

from featurestore.sql.dialects.snowflake import _RESERVED
from tests.engines.duckdb_engine import SnowflakeOnDuckDB
from tests.macros.macro_project import expected
from tests.macros.macro_project.rendering import CompilationError, Macros
from tests.support.example_fixture import ROOT, dbt

pytestmark = [pytest.mark.whole, pytest.mark.xdist_group("dbt")]

PROJECT = ROOT / "tests" / "macros" / "macro_project"
PROFILE = """
macro_project:
  target: dev
  outputs:
    dev: {type: duckdb, path: macros.duckdb, schema: main, threads: 1}
"""


def project(folder: Path) -> Path:
    """Copy the project, with the package installed and its raw table filled."""
    shutil.copytree(PROJECT, folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    (folder / "packages.yml").write_text(f"packages:\n  - local: {ROOT}\n", encoding="utf-8")
    (folder / "profiles.yml").write_text(PROFILE, encoding="utf-8")
    with duckdb.connect(str(folder / "macros.duckdb")) as connection:
        connection.execute("set timezone = 'America/New_York'")
        types = expected.EVENT_TYPES
        columns = ", ".join(f"{column} {kind}" for column, kind in types.items())
        connection.execute(f"create table events ({columns})")
        connection.executemany(
            f"insert into events values ({', '.join('?' for _ in types)})",
            [[row[column] for column in types] for row in expected.events()],
        )
    deps = dbt(folder, "deps")
    assert 0 == deps.returncode, deps.stdout
    return folder


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Build the project; return its folder."""
    folder = project(tmp_path_factory.mktemp("macros") / "project")
    result = dbt(folder, "build", "--exclude", "tag:careless")
    assert 0 == result.returncode, result.stdout + result.stderr
    (folder / "build.log").write_text(result.stdout, encoding="utf-8")
    return folder


def _rows(folder, sql):
    with duckdb.connect(str(folder / "macros.duckdb"), read_only=True) as connection:
        connection.execute("set timezone = 'America/New_York'")
        cursor = connection.execute(sql)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


@pytest.mark.parametrize("model", expected.MODELS, ids=lambda model: model.__name__)
def test_a_model_holds_what_plain_loops_find(built, model):
    """Ties, several entities, microseconds, missing keys: each row and column is as expected."""
    rows = expected.same(model(expected.events()))

    assert len(rows) > 2
    assert rows == expected.same(_rows(built, f"select * from {model.__name__}"))


def test_the_newest_row_is_the_row_that_a_sync_publishes(built):
    """Told the features of a view in the view's order, the macro decides ties as Python does."""
    newest = _rows(built, "select * from newest")
    published = _rows(built, expected.published("duckdb", "events"))

    assert expected.TIES[0] in [{name: row[name] for name in ("amount", "note")} for row in newest]
    assert expected.same(published) == expected.same(newest)


def test_the_unit_tests_of_dbt_pass(built):
    """Unit tests of dbt run on models that use the macros, on rows of their own."""
    log = (built / "build.log").read_text(encoding="utf-8")

    assert 1 == len(re.findall(r"PASS \S+::", log))


def test_generic_tests_count_what_breaks_the_rule(built):
    """Each test passes or fails by its rule alone, on the border as well, and counts its rows."""
    result = dbt(built, "build", "--select", "tag:careless")
    found, wanted = expected.verdicts(built)

    assert 1 == result.returncode
    assert len(found) >= 15
    assert wanted == found


def test_the_reserved_words_are_all_of_duckdbs_and_snowflakes():
    """The words that an engine lists as reserved get quotes; tests/engines asks PostgreSQL."""
    words = set(Macros("duckdb").call("_reserved_words"))
    query = """
        select keyword_name from duckdb_keywords()
        where keyword_category in ('reserved', 'type_function')
    """

    assert {word for (word,) in duckdb.sql(query).fetchall()} <= words
    assert set(_RESERVED.split()) <= words


INSTANTS = {
    "timestamp_ns '2024-01-01 23:59:59.999999999'": (1704153599999999, "1704153599999999.999"),
    "timestamp_ns '2024-01-01 23:59:59.000000500'": (1704153599000000, "1704153599000000.500"),
    "timestamp_ns '1960-01-01 23:59:59.999999999'": (-315532800000001, "-315532800000000.001"),
    "timestamp_ns '1960-01-01 23:59:59.000001500'": (-315532800999999, "-315532800999998.500"),
    "timestamptz '2024-01-01 00:00:00.000001+00'": (1704067200000001, "1704067200000001.000"),
    "timestamp '9999-01-01'": (253370764800000000, "253370764800000000.000"),
    "date '1969-12-31'": (-86400000000, "-86400000000.000"),
    "timestamp 'infinity'": (None, "10000000000000000000.000"),
    "timestamptz '-infinity'": (None, "-10000000000000000000.000"),
    "null::timestamp": (None, None),
}


@pytest.mark.parametrize("instant", INSTANTS)
def test_an_instant_is_rounded_down_to_count_and_whole_to_compare(instant):
    """DuckDB's own functions round nanoseconds to the nearest, and return NULL for infinity."""
    macros, (whole, exact) = Macros("duckdb"), INSTANTS[instant]
    counted = macros.call("_epoch_microseconds", "x")
    compared = macros.call("_exact_microseconds", "x")
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'America/New_York'")
        query = f"select {counted}, ({compared})::varchar from (select {instant} as x)"
        found = connection.execute(query).fetchone()

    assert (whole, exact) == found


SPELLINGS = {
    "snowflake": ['"GROUP"', "at_", '"at_"', "AMOUNT", '"Amount"'],
    "postgres": ['"group"', "at_", '"AT_"', "AMOUNT", '"Amount"'],
    "bigquery": ["`group`", "at_", "AMOUNT"],
}


@pytest.mark.parametrize("dialect", SPELLINGS)
def test_names_are_compared_as_the_warehouse_does(dialect):
    """What bare, quoted and capital spellings mean differs by warehouse."""
    columns = ['"at_"', '"AT_"', '"GROUP"' if dialect == "snowflake" else '"group"']
    columns += ["AMOUNT", "amount", '"Amount"']
    sql = Macros(dialect).latest_per_entity("e", "group", "at_", columns=columns)

    assert SPELLINGS[dialect] == [line.strip(" ,") for line in _selected(sql)]


def _selected(sql):
    """Return the lines between the first SELECT and its FROM."""
    return sql.partition("from (")[0].strip().splitlines()[1:]


# The warehouses that cannot run here


ROLLING = {
    "join_keys": ["region", "customer"],
    "event_timestamp": "happened_at",
    "windows": ["1 hour", "7 days"],
    "aggregates": {
        "amount_sum": "sum(amount)",
        "amount_max": {"expression": "max(amount)", "windows": "90 seconds"},
        "event_count": "count(*)",
    },
    "columns": ["amount"],
}
STATEMENTS = {
    "rolling_features": lambda macros: macros.rolling_features("events", **ROLLING),
    "rolling_features exclusive": lambda macros: macros.rolling_features(
        "events", **ROLLING, exclusive=True
    ),
    "latest_per_entity": lambda macros: macros.latest_per_entity(
        "events", ["customer"], "happened_at", columns=["amount"]
    ),
    "latest_per_entity of a snapshot": lambda macros: macros.latest_per_entity(
        "snap",
        ["customer"],
        "dbt_valid_from",
        columns=["amount"],
        valid_until="dbt_valid_to",
        no_end="cast('9999-12-31' as timestamp)",
        is_deleted="dbt_is_deleted",
    ),
    "no_overlapping_validity": lambda macros: macros.test_no_overlapping_validity(
        "snap", ["customer"], "dbt_valid_from", "dbt_valid_to"
    ),
    "recency": lambda macros: (
        f"select {macros.recency('happened_at', join_keys='customer', unit='hours')} from events"
    ),
    "trailing_window": lambda macros: (
        f"select {macros.trailing_window('sum(x)', ['k'], 't', '1 day', exclusive=True)} from e"
    ),
    "fresh_within": lambda macros: macros.test_fresh_within("events", "happened_at", "1 day"),
    "available_after_event": lambda macros: macros.test_available_after_event("e", "t", "u"),
    "no_future_events": lambda macros: macros.test_no_future_events("e", "t"),
    "within_range": lambda macros: macros.test_within_range("e", "x", min_value=0, max_value=1),
    "null_rate_below": lambda macros: macros.test_null_rate_below("e", "x", 0.5),
}


FRAMED = ("rolling_features", "rolling_features exclusive", "trailing_window")


@pytest.mark.parametrize("name", STATEMENTS)
@pytest.mark.parametrize("dialect", ["bigquery", "databricks", "snowflake"])
def test_the_text_is_of_its_dialect(dialect, name):
    """Each macro's text can be read in the dialect, and says nothing that the dialect lacks."""
    statement = parse_one(STATEMENTS[name](Macros(dialect)), dialect=dialect)
    named = any(select.args.get("windows") for select in statement.find_all(exp.Select))
    intervals = any(frame.find(exp.Interval) for frame in statement.find_all(exp.WindowSpec))

    assert isinstance(statement, exp.Select)
    assert (name.startswith("rolling_features") and dialect != "snowflake") == named
    assert (name in FRAMED and dialect != "bigquery") == intervals


def _on_duckdb(sql):
    engine = SnowflakeOnDuckDB()
    try:
        engine.create("events", expected.EVENT_TYPES, expected.events())
        return engine.rows(sql)
    finally:
        engine.close()


def test_the_shape_of_snowflakes_windows_is_right():
    """With the frame at each aggregate, translated, it finds what plain loops find."""
    sql = Macros("snowflake").rolling_features("events", **ROLLING)
    rows = expected.same(expected.rolled(expected.events()))

    assert rows == expected.same(_on_duckdb(sql))


# What is refused


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda macros: macros.trailing_window("sum(x)", "k", "t", "1 month"),
            "'1 month' is not a duration. Write a positive number of seconds, minutes, hours, days",
        ),
        (
            lambda macros: macros.trailing_window("sum(x)", "k", "t", "0 days"),
            "'0 days' is not a duration.",
        ),
        (
            lambda macros: macros.rolling_features("e", "k", "t", ["1 day"], "sum(x)"),
            "aggregates must be a mapping of names to aggregates",
        ),
        (
            lambda macros: macros.rolling_features("e", "k", "t", ["1 day"], {"x": {"window": 1}}),
            "the aggregate 'x' is {'window': 1}. Write it as",
        ),
        (
            lambda macros: macros.rolling_features("e", "k", "t", "1 day", {"x": "1"}, ["x_1d"]),
            "two columns would have the name 'x_1d'",
        ),
        (
            lambda macros: macros.rolling_features("e", "k", "t", "1 day", {"x": "1"}, ["X_1D"]),
            "two columns would have the name 'x_1d'",
        ),
        (
            lambda macros: macros.rolling_features("e", "k", "t", [], {"x": "sum(x)"}),
            "the aggregate 'x' has no window",
        ),
        (
            lambda macros: macros.latest_per_entity("a_cte", "k", "t"),
            "the warehouse does not know the columns of a_cte. Name them",
        ),
        (lambda macros: macros.recency("t"), "give either join_keys"),
        (lambda macros: macros.recency("t", join_keys="k", at="now()"), "give either join_keys"),
        (
            lambda macros: macros.recency("t", at="now()", unit="months"),
            "unit must be seconds, minutes, hours, days, weeks, got 'months'.",
        ),
        (
            lambda macros: macros.test_within_range("m", "share"),
            "within_range on 'share': give min_value, max_value or both.",
        ),
        (
            lambda macros: macros.test_null_rate_below("m", "share", 0),
            "null_rate_below on 'share': rate must be above 0 and at most 1, such as 0.05, got 0.",
        ),
        (
            lambda macros: macros.test_null_rate_below("m", "share", "5%"),
            "null_rate_below on 'share': rate must be above 0 and at most 1, such as 0.05, got 5%.",
        ),
    ],
)
def test_a_wrong_argument_is_refused(call, message):
    """One sentence says what is wrong, with the value and the remedy."""
    with pytest.raises(CompilationError, match=re.escape(message)):
        call(Macros("duckdb"))
