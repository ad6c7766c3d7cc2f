"""One record per dialect: complete, alone in naming the dialect, and enough to add one."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlglot import exp, parse_one
from sqlglot.dialects import Dialect as Grammar

from featurestore.errors import NameCollision, UnsupportedDialect
from featurestore.registry.definitions import (
    Column,
    Entity,
    Feature,
    FeatureView,
    ServiceMember,
)
from featurestore.sql.dialects import RECORDS, dialect_record, grammar
from featurestore.sql.dialects.calls import at_utc, cast_to, written_by
from featurestore.sql.dialects.record import (
    Clock,
    Dialect,
    InstantSeries,
    JoinShape,
    NewestRows,
)
from featurestore.sql.dialects.shifts import add_interval
from featurestore.sql.local_files import local_file
from featurestore.sql.plan import Spine
from featurestore.sql.planning import make_plan
from featurestore.sql.point_in_time import point_in_time
from featurestore.sql.spines import Period, spine_of_views
from featurestore.sql.strategies import (
    STRATEGIES,
    STRATEGY_NAMES,
    choose_strategy,
    strategies_of,
)
from featurestore.values.missing import Missing
from featurestore.values.parsing import parse_instant
from featurestore.values.type_spellings import parse_type

ROOT = Path(__file__).parents[2]
ROOMS = ("sql", "lineage", "catalog", "training")
DIALECTS = ROOT / "featurestore" / "sql" / "dialects"
SOURCES = sorted(
    path
    for room in ROOMS
    for path in (ROOT / "featurestore" / room).rglob("*.py")
    if DIALECTS not in path.parents
)
EMITTED = [(name, strategy.name) for name in RECORDS for strategy in strategies_of(name)]
TYPES = {"tailnum": "varchar", "event_timestamp": "timestamp"}
PLANES = FeatureView(
    name="planes",
    unique_id="model.shop.planes",
    relation="planes",
    path="models/planes.yml",
    entities=(Entity("plane", (Column("tailnum", parse_type("varchar")),)),),
    features=(Feature("name", parse_type("varchar")), Feature("delay", parse_type("double"))),
    event_timestamp=Column("at", parse_type("timestamptz")),
    ttl=timedelta(days=30),
)


def training(dialect: str, strategy: str | None = None) -> str:
    """Return the statement of a training set of one view."""
    columns = {name: parse_type(text) for name, text in TYPES.items()}
    members = [ServiceMember("planes", ("delay",))]
    plan = make_plan(dialect, Spine("flights", False, columns), members, {"planes": PLANES})
    return point_in_time(plan, strategy)


def names_of_dialects(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the texts of a module that are a dialect's name; the name of an extra is not one."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    extras = {
        argument
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "MissingExtra"
        for argument in call.args
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and node.value in RECORDS and node not in extras:
            yield node.lineno, str(node.value)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_only_the_records_name_a_dialect(path):
    """No other file of these rooms depends on which dialects there are."""
    assert [] == list(names_of_dialects(path))


def test_the_search_for_names_finds_them():
    """The rooms are where the search looks, and a record's own file has a name."""
    assert set(ROOMS) == {path.relative_to(ROOT).parts[1] for path in SOURCES}
    assert ["trino", "trino"] == [name for _, name in names_of_dialects(DIALECTS / "trino.py")]


@pytest.mark.parametrize("name", RECORDS)
def test_a_record_is_complete(name):
    """A dialect has its own file, a grammar of sqlglot, and each strategy or a reason."""
    record = dialect_record(name)
    able = {strategy.name for strategy in strategies_of(name)}
    missing = {STRATEGIES[shape].name for shape in record.missing_shapes}

    assert name == record.name
    assert (DIALECTS / f"{name}.py").is_file()
    assert Grammar.get_or_raise(record.grammar)
    assert set(STRATEGY_NAMES) == able | missing
    assert set() == able & missing
    assert choose_strategy(name, as_known=True).bounds_created


