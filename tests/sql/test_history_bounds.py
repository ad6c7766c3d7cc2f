"""The literals that bound a history, in the words of each dialect."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlglot import exp

from featurestore.registry.definitions import Column
from featurestore.sql.dialects import RECORDS, grammar, render
from featurestore.sql.expressions import as_name, column, cte, relation
from featurestore.sql.history_bounds import Extent, reach
from featurestore.sql.instants import bound_literal
from featurestore.values.type_spellings import parse_type
from tests.support.builders import view

MOMENT = datetime(2024, 1, 1, 12, tzinfo=UTC)
TEXT = "2024-01-01 12:00:00.000000"
LITERALS = {
    "bigquery": (
        "CAST('2024-01-01' AS DATE)",
        f"CAST('{TEXT}' AS DATETIME)",
        f"CAST('{TEXT}+00:00' AS TIMESTAMP)",
    ),
    "clickhouse": (
        "toDate32('2024-01-01')",
        f"toDateTime64('{TEXT}', 6, 'UTC')",
        f"toDateTime64('{TEXT}', 6, 'UTC')",
    ),
    "datafusion": (
        "CAST('2024-01-01' AS DATE)",
        f"ARROW_CAST('{TEXT}', 'Timestamp(Microsecond, None)')",
        f"""ARROW_CAST('{TEXT}', 'Timestamp(Microsecond, Some("UTC"))')""",
    ),
    "redshift": (
        "CAST('2024-01-01' AS DATE)",
        f"CAST('{TEXT}' AS TIMESTAMP)",
        f"CAST('{TEXT}+00:00' AS TIMESTAMP WITH TIME ZONE)",
    ),
    "snowflake": (
        "CAST('2024-01-01' AS DATE)",
        f"CAST('{TEXT}' AS TIMESTAMPNTZ)",
        f"CAST('{TEXT}+00:00' AS TIMESTAMPTZ)",
    ),
    "trino": (
        "CAST('2024-01-01' AS DATE)",
        f"CAST('{TEXT}' AS TIMESTAMP(6))",
        f"CAST('{TEXT}+00:00' AS TIMESTAMP(6) WITH TIME ZONE)",
    ),
    **dict.fromkeys(
        ("databricks", "spark"),
        (
            "CAST('2024-01-01' AS DATE)",
            f"CAST('{TEXT}' AS TIMESTAMP_NTZ)",
            f"CAST('{TEXT}+00:00' AS TIMESTAMP)",
        ),
    ),
    **dict.fromkeys(
        ("duckdb", "postgres"),
        (
            "CAST('2024-01-01' AS DATE)",
            f"CAST('{TEXT}' AS TIMESTAMP)",
            f"CAST('{TEXT}+00:00' AS TIMESTAMPTZ)",
        ),
    ),
}


def written(data_type, dialect, moment=MOMENT):
    """Return the text of a literal of a type; None if the type may not hold the moment."""
    literal = bound_literal(Column("at", parse_type(data_type)), moment, dialect)
    return literal and literal.sql(grammar(dialect))


@pytest.mark.parametrize("dialect", RECORDS)
def test_each_type_has_literals_of_its_own(dialect):
    """A date, a timestamp, and a timestamp with a zone, whose text has its offset."""
    types = ("date", "timestamp", "timestamptz")

    assert LITERALS[dialect] == tuple(written(each, dialect) for each in types)


@pytest.mark.parametrize(
    ("data_type", "dialect", "year"),
    [
        ("timestamp_ns", "duckdb", 1600),
        ("timestamptz_ns", "duckdb", 2263),
        ("timestamp", "clickhouse", 1899),
        ("date", "clickhouse", 2300),
    ],
)
def test_a_moment_that_a_type_does_not_hold_is_no_bound(data_type, dialect, year):
    """Such a literal would fail, or become another instant."""
    assert written(data_type, dialect, MOMENT.replace(year=year)) is None
    assert written(data_type, dialect) is not None


def test_the_calendar_ends_the_bounds():
    """A bound that would lie before the year 1 is left out."""
    first = datetime.min.replace(tzinfo=UTC)
    declared = view(ttl="1 day", available_after="1 hour")

    assert Extent(None, None) == reach(declared, Extent(first, first))
    assert Extent(None, MOMENT - timedelta(hours=1)) == reach(declared, Extent(first, MOMENT))


def test_clickhouse_reads_a_bounded_history_first():
    """It builds its hash table of the second table; the bounds make a subquery of the first."""
    history = exp.select(column("k")).from_(relation('"shop"."planes"', "clickhouse", "history"))
    same = column("k", "newest").eq(column("k", "history"))
    join = exp.Join(this=history.subquery(as_name("history")), on=same)
    query = exp.select("1").from_(cte("planes_newest", "newest"))
    query.append("joins", join)

    assert "AS history JOIN planes_newest AS newest" in " ".join(
        render(query, "clickhouse").split()
    )
