"""Different values have different hashes, of every type that can be published, and of more."""

from __future__ import annotations

from itertools import combinations

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from featurestore.values.type_spellings import parse_type
from featurestore.warehouse.duckdb import DuckDBWarehouse
from featurestore.warehouse.duckdb_hash import hashed_as
from tests.support.examples import examples

INTEGERS = {
    name: [str(number) for number in (0, 1, 2**bits - 1, *((-1, -(2**bits)) if signed else ()))]
    for name, bits, signed in (
        ("TINYINT", 7, True),
        ("SMALLINT", 15, True),
        ("INTEGER", 31, True),
        ("BIGINT", 63, True),
        ("UTINYINT", 8, False),
        ("USMALLINT", 16, False),
        ("UINTEGER", 32, False),
        ("UBIGINT", 64, False),
    )
}
WIDE = [0, -1, 1, 2, 2**64, -(2**64), 2**64 + 1, 2**65 + 2, 2**64 - 1, 2**63, 10**36]
FLOATS = ["'0.0'", "'-0.0'", "1", "'nan'", "'infinity'", "'-infinity'", "1.5", "1e-30"]
LISTS = ["[]", "[NULL]", "[0]", "[0, 0]", "[0, 1]", "[1, 0]", "[NULL, 0]", "[0, NULL]", "[1]"]
TEXTS = ["''", "'a'", "'b'", "'NULL'", "'a, b'", "'" + "a" * 64 + "'", "'" + "a" * 63 + "b'"]
TEXT = st.sampled_from(["", "a", "a, b", "'", "[", "NULL"])
UUIDS = ["11111111-1111-1111-2222-222222222222", "a2222222-2222-2222-9111-111111111111"]
CLOCKS = ["'2024-01-01'", "'2024-01-01 00:00:01'", "'1970-01-01'", "'1969-12-31 23:59:59'"]

NEIGHBOURS: dict[str, list[str]] = {
    "BOOLEAN": ["true", "false"],
    **INTEGERS,
    "HUGEINT": [str(number) for number in WIDE],
    "UHUGEINT": [str(number) for number in WIDE if number >= 0],
    "DECIMAL(4,2)": ["0", "-0.01", "0.01", "99.99"],
    "DECIMAL(18,2)": ["0", "-0.01", "0.01", "1", "42949672.96"],
    "DECIMAL(19,2)": ["0", "-0.01", "0.01", "1", "42949672.96"],
    "DECIMAL(38,2)": ["0", "-0.01", *(f"{n // 100}.{n % 100:02}" for n in WIDE[2:] if n > 0)],
    "DECIMAL(38,0)": [str(number) for number in WIDE],
    "FLOAT": FLOATS,
    "DOUBLE": FLOATS,
    "VARCHAR": TEXTS,
    "JSON": ["'{}'", "'[]'", "'null'", "'0'"],
    "BLOB": ["''", r"'\x00'", r"'\x00\x00'", r"'\x01'", r"'\x00\x01'"],
    "UUID": [f"'{text}'" for text in UUIDS],
    "DATE": ["'1970-01-01'", "'1969-12-31'", "'1970-01-02'"],
    "TIME": ["'00:00:00'", "'00:00:00.000001'", "'23:59:59.999999'"],
    "TIMESTAMP": CLOCKS,
    "TIMESTAMPTZ": CLOCKS,
    "TIMESTAMP_S": CLOCKS,
    "TIMESTAMP_MS": CLOCKS,
    "TIMESTAMP_NS": [*CLOCKS, "'1970-01-01 00:00:00.000000001'"],
    "ENUM('low', 'high')": ["'low'", "'high'"],
    "BIGINT[]": LISTS,
    "HUGEINT[]": [*LISTS, "[-1]", "[18446744073709551616]"],
    "DECIMAL(38,2)[]": [*LISTS, "[-0.01]"],
    "DOUBLE[]": [*LISTS, "['-0']", "['-0', '0']", "['0', '-0']"],
    "FLOAT[2]": ["['0', '0']", "['-0', '0']", "['0', '-0']", "[NULL, 0]", "[0, NULL]", "[1, 0]"],
    "DOUBLE[][]": ["[]", "[NULL]", "[[]]", "[[], []]", "[[0]]", "[['-0']]", "[[0], []]"],
    "VARCHAR[]": ["[]", "['']", "['', '']", "['a', 'b']", "['a, b']", "[NULL]", "['NULL']"],
    "ENUM('low', 'high')[]": ["[]", "['low']", "['low', 'low']", "['high']", "[NULL]"],
    "UUID[]": ["[]", *(f"['{text}']" for text in UUIDS)],
    "INTERVAL": ["'1 month'", "'30 days'", "'1 day'", "'24 hours'"],
    "STRUCT(x DECIMAL(38,2), y VARCHAR)": ["{'x': 0, 'y': ''}", "{'x': -0.01, 'y': ''}"],
}
"""Values of each type that are different, and whose bytes or numbers are close to each other."""


