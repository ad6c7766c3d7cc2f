"""What is refused, with its reason and the nearest allowed form."""

from __future__ import annotations

import pytest

from featurestore.errors import ExpressionRefused
from featurestore.request_time import parse_expression
from featurestore.values.types import DataType, Kind

TYPES = {
    "a": DataType(Kind.INT32),
    "b": DataType(Kind.FLOAT64),
    "s": DataType(Kind.STRING),
    "t": DataType(Kind.TIMESTAMP),
    "z": DataType(Kind.TIMESTAMPTZ),
    "d": DataType(Kind.DATE),
    "r": DataType(Kind.FLOAT32),
    "m": DataType(Kind.DECIMAL, precision=38, scale=30),
    "tiny": DataType(Kind.INT8),
    "state": DataType(Kind.STRING, text="enum"),
    "tags": DataType(Kind.ARRAY, element=DataType(Kind.STRING)),
}


def refused(text, dialect="duckdb"):
    """Return the message about an expression."""
    with pytest.raises(ExpressionRefused) as caught:
        parse_expression("feature", text, TYPES, dialect)
    assert "'feature'" in caught.value.message
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("a in (select 1)", "subquery"),
        ("(select 1)", "subquery"),
        ("exists (select 1)", "subquery"),
        ("sum(a)", "aggregate"),
        ("sum(a) over ()", "window function"),
        ("row_number() over (order by a)", "window function"),
        ("current_timestamp", "reads the clock"),
        ("now()", "reads the clock"),
        ("random()", "is random"),
        ("regexp_matches(s, 'x')", "regular expression"),
        ("s ~ 'x'", "regular expression"),
        ("my_udf(a)", "User-defined functions"),
        ("s ilike 'x'", "lower(a) like lower(b)"),
        ("a as q", "alias"),
        ("hour(t)", "extract(field from a)"),
        ("interval '1' day", "a + interval '1' day"),
        ("t + interval '1' decade", "a unit from year to second"),
        ("a = null", "a is null"),
        ("null", "cast(null as bigint)"),
        ("t > '2024-01-01'", "timestamp '2024-02-29 10:00:00'"),
        ("d > '2024-01-01'", "date '2024-02-29'"),
        ("d = t", "cast(a as timestamp)"),
        ("extract(hour from z)", "a at time zone 'UTC'"),
        ("z + interval '1' day", "time zone"),
        ("r + 1", "cast(a as double precision)"),
        ("tags = tags", "has one form: a is null"),
        ("m = a", "38 digits"),
        ("case when a then 1 end", "Conditions must be boolean"),
        ("try_cast(s as int)", "TRY_CAST"),
        ("s like 'a!' escape '!'", "a like b escape 'c'"),
        ("round(b, -1)", "round(a, n)"),
        ("x.a", "Write 'a'"),
        ("aa + 1", "Did you mean 'a'?"),
        ("a +", "does not parse"),
        ("a; b", "2 statements"),
        ("", "0 statements"),
        ("(" * 3000 + "a" + ")" * 3000, "nested too deeply"),
        ("tiny + 1", "cast(a as integer)"),
        ("state = 'x'", "cast(a as text)"),
        ("drop table x", "feature"),
        ("a, b", "does not parse"),
        ("100000000000000000000 > a", "int128"),
    ],
)
def test_the_reason_is_named(text, part):
    """Each refusal says why, and what to write instead."""
    assert part in refused(text)


@pytest.mark.parametrize("dialect", ["snowflake", "bigquery", "redshift", "databricks", "trino"])
@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("b / a", "a / nullif(b, 0)"),
        ("round(b, 2)", "not proven on"),
        ("s < 'a'", "Allowed"),
        ("cast(b as int)", "not proven on"),
    ],
)
def test_a_dialect_that_is_not_executed_has_the_agreed_forms_only(dialect, text, part):
    """Where the three engines disagree, nothing is guessed for a fourth."""
    message = refused(text, dialect)

    assert part in message
    assert dialect in message


@pytest.mark.parametrize("dialect", ["snowflake", "bigquery", "redshift", "databricks", "trino"])
@pytest.mark.parametrize(
    "text",
    [
        "extract(hour from t) < 6",
        "b / nullif(a, 0)",
        "b > 2 and a in (1, 2) or d is null",
        "case when coalesce(b, 0) > 1 then s || 'x' else upper(s) end",
    ],
)
def test_a_dialect_that_is_not_executed_has_these(dialect, text):
    """The forms on which all agree."""
    parse_expression("feature", text, TYPES, dialect)


@pytest.mark.parametrize(
    "text", ["s < 'a'", "s >= 'a'", "greatest(s, 'a')", "s between 'a' and 'b'"]
)
def test_postgres_does_not_sort_text(text):
    """The order depends on the collation of the database."""
    assert "no meaning for" in refused(text, "postgres")


@pytest.mark.parametrize(
    "text", ["s = 'a'", "s in ('a', 'b')", "nullif(s, 'a')", "case s when 'a' then 1 end"]
)
def test_redshift_does_not_compare_text(text):
    """It ignores blanks at the end of a text."""
    assert "no meaning for" in refused(text, "redshift")


def test_clickhouse_has_no_null_in_a_list():
    """There, a comparison with NULL in IN is false."""
    assert "not proven on clickhouse" in refused("a in (1, null)", "clickhouse")


@pytest.mark.parametrize(
    "text", ["b between symmetric 2 and 1", "date_trunc('day', t, 'UTC')", "length(s, 'UTF8')"]
)
def test_a_switch_without_a_meaning_is_refused(text):
    """A form with one argument more is another form."""
    refused(text, "postgres")
