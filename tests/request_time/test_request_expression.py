"""Parsing, compiling and inlining of one expression."""

from __future__ import annotations

import math

import pytest
from sqlglot import exp

from featurestore.request_time import Failed, compile_expression, inlined, parse_expression
from featurestore.values.types import DataType, Kind

TYPES = {
    "delay": DataType(Kind.INT32),
    "Wind": DataType(Kind.FLOAT64),
    "small": DataType(Kind.INT16),
    "tiny": DataType(Kind.UINT8),
    "state": DataType(Kind.STRING, text="enum"),
    "seconds": DataType(Kind.TIMESTAMP, precision=0),
    "price": DataType(Kind.DECIMAL, precision=9, scale=2),
}


def parsed(text, dialect="duckdb"):
    """Return an expression over the types."""
    return parse_expression("feature", text, TYPES, dialect)


def computed(text, dialect="duckdb", **columns):
    """Return the column of an expression."""
    count = len(next(iter(columns.values())))
    return compile_expression(parsed(text, dialect))(columns, count)


def test_names_are_found_in_any_case_unless_they_are_quoted():
    """The inputs have the exact names of the features."""
    assert ("Wind", "delay") == parsed("wind * DELAY").inputs
    assert ("Wind",) == parsed('"Wind" + 1').inputs
    with pytest.raises(Exception, match="Unknown name 'WIND'"):
        parsed('"WIND" + 1')


def test_only_the_row_with_the_error_fails():
    """The other rows of a batch have their values."""
    values = computed("10 // delay", delay=[5, 0, None, 3, 0])

    assert [2, None, 3] == [values[0], values[2], values[3]]
    assert isinstance(values[1], Failed)
    assert "divided by zero" in values[4].reason


def test_a_branch_that_is_not_taken_does_not_fail():
    """CASE, COALESCE, AND and OR compute what they need."""
    assert [0, 5] == computed("case when delay = 0 then 0 else 10 // delay end", delay=[0, 2])
    assert [0, 5] == computed("coalesce(nullif(delay, 2), 10 // delay)", delay=[0, 2])
    assert [False, True] == computed("delay <> 0 and 10 // delay = 5", delay=[0, 2])
    assert [True, True] == computed("delay = 0 or 10 // delay = 5", delay=[0, 2])


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("cast(tiny as integer) + 1", Kind.INT32),
        ("cast(state as text) || 'x'", Kind.STRING),
        ("cast(seconds as timestamp) + interval '1' day", Kind.TIMESTAMP),
    ],
)
def test_a_type_without_forms_is_cast_first(text, kind):
    """Narrow and unsigned integers, enumerations and whole seconds have no other form."""
    assert kind is parsed(text).data_type.kind


def test_an_empty_batch():
    """No rows give no values."""
    assert [] == computed("delay + 1", delay=[])


@pytest.mark.parametrize(
    ("dialect", "value", "kind"),
    [("duckdb", 3.5, Kind.FLOAT64), ("spark", 3.5, Kind.FLOAT64), ("postgres", 3, Kind.INT32)],
)
def test_a_division_of_integers_is_the_warehouse_s(dialect, value, kind):
    """The same text has another meaning on another warehouse."""
    assert [value] == computed("delay / 2", dialect, delay=[7])
    assert kind is parsed("delay / 2", dialect).data_type.kind


def test_a_division_by_zero_is_the_warehouse_s():
    """DuckDB has infinities, the others raise an error."""
    assert [math.inf] == computed("Wind / 0", Wind=[1.0])
    assert isinstance(computed("Wind / 0", "postgres", Wind=[1.0])[0], Failed)
    assert isinstance(computed("Wind / 0", "spark", Wind=[1.0])[0], Failed)


def test_integers_overflow_by_their_width():
    """DuckDB gives a literal the type of the column beside it."""
    assert isinstance(computed("small + 1", small=[32767])[0], Failed)
    assert [32768] == computed("small + 1", "postgres", small=[32767])


def test_inlined_casts_each_input():
    """A spine's column of another type does not change the meaning."""
    columns = {"delay": exp.column("d", "spine"), "Wind": exp.column("wind", "view")}

    text = inlined(parsed("wind > delay -- fast"), columns).sql("duckdb")

    assert "(CAST(view.wind AS DOUBLE) > CAST(spine.d AS INT))" == text


def test_inlined_leaves_the_given_columns_alone():
    """The same column is inlined in many expressions."""
    column = exp.column("d", "spine")

    inlined(parsed("delay + delay"), {"delay": column})

    assert column.parent is None


def test_a_numeric_leaves_postgres_as_a_double():
    """A numeric without digits holds more than any other type: a training set has a double."""
    expression = parsed("price * 2", "postgres")

    assert Kind.FLOAT64 is expression.data_type.kind
    assert "AS DOUBLE PRECISION" in inlined(expression, {"price": exp.column("p")}).sql("postgres")
