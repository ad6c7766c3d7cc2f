"""The columns of a UNION in the lint: by position, or by name where the query says so."""

from __future__ import annotations

import pytest
import sqlglot

from featurestore.lint.block_reader import read_blocks
from featurestore.lint.column_trace import table_columns_behind


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select a, b from t union select b, a from u", {"t.a", "u.b"}),
        ("select a, b from t union all select x, a from u", {"t.a", "u.x"}),
        ("select b, a from t except select a, b from u", {"t.a"}),
        ("select a, b from t union all by name select b, a from u", {"t.a", "u.a"}),
        ("select a, * from t union all select b, a from u", {"t.a", "u.b"}),
        ("select * from t union all select b, a from u", {"t.a", "u.a"}),
        ("with c(a, b) as (select b, a from t) select a from c", {"t.b"}),
        (
            "with c(a, b) as (select b, a from t union select a, b from u) select a from c",
            {"t.b", "u.a"},
        ),
    ],
)
def test_a_column_of_a_union_comes_from_its_position(sql, expected):
    """The first branch, or the list of names, says what the columns are called."""
    read = read_blocks(sqlglot.parse_one(sql, dialect="duckdb"), lambda _: frozenset())

    found = table_columns_behind(read.origins("a"))
    assert expected == {f"{column.table}.{column.column}" for column in found}
