"""The spellings of types, and which keys may meet."""

from __future__ import annotations

import pytest

from featurestore.values.type_spellings import UnknownType, parse_type
from featurestore.values.types import DataType, Kind


@pytest.mark.parametrize(
    ("text", "dialect", "expected"),
    [
        ("VARCHAR", "duckdb", "string"),
        ("character  varying(20)", "duckdb", "string"),
        ("BIGINT", "duckdb", "int64"),
        ("int", "bigquery", "int64"),
        ("UTINYINT", "duckdb", "uint8"),
        ("int8", "duckdb", "int64"),
        ("Int8", "clickhouse", "int8"),
        ("Nullable(String)", "clickhouse", "string"),
        ("LowCardinality(Nullable(String))", "clickhouse", "string"),
        ("float", "duckdb", "float32"),
        ("float", "postgres", "float64"),
        ("real", "snowflake", "float64"),
        ("double precision", "postgres", "float64"),
        ("number", "snowflake", "decimal(38,0)"),
        ("integer", "snowflake", "decimal(38,0)"),
        ("decimal", "duckdb", "decimal(18,3)"),
        ("numeric(10)", "postgres", "decimal(10,0)"),
        ("decimal( 10 , 2 )", "duckdb", "decimal(10,2)"),
        ("timestamp", "duckdb", "timestamp"),
        ("timestamp(6)", "duckdb", "timestamp"),
        ("timestamp(6) with time zone", "postgres", "timestamptz"),
        ("TIMESTAMP WITH TIME ZONE", "duckdb", "timestamptz"),
        ("timestamp", "bigquery", "timestamptz"),
        ("timestamp", "spark", "timestamptz"),
        ("timestamp_ntz", "databricks", "timestamp"),
        ("datetime", "bigquery", "timestamp"),
        ("TIMESTAMP_NS", "duckdb", "timestamp_ns"),
        ("bigint[]", "duckdb", "array<int64>"),
        ("double[3]", "duckdb", "float64[3]"),
        ("double precision[3]", "postgres", "array<float64>"),
        ("FLOAT[2][3]", "duckdb", "float32[2][3]"),
        ("UHUGEINT", "duckdb", "uint128"),
        ("VARIANT", "duckdb", "VARIANT"),
        ("TIMESTAMP_S", "duckdb", "timestamp"),
        ("array<string>", "bigquery", "array<string>"),
        ("Array(Float64)", "clickhouse", "array<float64>"),
        ("varchar[][]", "duckdb", "array<array<string>>"),
        ("ENUM('a', 'b')", "duckdb", "string"),
        ("STRUCT(a INTEGER)", "duckdb", "STRUCT(a INTEGER)"),
        ("MAP(VARCHAR, INTEGER)", "duckdb", "MAP(VARCHAR, INTEGER)"),
        ('"NULL"', "duckdb", "null"),
    ],
)
def test_spellings(text, dialect, expected):
    """A type is read as the dialect means it."""
    assert expected == str(parse_type(text, dialect))


@pytest.mark.parametrize("text", ["", "dooble", "varchar2000", "int eger", "a[b", "bigint]"])
def test_what_is_no_type(text):
    """Nothing is guessed."""
    with pytest.raises(UnknownType):
        parse_type(text)


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ("integer", "ubigint", True),
        ("bigint", "hugeint", True),
        ("ubigint", "hugeint", True),
        ("bigint", "uhugeint", True),
        ("uhugeint", "hugeint", False),
        ("timestamp", "timestamptz", True),
        ("decimal(10,2)", "decimal(4,1)", True),
        ("varchar", "null", True),
        ("varchar", "bigint", False),
        ("bigint", "double", False),
        ("bigint", "decimal(10,0)", True),
        ("decimal(10,2)", "double", False),
        ("date", "timestamp", False),
        ("uuid", "varchar", False),
    ],
)
def test_keys_are_compared_within_a_family(left, right, expected):
    """Widths may differ, kinds may not; integers meet decimals, and NULLs alone meet anything."""
    assert expected == parse_type(left).comparable(parse_type(right))
    assert expected == parse_type(right).comparable(parse_type(left))


def test_equal_types_are_equal_values():
    """A type is a value: the same type spelled differently is equal and hashes alike."""
    assert {parse_type("text"), parse_type("varchar(9)")} == {DataType(Kind.STRING)}
    assert parse_type("decimal(10,2)") != parse_type("decimal(10,3)")


@pytest.mark.parametrize("text", ["timestamp", "timestamptz", "date", "null"])
def test_instants(text):
    """Timestamps and dates, and a column of NULLs alone, can be times."""
    assert parse_type(text).is_instant


@pytest.mark.parametrize("text", ["time", "varchar", "bigint"])
def test_no_instants(text):
    """Text and numbers are not times, even if a value looks like a time."""
    assert not parse_type(text).is_instant
