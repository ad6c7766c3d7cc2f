"""The refusal of types that cannot be published: it names the model, the column and the cast."""

from __future__ import annotations

import pytest

from featurestore.errors import UnsupportedOnlineType
from featurestore.registry.unpublishable import (
    declared_types,
    refuse_unpublishable,
    unpublishable_problems,
)
from featurestore.values.type_spellings import parse_type
from tests.support.builders import model, registry

COLUMNS = {
    "tailnum": "varchar",
    "observed_at": "timestamp",
    "score": "numeric",
    "price": "numeric(10, 2)",
    "scores": "numeric[]",
    "extra": "struct(a int)",
}


def views(**own):
    """Return a view of PostgreSQL with columns of odd types."""
    return registry(model(columns=COLUMNS, **own), adapter="postgres").view("plane_features")


def test_the_cast_to_write_is_named():
    """A numeric without digits reaches the sync as doubles, so its own type decides."""
    view = views()
    found = [
        (problem.message, problem.remedy)
        for problem in unpublishable_problems(view, declared_types(view))
    ]

    assert ["'score'", "'scores'", "'extra'"] == [text.split()[1] for text, _ in found]
    assert "column 'score' is decimal without digits, for which the online format" in found[0][0]
    assert "Write `cast(score as numeric(18, 4))` in the model" in found[0][1]
    assert "Cast it to numeric(18, 4) in the model" in found[1][1]
    assert "Cast it to JSON text in the model" in found[2][1]


def test_a_sync_is_refused_with_all_columns():
    """One error names the model, its file, each column and each cast."""
    with pytest.raises(UnsupportedOnlineType) as found:
        refuse_unpublishable(views(), {"score": "double", "the join key k": "double"})

    text = str(found.value)
    named = ("score (decimal without digits), ", "scores (", "extra (", "the join key k (double).")
    for word in ("'plane_features' (", *named, "cast(score as numeric", "to text or an integer"):
        assert word in text


def test_a_view_that_is_not_online_has_no_such_problem():
    """Training keeps the columns as they are."""
    refuse_unpublishable(views(online=False), {})


@pytest.mark.parametrize(
    ("text", "dialect", "digits"),
    [("numeric", "postgres", None), ("decimal", "duckdb", 18), ("numeric(9)", "postgres", 9)],
)
def test_a_decimal_has_digits_where_the_engine_gives_it_some(text, dialect, digits):
    """PostgreSQL's own holds any number."""
    assert digits == parse_type(text, dialect).precision
