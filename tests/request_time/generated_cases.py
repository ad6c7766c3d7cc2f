"""Expressions made from the table of forms: each form with each of the types that it takes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from featurestore.errors import ExpressionRefused
from featurestore.request_time import RequestExpression, parse_expression
from featurestore.request_time.families import Family, family
from featurestore.request_time.form import Form
from featurestore.request_time.table import FORMS
from featurestore.values.types import DataType
from tests.request_time.edge_values import COLUMNS, TYPES, column_names

__all__ = ["CAREFUL", "Case", "cases_of"]

LITERALS = {
    Family.INTEGER: "7",
    Family.DECIMAL: "2.5",
    Family.TEXT: "'a'",
}
TEMPLATES: dict[str, list[str]] = {
    "a is null": ["{a} is null", "{a} is not null"],
    "a is true": ["{a} is true", "{a} is not true"],
    "a in (b, ...)": ["{a} in ({b}, {c}, null)", "{a} not in ({b}, {a})", "{a} in ({b})"],
    "coalesce(a, b, ...)": ["coalesce({a}, {b})", "coalesce({a}, {b}, {c}, null)"],
    "greatest(a, b, ...)": ["greatest({a}, {b}, {c})"],
    "least(a, b, ...)": ["least({a}, {b}, {c})"],
    "concat(a, b, ...)": ["concat({a}, {b}, 'x')"],
    "nullif(a, b)": ["nullif({a}, {b})"],
    "case when c then a ... else b end": [
        "case when boolean_1 then {a} when boolean_2 then {b} else {c} end",
        "case when boolean_1 then {a} end",
        "case when boolean_1 is null then {a} else {b} end",
        "case when int16_1 <> 0 then int16_2 % int16_1 else 0 end",
    ],
    "case a when b then c ... else d end": [
        "case {a} when {b} then 1 when {c} then 2 else 3 end",
        "case {a} when {b} then {c} end",
    ],
    "if(c, a, b)": ["if(boolean_1, {a}, {b})"],
    "a between b and c": ["{a} between {b} and {c}", "{a} not between {b} and {c}"],
    "round(a, n)": ["round({a})", "round({a}, 1)", "round({a}, 2)", "round({a}, 12)"],
    "a like b": ["{a} like {b}", "{a} like 'a%'", "{a} like '%_b%'", "{a} like 'a\\%b'",
                 "{a} not like {b}", "not {a} like '%b%'", "{a} not like '_'"],
    "a like b escape 'c'": ["{a} like 'a!%b' escape '!'", "{a} like '%!_%' escape '!'",
                            "{a} not like '%!%%' escape '!'"],
    "left(a, n)": ["left({a}, {b})", "left({a}, 2)"],
    "right(a, n)": ["right({a}, {b})", "right({a}, 2)"],
    "substr(a, start)": ["substr({a}, {b})", "substr({a}, 2)"],
    "substr(a, start, length)": ["substr({a}, {b}, {c})", "substring({a} from 2 for 2)"],
    "a + n": ["{a} + {b}", "{a} + 3"],
    "a - n": ["{a} - {b}", "{a} - 3"],
    # There and back: a driver shows a zoned instant in the session's zone, in which it may be in
    # a year that Python does not have.
    "a at time zone 'UTC'": ["{a} at time zone 'UTC' at time zone 'UTC'"],
    "extract(field from a)": [
        f"extract({field} from {{a}})"
        for field in (
            "year", "quarter", "month", "week", "day", "doy", "dow", "isodow", "hour", "minute",
            "second", "epoch",
        )
    ],
    "date_trunc('unit', a)": [
        f"date_trunc('{unit}', {{a}})"
        for unit in ["year", "quarter", "month", "week", "day", "hour", "minute", "second"]
    ],
    **{
        f"a {sign} interval 'n' unit": [
            f"{{a}} {sign} interval '{number}' {unit}"
            for number, unit in (
                (1, "month"), (11, "months"), (1, "year"), (-4, "year"), (3, "day"), (2, "week"),
                (36, "hour"), (90, "minute"), (5, "second"), (1, "quarter"), (23, "hour"),
            )
        ]
        for sign in "+-"
    },
    "cast(a as type)": [
        "date '2020-02-29'",
        *(f"cast({{a}} as {name})"
        for name in (
            "smallint", "int", "bigint", "double precision", "decimal(4, 1)", "decimal(18, 2)",
            "decimal(38, 10)", "text", "boolean", "date", "timestamp",
        ))
    ],
}  # fmt: skip
SPARK_WORDS = {"double precision": "double", "as text": "as string", "timestamp)": "timestamp_ntz)"}

CAREFUL = (
    "lower(",
    "upper(",
    "trim(",
    "substr",
    "left(",
    "right(",
    "cast(string",
    "cast(float64_1 as decimal",
    "interval",
    "date_trunc",
    "date_1 + ",
    "date_1 - ",
)
"""The expressions that may be an error where the warehouse has a value, as their notes say."""


PARTS = {"spark": 7}
"""One in so many combinations of types; Spark takes the longest for an expression."""


@dataclass(frozen=True)
class Case:
    """An expression that the table made."""

    form: Form
    expression: RequestExpression

    @property
    def text(self) -> str:
        """The expression as it is written."""
        return self.expression.text


def cases_of(dialect: str) -> list[Case]:
    """Return the expressions of a dialect, each once."""
    found: dict[str, Case] = {}
    for form in FORMS:
        if dialect in form.dialects:
            for case in _cases(form, dialect):
                found.setdefault(case.text, case)
    return list(found.values())


def _cases(form: Form, dialect: str) -> Iterator[Case]:
    for types in _thinned(form, dialect):
        for text in _texts(form, types, dialect):
            try:
                expression = parse_expression("x", text, COLUMNS, dialect)
            except ExpressionRefused:
                continue
            if any(type(node) is form.node for node in expression.tree.walk()):
                yield Case(form, expression)


def _thinned(form: Form, dialect: str) -> list[tuple[DataType, ...]]:
    """Return the combinations of equal types, and a part of the others: all types are in it."""
    combinations = list(product(*(_types(taken) for taken in _taken(form))))
    part = PARTS.get(dialect, 3)
    return [
        types
        for types in combinations
        if len(set(types)) == 1 or sum(map(TYPES.index, types)) % part == 0
    ] or combinations


def _taken(form: Form) -> tuple[Family, ...]:
    """Return the families of the operands; further ones are of the second one's type."""
    return (form.takes + form.takes[-1:])[:2] if form.repeats else form.takes[:2]


def _types(taken: Family) -> list[DataType]:
    numbers = (Family.INTEGER, Family.DECIMAL, Family.FLOAT)
    return [
        found
        for found in TYPES
        if taken in (family(found), Family.ANY)
        or (taken is Family.NUMBER and family(found) in numbers)
    ]


def _texts(form: Form, types: tuple[DataType, ...], dialect: str) -> Iterator[str]:
    padded = (*types, *(types[-1:] * 3))[:3]
    names = [column_names(found)[place] for place, found in enumerate(padded)]
    columns = dict(zip("abc", names, strict=True))
    templates = TEMPLATES.get(form.written) or [_template(form.written)]
    for template in templates:
        text = template.format(**columns)
        if dialect == "spark":
            for word, own in SPARK_WORDS.items():
                text = text.replace(word, own)
        yield text
        literal = LITERALS.get(family(types[-1]))
        if form.written not in TEMPLATES and len(types) > 1 and literal:
            yield template.format(**{**columns, "b": literal})


def _template(written: str) -> str:
    words = written.replace("(", "( ").replace(")", " )").replace(",", " ,").replace("-a", "- a")
    return " ".join(f"{{{word}}}" if word in "abc" else word for word in words.split())
