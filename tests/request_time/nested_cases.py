"""Nested expressions, made by Hypothesis from the forms that occur in all executed dialects."""

from __future__ import annotations

from functools import cache
from typing import Any

from hypothesis import strategies as st

from featurestore.errors import ExpressionRefused
from featurestore.request_time import parse_expression
from featurestore.request_time.table import FORMS
from tests.request_time.edge_values import COLUMNS
from tests.request_time.generated_cases import SPARK_WORDS, Case

__all__ = ["nested_cases"]

LEAVES = {
    "integer": ["int16_1", "int32_2", "int64_3", "int32_1", "1", "7", "-3"],
    "float": [
        "float64_1", "float64_2", "cast(int32_3 as double precision)",
        "cast(2.5 as double precision)",
    ],
    "decimal": ["decimal_9_3_1", "decimal_4_1_2", "decimal_18_2_3", "2.5", "0.125"],
    "text": ["string_1", "string_2", "'a'", "''", "'%'", "cast(int16_2 as text)"],
    "date": ["date_1", "date_2", "cast(timestamp_1 as date)"],
    "timestamp": ["timestamp_1", "timestamp_2", "cast(date_3 as timestamp)"],
    "boolean": ["boolean_1", "boolean_2", "true", "int16_1 is null", "string_3 like '%a%'"],
}  # fmt: skip
SHAPES = {
    "integer": [
        "({integer} + {integer})", "({integer} - {integer})", "({integer} * {integer})",
        "({integer} % {integer})", "({integer} % nullif({integer}, 0))", "abs({integer})",
        "-({integer})", "length({text})",
    ],
    "float": [
        "({float} + {float})", "({float} * {integer})", "({float} - {decimal})",
        "({float} / nullif({float}, 0))", "({float} / {integer})", "abs({float})", "-({float})",
    ],
    "decimal": [
        "({decimal} + {decimal})", "({decimal} - {integer})", "({decimal} * 3)", "abs({decimal})",
        "round({decimal}, 1)", "floor({decimal})", "-({decimal})",
    ],
    "text": ["({text} || {text})", "concat({text}, {text})", "trim({text})", "left({text}, 2)"],
    "date": [],
    "timestamp": ["({timestamp} + interval '1' month)", "({timestamp} - interval '36' hour)"],
    "boolean": [
        "({boolean} and {boolean})", "({boolean} or {boolean})", "(not {boolean})",
        "({boolean} is null)",
        *(f"({{{one}}} {sign} {{{other}}})"
          for sign in ("=", "<>", "<", ">=", "is distinct from")
          for one, other in (("integer", "float"), ("decimal", "integer"), ("float", "float"),
                             ("date", "date"), ("timestamp", "timestamp"))),
        "({text} = {text})", "({integer} in ({integer}, {integer}, null))",
        "({float} between {float} and {float})", "({text} not in ({text}, 'a'))",
    ],
}  # fmt: skip
EVERY = (
    "case when {boolean} then {own} when {boolean} then {own} else {own} end",
    "case when {boolean} then {own} end",
    "case {integer} when {integer} then {own} else {own} end",
    "coalesce({own}, {own})",
    "nullif({own}, {own})",
)
DEPTH = 3


@cache
def texts(kind: str, depth: int = DEPTH) -> st.SearchStrategy[str]:
    """Return a strategy of expressions of a kind."""
    leaves = st.sampled_from(LEAVES[kind])
    if depth == 0:
        return leaves
    shapes = st.sampled_from([*SHAPES[kind], *EVERY])
    return leaves | shapes.flatmap(lambda shape: filled(shape, kind, depth - 1))


def filled(shape: str, kind: str, depth: int) -> st.SearchStrategy[str]:
    """Return a strategy of a shape with expressions in its places."""
    parts = shape.replace("{own}", f"{{{kind}}}").split("{")
    places = [part.partition("}") for part in parts[1:]]
    inner = st.tuples(*(texts(place, depth) for place, _, _ in places))

    def join(found: tuple[str, ...]) -> str:
        rest = (end for _, _, end in places)
        return parts[0] + "".join(text + end for text, end in zip(found, rest, strict=True))

    return inner.map(join)


def nested_cases(dialect: str, count: int) -> st.SearchStrategy[list[Case]]:
    """Return a strategy of so many expressions that the table has a meaning for."""
    text = st.sampled_from(sorted(LEAVES)).flatmap(texts)
    cases: Any = text.map(lambda text: _case(text, dialect)).filter(bool)
    return st.lists(cases, min_size=count, max_size=count)


def _case(text: str, dialect: str) -> Case | None:
    if dialect == "spark":
        for word, own in SPARK_WORDS.items():
            text = text.replace(word, own)
    try:
        return Case(FORMS[0], parse_expression("x", text, COLUMNS, dialect))
    except ExpressionRefused:
        return None
