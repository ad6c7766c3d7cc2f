"""The macros on DuckDB, through dbt as a user runs it, against plain loops over all rows."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import duckdb
import pytest
from sqlglot import exp, parse_one

from tests.engines.duckdb_engine import SnowflakeOnDuckDB
from tests.macros.macro_project import expected
from tests.macros.macro_project.rendering import CompilationError, Macros
from tests.support.example_fixture import ROOT, dbt

pytestmark = pytest.mark.xdist_group("dbt")

PROJECT = ROOT / "tests" / "macros" / "macro_project"
PROFILE = """
macro_project:
  target: dev
  outputs:
    dev: {type: duckdb, path: macros.duckdb, schema: main, threads: 1}
"""


def project(folder: Path) -> Path:
    """Copy the project, with the package installed and its raw tables filled."""
    shutil.copytree(PROJECT, folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    (folder / "packages.yml").write_text(f"packages:\n  - local: {ROOT}\n", encoding="utf-8")
    (folder / "profiles.yml").write_text(PROFILE, encoding="utf-8")
    with duckdb.connect(str(folder / "macros.duckdb")) as connection:
        connection.execute("set timezone = 'America/New_York'")
        for name, types, rows in (
            ("events", expected.EVENT_TYPES, expected.events()),
            ("spine", expected.SPINE_TYPES, expected.spine()),
        ):
            columns = ", ".join(f"{column} {kind}" for column, kind in types.items())
            connection.execute(f"create table {name} ({columns})")
            marks = ", ".join("?" for _ in types)
            connection.executemany(
                f"insert into {name} values ({marks})",
                [[row[column] for column in types] for row in rows],
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


def _rows(folder, table):
    with duckdb.connect(str(folder / "macros.duckdb"), read_only=True) as connection:
        connection.execute("set timezone = 'America/New_York'")
        cursor = connection.execute(f"select * from {table}")
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


@pytest.mark.parametrize("model", expected.MODELS, ids=lambda model: model.__name__)
def test_a_model_holds_what_plain_loops_find(built, model):
    """Ties, several entities, microseconds, missing keys: each row and column is as expected."""
    rows = expected.same(model(expected.events(), expected.spine()))

    assert len(rows) > 2
    assert rows == expected.same(_rows(built, model.__name__))


def test_the_unit_tests_of_dbt_pass(built):
    """Unit tests of dbt run on models that use the macros, on rows of their own."""
    log = (built / "build.log").read_text(encoding="utf-8")

    assert 2 == len(re.findall(r"PASS \S+::", log))


def test_generic_tests_count_what_breaks_the_rule(built):
    """Each test passes or fails by its rule alone, on the border as well, and counts its rows."""
    result = dbt(built, "build", "--select", "tag:careless")
    found, wanted = expected.verdicts(built)

    assert 1 == result.returncode
    assert len(found) >= 15
    assert wanted == found


# The warehouses that cannot run here


JOIN = {
    "join_keys": ["region", "customer"],
    "event_timestamp": "happened_at",
    "columns": ["amount", "note"],
    "created_timestamp": "written_at",
}
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
    "recency": lambda macros: (
        f"select {macros.recency('happened_at', join_keys='customer', unit='hours')} from events"
    ),
    "trailing_window": lambda macros: (
        f"select {macros.trailing_window('sum(x)', ['k'], 't', '1 day', exclusive=True)} from e"
    ),
    "as_of_join": lambda macros: macros.as_of_join("spine", "events", **JOIN, ttl="1 day"),
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
    asof = any(join.method == "ASOF" for join in statement.find_all(exp.Join))

    assert isinstance(statement, exp.Select)
    assert (name.startswith("rolling_features") and dialect != "snowflake") == named
    assert (name in FRAMED and dialect != "bigquery") == intervals
    assert (name == "as_of_join" and dialect == "snowflake") == asof


def _on_duckdb(sql, tables):
    engine = SnowflakeOnDuckDB()
    try:
        for name, types, rows in tables:
            engine.create(name, types, rows)
        return engine.rows(sql)
    finally:
        engine.close()


TABLES = (
    ("events", expected.EVENT_TYPES, expected.events()),
    ("spine", expected.SPINE_TYPES, expected.spine()),
)


def test_the_shape_of_snowflakes_join_is_right():
    """Its MATCH_CONDITION, translated, finds what plain loops find."""
    sql = Macros("snowflake").as_of_join("spine", "events", **JOIN)
    rows = expected.same(expected.joined(expected.events(), expected.spine()))

    assert rows == expected.same(_on_duckdb(sql, TABLES))


def test_the_shape_of_snowflakes_windows_is_right():
    """With the frame at each aggregate, translated, it finds what plain loops find."""
    sql = Macros("snowflake").rolling_features("events", **ROLLING)
    rows = expected.same(expected.rolled(expected.events(), expected.spine()))

    assert rows == expected.same(_on_duckdb(sql, TABLES))


# What is refused


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda macros: macros.trailing_window("sum(x)", "k", "t", "1 month"),
            "'1 month' is no duration. Write it as '7 days'",
        ),
        (
            lambda macros: macros.trailing_window("sum(x)", "k", "t", "0 days"),
            "'0 days' is no duration.",
        ),
        (
            lambda macros: macros.rolling_features("e", "k", "t", ["1 day"], "sum(x)"),
            "aggregates is sum(x). Make it a mapping",
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
            lambda macros: macros.rolling_features("e", "k", "t", [], {"x": "sum(x)"}),
            "the aggregate 'x' has no window",
        ),
        (
            lambda macros: macros.latest_per_entity("a_cte", "k", "t"),
            "the columns of a_cte are not known to the warehouse. Name them",
        ),
        (lambda macros: macros.recency("t"), "give either join_keys"),
        (lambda macros: macros.recency("t", join_keys="k", at="now()"), "give either join_keys"),
        (
            lambda macros: macros.recency("t", at="now()", unit="months"),
            "'months' is no unit of time.",
        ),
        (
            lambda macros: macros.as_of_join("s", "f", "k", "t", []),
            "columns names none. Name the features to add",
        ),
        (
            lambda macros: macros.as_of_join("s", "f", "k", "t", {"a": "x", "b": "x"}),
            "two columns would have the name 'x'",
        ),
        (
            lambda macros: macros.test_within_range("m", "share"),
            "within_range on 'share' has no bound.",
        ),
        (
            lambda macros: macros.test_null_rate_below("m", "share", 0),
            "null_rate_below on 'share': rate is 0.",
        ),
        (
            lambda macros: macros.test_null_rate_below("m", "share", "5%"),
            "null_rate_below on 'share': rate is 5%.",
        ),
    ],
)
def test_a_wrong_argument_is_refused(call, message):
    """One sentence says what is wrong, with the value and the remedy."""
    with pytest.raises(CompilationError, match=re.escape(message)):
        call(Macros("duckdb"))
