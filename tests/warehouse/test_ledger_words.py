"""The words of an engine for the ledger: how values compare, without a connection."""

from __future__ import annotations

import pytest

from featurestore.values.type_spellings import parse_type
from featurestore.warehouse.duckdb import DuckDBWarehouse
from featurestore.warehouse.postgres import PostgresWarehouse


@pytest.mark.parametrize(
    ("spelled", "postgres", "duckdb"),
    [
        ("BIGINT", ("x",), ("x",)),
        ("VARCHAR", ('x COLLATE "C"',), ("x COLLATE C",)),
        ("VARCHAR[]", ('x COLLATE "C"',), ("x",)),
        ("DOUBLE", ("x", "CASE WHEN x = 0 THEN float8send(x) END"), ("x", "signbit(x)")),
        ("REAL", ("x", "CASE WHEN x = 0 THEN float4send(x) END"), ("x", "signbit(x)")),
        ("REAL[]", ("x", "array_send(x)"), ("x", "[hash(e1, signbit(e1)) FOR e1 IN x]", "len(x)")),
    ],
)
def test_values_are_compared_by_more_than_their_equality(spelled, postgres, duckdb):
    """0.0 equals -0.0, and a collation may make different texts equal."""
    kind = parse_type(spelled)

    assert postgres == PostgresWarehouse.compared_as(None, "x", kind)
    assert duckdb == DuckDBWarehouse.compared_as(None, "x", kind)


def test_a_value_of_unknown_type_is_compared_as_it_is():
    """The end of validity is computed, so no catalog knows its type."""
    assert ("x",) == PostgresWarehouse.compared_as(None, "x", None)
    assert ("x",) == DuckDBWarehouse.compared_as(None, "x", None)