@pytest.mark.parametrize("name", RECORDS)
def test_a_missing_ability_has_a_reason(name):
    """The reason is a clause, because a message ends with it."""
    record = dialect_record(name)
    values = [getattr(record, field.name) for field in fields(record)]
    values += record.missing_shapes.values()
    missing = [value for value in values if isinstance(value, Missing)]

    assert all(len(one.reason.split()) > 3 and not one.reason.endswith(".") for one in missing)


def test_every_shape_has_an_emitter():
    """The table of emitters and the shapes that a record may list are the same."""
    assert set(JoinShape) == set(STRATEGIES)
    assert set(JoinShape) == {shape for record in RECORDS.values() for shape in record.shapes}


@pytest.mark.parametrize(("name", "strategy"), EMITTED)
def test_every_shape_of_a_record_can_be_emitted(name, strategy):
    """The statement parses in the dialect's grammar and has the requested columns."""
    query = parse_one(training(name, strategy), dialect=grammar(name))

    assert isinstance(query, exp.Select)
    assert ["tailnum", "event_timestamp", "delay"] == query.named_selects


@pytest.mark.parametrize(
    ("dialect", "strategy", "message"),
    [
        ("postgres", "asof", r"postgres \(the engine cannot: PostgreSQL has no ASOF join\)"),
        ("duckdb", "lateral", r"duckdb \(not written yet: its ASOF join does the same, faster\)"),
        ("duckdb", "hash", "Unknown strategy 'hash'"),
    ],
)
def test_a_refusal_says_who_lacks_it(dialect, strategy, message):
    """The engine cannot, or we have not written it, or the name is unknown."""
    with pytest.raises(UnsupportedDialect, match=message) as error:
        training(dialect, strategy)

    assert "Possible on " in str(error.value)


def test_an_asof_join_is_refused_with_as_known():
    """The dialect has the shape, so the message names the option that rules it out."""
    with pytest.raises(UnsupportedDialect, match="cannot run with as_known on duckdb"):
        choose_strategy("duckdb", as_known=True, wanted="asof")


def test_an_unknown_dialect_gets_the_nearest_name():
    """The message suggests a name, or lists all of them."""
    with pytest.raises(UnsupportedDialect, match="Did you mean 'postgres'"):
        dialect_record("postgers")
    with pytest.raises(UnsupportedDialect, match="Supported: bigquery, clickhouse"):
        dialect_record("mysql")


def test_a_file_is_read_where_the_engine_runs():
    """DuckDB reads files of this machine; other suffixes and other engines have a reason."""
    assert "read_csv('a''b.csv')" == local_file(Path("a'b.csv"), "duckdb")
    assert "not written yet: only .parquet and .csv files are read" == str(
        local_file(Path("a.json"), "duckdb")
    )
    assert local_file(Path("a.csv"), "snowflake") == Missing(
        "Snowflake does not see the files of this machine", engine_cannot=True
    )


@pytest.fixture
def invented(monkeypatch):
    """Return the name of a dialect that is only a record."""
    unwritten = Missing("nobody needs it in this test")
    record = Dialect(
        name="inventdb",
        grammar="postgres",
        shapes=(JoinShape.ASOF, JoinShape.WINDOW),
        missing_shapes={JoinShape.LATERAL: unwritten},
        newest_rows=NewestRows.RANKED,
        clock=Clock(
            naive=cast_to("timestamp"),
            zoned=at_utc,
            shift=add_interval,
            literals={},
            finest=timedelta(hours=1),
        ),
        sort_keys={parse_type("varchar").kind: written_by("SORTABLE")},
        series=InstantSeries("INSTANTS"),
        numbered_from=1,
        join_settings={"nulls": 1},
        local_files=unwritten,
        quantiles=unwritten,
        sample=unwritten,
    )
    monkeypatch.setitem(RECORDS, "inventdb", record)
    return "inventdb"


