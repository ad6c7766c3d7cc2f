"""Every dialect's statements as text; tests/engines runs them on the engines it has."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlglot import exp, parse_one

from featurestore.errors import UnsupportedDialect
from featurestore.registry.definitions import (
    Column,
    Entity,
    Feature,
    FeatureService,
    FeatureView,
    OnDemandFeature,
    RequestField,
    ServiceMember,
)
from featurestore.sql.dialects import RECORDS, grammar
from featurestore.sql.latest_rows import EntitySubset, latest_rows
from featurestore.sql.overlaps import overlapping_keys
from featurestore.sql.plan import Spine
from featurestore.sql.planning import make_plan
from featurestore.sql.point_in_time import point_in_time
from featurestore.sql.strategies import strategies_of
from featurestore.sql.why import why_query
from featurestore.training.on_demand_features import with_on_demand
from featurestore.values.parsing import parse_instant
from featurestore.values.type_spellings import parse_type
from featurestore.values.types import DataType, Kind
from tests.sql.golden_files import GOLDEN, golden_text
from tests.sql.test_golden_sql import REQUESTS

NAMES = tuple(RECORDS)
AT = parse_instant("2024-03-01T12:00")
SINCE = parse_instant("2024-02-28T12:00")
ZONED = {
    "bigquery": "timestamp",
    "clickhouse": "DateTime64(6)",
    "databricks": "timestamp",
    "snowflake": "timestamp_ltz",
    "spark": "timestamp",
}
NAIVE = {
    "bigquery": "datetime",
    "clickhouse": "DateTime",
    "databricks": "timestamp_ntz",
    "snowflake": "timestamp_ntz",
    "spark": "timestamp_ntz",
}
TEXT = {"clickhouse": "Nullable(String)", "bigquery": "string"}
DOUBLE = {"bigquery": "float64", "clickhouse": "Float64"}
QUOTE = dict.fromkeys(("bigquery", "clickhouse", "databricks", "spark"), "`")


def _column(name: str, spelling: str, dialect: str) -> Column:
    return Column(name, parse_type(spelling, dialect))


def planes(dialect: str) -> FeatureView:
    """Return a view with everything: delay, ttl, created timestamp, and words of SQL as names."""
    features = {
        "seats": "int",
        "name": TEXT.get(dialect, "text"),
        "delay": DOUBLE.get(dialect, "double precision"),
        "Order No": "bigint",
    }
    return FeatureView(
        name="plane_features",
        unique_id="model.shop.plane_features",
        relation=_relation("plane_features", dialect),
        path="models/plane_features.yml",
        entities=(
            Entity("plane", (_column("tailnum", TEXT.get(dialect, "text"), dialect),)),
            Entity("carrier", (_column("carrier", TEXT.get(dialect, "text"), dialect),)),
        ),
        features=tuple(
            Feature(name, parse_type(spelling, dialect)) for name, spelling in features.items()
        ),
        event_timestamp=_column("at", ZONED.get(dialect, "timestamptz"), dialect),
        created_timestamp=_column("loaded_at", NAIVE.get(dialect, "timestamp"), dialect),
        available_after=timedelta(minutes=90),
        ttl=timedelta(days=30, milliseconds=5),
    )


def contracts(dialect: str) -> FeatureView:
    """Return a snapshot: a zoned end with another value for no end, and a mark of deletions."""
    zoned, text = ZONED.get(dialect, "timestamptz"), TEXT.get(dialect, "text")
    return FeatureView(
        name="contracts",
        unique_id="snapshot.shop.contracts",
        relation=_relation("contracts", dialect),
        path="snapshots/contracts.yml",
        entities=(Entity("plane", (_column("tailnum", text, dialect),)),),
        features=(Feature("lessor", parse_type(text, dialect)),),
        event_timestamp=_column("dbt_valid_from", zoned, dialect),
        valid_until=_column("dbt_valid_to", zoned, dialect),
        no_end="cast('9999-12-31' as date)",
        is_deleted=_column("dbt_is_deleted", text, dialect),
        available_after=timedelta(hours=6),
    )


def weather(dialect: str) -> FeatureView:
    """Return a view of features without an entity, one row a day."""
    return FeatureView(
        name="weather_features",
        unique_id="model.shop.weather_features",
        relation=_relation("weather_features", dialect),
        path="models/weather_features.yml",
        entities=(),
        features=(Feature("wind", parse_type(DOUBLE.get(dialect, "double precision"), dialect)),),
        event_timestamp=_column("date", "date", dialect),
    )


def defaulted(dialect: str) -> FeatureView:
    """Return a view whose features, of many types, all have a default."""
    text = TEXT.get(dialect, "text")
    features: dict[str, tuple[str, bool | float | str]] = {
        "seats": ("int", 0),
        "delay": (DOUBLE.get(dialect, "double precision"), 0.1),
        "price": ("Nullable(Decimal(9, 2))" if dialect == "clickhouse" else "decimal(9,2)", 9.5),
        "is_late": ("boolean", False),
        "model": (text, "it's unknown"),
        "built": ("date", "1970-01-02"),
        "seen": (NAIVE.get(dialect, "timestamp"), "2024-03-01T12:00"),
        "landed": (ZONED.get(dialect, "timestamptz"), "2024-03-01T12:00+02:00"),
    }
    return replace(
        weather(dialect),
        features=tuple(
            Feature(name, parse_type(spelling, dialect), default=default)
            for name, (spelling, default) in features.items()
        ),
    )


def _defaults(dialect: str) -> str:
    view = defaulted(dialect)
    instant = parse_type(ZONED.get(dialect, "timestamptz"), dialect)
    spine = Spine("flights", False, {"at": instant}, "at")
    members = [ServiceMember(view.name, view.feature_names)]
    return point_in_time(make_plan(dialect, spine, members, {view.name: view}))


def _on_demand(dialect: str) -> str:
    view = planes(dialect)
    types = {
        "tailnum": TEXT.get(dialect, "text"),
        "carrier": TEXT.get(dialect, "text"),
        "at": NAIVE.get(dialect, "timestamp"),
        "due_at": NAIVE.get(dialect, "timestamp"),
        "left_at": ZONED.get(dialect, "timestamptz"),
    }
    columns = {name: parse_type(spelling, dialect) for name, spelling in types.items()}
    members = (ServiceMember(view.name, ("seats", "name")),)
    service = FeatureService(
        "delays",
        "exposure.shop.delays",
        "models/exposures.yml",
        members,
        request=tuple(
            RequestField(name, DataType(Kind.TIMESTAMP)) for name in ("left_at", "due_at")
        ),
        on_demand=(
            OnDemandFeature("is_odd", "is_late or name = 'N1'", ("is_late", "name")),
            OnDemandFeature("is_late", "left_at > due_at", ("left_at", "due_at")),
        ),
    )
    plan = make_plan(dialect, Spine("flights", False, columns, "at"), members, {view.name: view})
    return point_in_time(with_on_demand(plan, service))


def _relation(name: str, dialect: str) -> str:
    if dialect == "snowflake":
        return f"SHOP.MARTS.{name}"
    quote = QUOTE.get(dialect, '"')
    return ".".join(f"{quote}{part}{quote}" for part in ("shop", "marts", name))


def _valid(dialect: str, strategy: str | None = None) -> str:
    types = {"tailnum": TEXT.get(dialect, "text"), "at": ZONED.get(dialect, "timestamptz")}
    columns = {name: parse_type(spelling, dialect) for name, spelling in types.items()}
    spine = Spine("flights", False, columns, "at")
    members, views = [ServiceMember("contracts", ("lessor",))], {"contracts": contracts(dialect)}
    return point_in_time(make_plan(dialect, spine, members, views), strategy)


def _training(
    dialect: str,
    strategy: str | None = None,
    *,
    as_known: bool = False,
    unique: bool = False,
) -> str:
    views = {"plane_features": planes(dialect), "weather_features": weather(dialect)}
    members = [ServiceMember("plane_features", ("seats", "Order No"))]
    if not as_known:
        members.append(ServiceMember("weather_features", ("wind",), alias="weather"))
    types = {
        "tail": TEXT.get(dialect, "text"),
        "carrier": TEXT.get(dialect, "text"),
        "departed_at": ZONED.get(dialect, "timestamptz"),
    }
    members[0] = replace(members[0], entities={"plane": ("tail",)})
    columns = {name: parse_type(spelling, dialect) for name, spelling in types.items()}
    spine = Spine("flights", False, columns, "departed_at")
    plan = make_plan(dialect, spine, members, views, feature_timestamps=True, as_known=as_known)
    plan = replace(plan, joins=tuple(replace(join, unique=unique) for join in plan.joins))
    return point_in_time(plan, strategy)


CASES: dict[str, Callable[[str], str]] = {
    "training": _training,
    "training_window": lambda dialect: _training(dialect, "window"),
    "training_union": lambda dialect: _training(dialect, "union"),
    "training_interval": lambda dialect: _training(dialect, "interval"),
    "training_lateral": lambda dialect: _training(dialect, "lateral"),
    "unique_grain": lambda dialect: _training(dialect, unique=True),
    "unique_grain_lateral": lambda dialect: _training(dialect, "lateral", unique=True),
    "as_known": lambda dialect: _training(dialect, as_known=True),
    "as_known_window": lambda dialect: _training(dialect, "window", as_known=True),
    "as_known_interval": lambda dialect: _training(dialect, "interval", as_known=True),
    "defaults": _defaults,
    "on_demand": _on_demand,
    "latest_rows": lambda dialect: latest_rows(planes(dialect), dialect, AT),
    "changed_rows": lambda dialect: latest_rows(
        planes(dialect), dialect, AT, EntitySubset(since=SINCE)
    ),
    "added_rows": lambda dialect: latest_rows(
        planes(dialect), dialect, AT, EntitySubset(since=SINCE, written_since=SINCE)
    ),
    "why": lambda dialect: why_query(
        planes(dialect), "seats", {"tailnum": "N1", "carrier": "UA"}, AT, dialect
    ),
    "valid_until": _valid,
    "valid_until_window": lambda dialect: _valid(dialect, "window"),
    "valid_until_lateral": lambda dialect: _valid(dialect, "lateral"),
    "valid_until_latest_rows": lambda dialect: latest_rows(contracts(dialect), dialect, AT),
    "valid_until_why": lambda dialect: why_query(
        contracts(dialect), "lessor", {"tailnum": "N1"}, AT, dialect
    ),
    "overlapping_keys": lambda dialect: overlapping_keys(contracts(dialect), dialect),
}


def _on_request(strategy: str) -> list[str]:
    """Return the dialects that have a strategy and prefer another one."""
    return [d for d in NAMES if strategy in {shape.name for shape in strategies_of(d)[1:]}]


SHAPES = {
    "training_window": _on_request("window"),
    "training_union": _on_request("union"),
    "training_interval": _on_request("interval"),
    "training_lateral": _on_request("lateral"),
    # An expression has its type cast on dialects that no test executes, such as Databricks.
    # Redshift ignores blanks at the end of a text, so its expressions do not compare texts.
    "on_demand": [name for name in NAMES if name not in ("datafusion", "redshift")],
    "unique_grain": ["duckdb", "postgres"],
    "unique_grain_lateral": ["postgres"],
    "as_known_window": ["duckdb"],
    "as_known_interval": ["duckdb", "postgres", "spark"],
    "valid_until_window": _on_request("window"),
    "valid_until_lateral": _on_request("lateral"),
}
STATEMENTS = [(case, dialect) for case in CASES for dialect in SHAPES.get(case, NAMES)]


@pytest.mark.parametrize(("case", "dialect"), STATEMENTS)
def test_the_text_is_the_golden_one(case, dialect):
    """A statement changes only when somebody has read the change."""
    text = CASES[case](dialect) + "\n"

    assert golden_text(case, dialect, text) == text


@pytest.mark.parametrize(("case", "dialect"), STATEMENTS)
def test_the_dialect_reads_it_back(case, dialect):
    """The text parses in its own dialect, names every column, and explains every CTE."""
    text = CASES[case](dialect)
    query = parse_one(text, dialect=grammar(dialect))

    assert [] == list(query.find_all(exp.Star, exp.Command))
    assert text.count("/*") >= len(list(query.find_all(exp.CTE))) + 1
    assert _columns(case) == [name.lower() for name in query.named_selects]


def _columns(case: str) -> list[str]:
    text = CASES[re.sub("_(lateral|union|interval|window)$", "", case)]("duckdb")
    return [name.lower() for name in parse_one(text, dialect="duckdb").named_selects]


def test_nothing_is_left_in_the_folder():
    """Each golden file belongs to a case and a dialect; those of a sync have tests of their own."""
    files = [path for path in GOLDEN.rglob("*.sql") if not path.parent.name.startswith("sync_")]
    found = {(path.parent.name, path.stem) for path in files}

    assert {*STATEMENTS, *((case, "duckdb") for case in REQUESTS)} == found
    assert set() == set(CASES) & set(REQUESTS)


@pytest.mark.parametrize("dialect", NAMES)
def test_only_an_engine_with_asof_gets_one(dialect):
    """The writer of SQL passes an ASOF join to any dialect: none may get one that it lacks."""
    text = _training(dialect)

    assert ("ASOF JOIN" in text) == (dialect in {"clickhouse", "duckdb", "snowflake"})
    assert ("MATCH_CONDITION" in text) == (dialect == "snowflake")
    assert "ASOF" not in _training(dialect, as_known=True)


@pytest.mark.parametrize("case", sorted(set(CASES) - set(SHAPES)))
def test_databricks_gets_what_spark_gets(case):
    """What is proven on Spark is, word for word, what Databricks is given."""
    assert CASES[case]("spark") == CASES[case]("databricks")


@pytest.mark.parametrize("write", CASES.values(), ids=CASES)
def test_an_unknown_dialect_is_refused(write):
    """No statement is written for a dialect without a record."""
    with pytest.raises(UnsupportedDialect, match="mysql"):
        write("mysql")


@pytest.mark.parametrize("dialect", sorted(set(NAMES) - {"postgres"}))
def test_lateral_is_refused_where_it_is_not_known(dialect):
    """The message says why, and names the strategies that the dialect has."""
    with pytest.raises(UnsupportedDialect, match=r"'lateral' is not available on .*\n?.*window"):
        _training(dialect, "lateral")


def test_trino_refuses_what_its_intervals_cannot_say():
    """A ttl in microseconds is refused rather than rounded."""
    view = replace(weather("trino"), ttl=timedelta(microseconds=1))
    spine = Spine("flights", False, {"date": parse_type("date")}, "date")
    plan = make_plan("trino", spine, [ServiceMember(view.name, ("wind",))], {view.name: view})

    with pytest.raises(UnsupportedDialect, match="multiples of 1 millisecond"):
        point_in_time(plan)


@pytest.mark.parametrize("dialect", NAMES)
def test_each_read_of_newest_rows_bounds_the_bare_column(dialect):
    """An engine prunes partitions by a literal of the column's own type, and only by that."""
    some = EntitySubset(since=SINCE)
    query = parse_one(latest_rows(planes(dialect), dialect, AT, some), dialect=grammar(dialect))
    reads = [table.parent_select for table in query.find_all(exp.Table) if table.alias == "history"]

    for read in reads:
        bounds = [
            type(found)
            for found in read.args["where"].find_all(exp.LTE, exp.GTE)
            if isinstance(found.this, exp.Column)
            and not list(found.expression.find_all(exp.Column))
        ]
        assert [exp.GTE, exp.GTE, exp.LTE] == sorted(bounds, key=lambda found: found.__name__)
    assert len(reads) in (1, 2)