@pytest.fixture(scope="module")
def warehouse():
    """Return an empty DuckDB in memory."""
    with DuckDBWarehouse(duckdb.connect()) as opened:
        yield opened


def hashes(warehouse, kind, values):
    """Return the hash of each value, as a feature beside a key of one number."""
    expressions = [f"CAST({value} AS {kind})" for value in values]
    found = warehouse.columns(f"SELECT {expressions[0]} AS x", is_query=True)["x"]
    rows = " UNION ALL ".join(
        f"SELECT {n} AS n, {value} AS x" for n, value in enumerate(expressions)
    )
    arguments = ", ".join(hashed_as("x", found))
    read = warehouse.stream(f"SELECT hash({arguments}) AS h FROM ({rows}) ORDER BY n").read_all()
    return read["h"].to_pylist()


@pytest.mark.parametrize("kind", NEIGHBOURS)
def test_neighbours_have_different_hashes(warehouse, kind):
    """NULL is the neighbour of every value."""
    values = ["NULL", *NEIGHBOURS[kind]]

    found = hashes(warehouse, kind, values)

    pairs = combinations(zip(values, found, strict=True), 2)
    assert [] == [(one, other) for (one, mine), (other, theirs) in pairs if mine == theirs]


@given(st.sets(st.integers(-(2**126) + 1, 2**126 - 1), min_size=2, max_size=2))
@examples(100)
def test_any_two_wide_integers_have_different_hashes(warehouse, numbers):
    """Whichever halves of 128 bits two numbers share."""
    assert len(set(hashes(warehouse, "HUGEINT", numbers))) == 2


@given(st.integers(-(2**62), 2**62), st.integers(0, 2**64 - 1))
@examples(100)
def test_swapped_halves_have_different_hashes(warehouse, upper, lower):
    """A number and the one with its halves exchanged, where DuckDB's own hash is the same."""
    numbers = {upper * 2**64 + lower, (upper % 2**64) + 2**64 * (lower % 2**62)}
    assert len(set(hashes(warehouse, "HUGEINT", numbers))) == len(numbers)


@given(st.sets(st.lists(st.none() | TEXT).map(tuple), min_size=2))
@examples(50)
def test_any_lists_of_texts_have_different_hashes(warehouse, lists):
    """Commas, quotes and brackets inside of texts are not those between them."""
    values = ["[" + ", ".join(map(literal, each)) + "]" for each in lists]
    assert len(set(hashes(warehouse, "VARCHAR[]", values))) == len(values)


def literal(text):
    """Return a text as it is written in a statement."""
    return "NULL" if text is None else "'" + text.replace("'", "''") + "'"


def test_an_enumeration_is_hashed_by_its_member(warehouse):
    """The place of the member in the list of members makes no difference."""
    (then,) = hashes(warehouse, "ENUM('low', 'high')", ["'high'"])
    (now,) = hashes(warehouse, "ENUM('high', 'low')", ["'high'"])
    (other,) = hashes(warehouse, "ENUM('low', 'medium')", ["'medium'"])

    assert then == now
    assert then != other


def test_an_unknown_type_is_hashed_as_text():
    """Text differs where the values do."""
    assert hashed_as("x", None) == ("CAST(x AS VARCHAR)",)
    assert hashed_as("x", parse_type("STRUCT(a INTEGER)")) == ("CAST(x AS VARCHAR)",)