def test_a_record_is_all_that_a_new_dialect_needs(invented):
    """A training set, entity rows and a refusal are written from the record alone."""
    text = training(invented)
    first, last = parse_instant("2024-03-01"), parse_instant("2024-03-03")
    period = Period(first, last, timedelta(days=1))
    spine = spine_of_views(
        [ServiceMember("planes", ("delay",))], [PLANES], period, "event_timestamp", invented
    )

    assert "ASOF JOIN planes AS history" in text
    assert "INTERVAL '30 DAY'" in text
    assert "SORTABLE(history.name) DESC" in text
    assert "ROW_NUMBER() OVER () AS _key" in text
    assert "INSTANTS(" in spine
    assert "CAST('2024-03-01 00:00:00.000000' AS TIMESTAMP)," in spine
    with pytest.raises(UnsupportedDialect, match=r"inventdb \(not written yet: nobody"):
        training(invented, "lateral")


def test_a_duration_finer_than_the_clock_is_refused(invented, monkeypatch):
    """The message names the dialect, and the unit that it can write."""
    view = replace(PLANES, ttl=timedelta(minutes=90))
    monkeypatch.setattr("tests.sql.test_dialect_records.PLANES", view)

    with pytest.raises(UnsupportedDialect, match=r"(?s)1:30:00 .*'inventdb'.*multiples of 1 hour"):
        training(invented)


@pytest.mark.parametrize("name", RECORDS)
@pytest.mark.parametrize("wanted", [{"full_feature_names": True}, {"feature_timestamps": True}])
def test_a_name_that_would_be_cut_off_is_refused(name, wanted):
    """PostgreSQL and Redshift shorten a name without an error, so two columns may become one."""

    def plan(view: str) -> None:
        member = ServiceMember("planes", ("delay",), alias=view)
        make_plan(name, Spine("flights", False, columns), [member], {"planes": PLANES}, **wanted)

    columns = {column: parse_type(text) for column, text in TYPES.items()}
    longest = {"postgres": 63, "redshift": 127}.get(name)
    suffix = len("__delay" if "full_feature_names" in wanted else "__event_timestamp")
    plan("ü" * (((longest or 200) - suffix) // 2))
    if longest:
        with pytest.raises(NameCollision, match=rf"cuts names off after {longest}"):
            plan("ü" * ((longest - suffix) // 2 + 1))


@pytest.mark.parametrize(("name", "strategy"), EMITTED)
def test_each_step_of_a_long_view_has_a_name_of_its_own(name, strategy):
    """The names differ where PostgreSQL and Redshift cut them off."""
    columns = {column: parse_type(text) for column, text in TYPES.items()}
    planes = replace(PLANES, features=tuple(Feature(f"f{n}", None) for n in range(3)))
    names = (f"{'ü' * 30}_1", f"{'ü' * 30}_2", "ü" * 62)
    members = [ServiceMember("planes", (f"f{n}",), alias=alias) for n, alias in enumerate(names)]
    plan = make_plan(name, Spine("flights", False, columns), members, {"planes": planes})
    found = parse_one(point_in_time(plan, strategy), dialect=grammar(name)).find_all(exp.CTE)
    cut = [cte.alias.encode()[: dialect_record(name).longest_name] for cte in found]

    assert len(cut) == len(set(cut)) >= len(members)


def test_the_page_lists_the_shapes_of_every_record():
    """The table of docs/reference/dialects.md says what the records say."""
    page = (ROOT / "docs" / "reference" / "dialects.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| ((?:`\w+`(?:, )?)+) \|", page, re.MULTILINE)
    listed = [(name, *re.findall(r"\w+", shapes)) for name, shapes in rows]

    assert {(name, *(shape.name for shape in strategies_of(name))) for name in RECORDS} == {
        row for row in listed if set(row[1:]) <= set(STRATEGY_NAMES)
    }