@pytest.mark.parametrize("dialect", NAMES)
def test_no_statement_asks_the_session_for_its_zone(dialect):
    """A naive datetime for a moment is in UTC, and no function of the session is called."""
    text = latest_rows(planes(dialect), dialect, datetime(2024, 3, 1, 12))  # noqa: DTZ001

    assert "2024-03-01 10:30:00.000000" in text
    assert text == latest_rows(planes(dialect), dialect, AT)
    assert not {"CURRENT_TIMESTAMP", "NOW", "CURRENT_TIMEZONE"} & set(text.upper().split("("))


def _words_of_sql(dialect: str) -> FeatureView:
    """Return a view whose name and columns are reserved words."""
    return replace(
        weather(dialect),
        name="order",
        entities=(Entity("one", (_column("group", "bigint", dialect),)),),
        features=(Feature("primary", parse_type("int")), Feature("check", parse_type("int"))),
        event_timestamp=_column("to", "date", dialect),
    )


@pytest.mark.parametrize("dialect", NAMES)
def test_reserved_words_are_quoted(dialect):
    """A column or a view may be named `group` or `order`: in quotes it is a name in any place."""
    view = _words_of_sql(dialect)
    columns = {column.name: column.data_type for column in view.columns}
    members = [ServiceMember("order", ("primary", "check"))]
    plan = make_plan(dialect, Spine("spine", False, columns, "to"), members, {"order": view})
    query = parse_one(point_in_time(plan), dialect=grammar(dialect))
    words = {"group", "order", "primary", "check", "to"}
    # Snowflake reserves fewer words.
    words -= {"primary"} if dialect == "snowflake" else set()
    names = [node for node in query.find_all(exp.Identifier) if node.name.lower() in words]

    assert ["group", "to", "primary", "check"] == [name.lower() for name in query.named_selects]
    assert [] == [node.sql() for node in names if not node.quoted]


def test_a_reserved_word_is_in_upper_case_on_snowflake():
    """A name in quotes is not folded, so it is written as Snowflake stores an unquoted one."""
    text = latest_rows(_words_of_sql("snowflake"), "snowflake", AT)

    assert 'history."GROUP"' in text
    assert 'history."TO"' in text
    assert "history.primary" in text


def test_snowflake_folds_names_that_are_no_reserved_words():
    """A word that others reserve stays unquoted, so that Snowflake finds it in upper case."""
    text = latest_rows(weather("snowflake"), "snowflake", AT)

    assert "history.date" in text
    assert '"date"' not in text
    assert '"Order No"' in latest_rows(planes("snowflake"), "snowflake", AT)
