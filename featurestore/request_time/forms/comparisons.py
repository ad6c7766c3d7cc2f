"""Comparisons of two values."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from sqlglot import exp

from featurestore.request_time.common_types import (
    COMPARED_PAIRS,
    NUMBERS,
    compared_type,
    converted,
)
from featurestore.request_time.families import BOOLEAN, Family
from featurestore.request_time.form import (
    EVERY,
    EXECUTED,
    ON_DUCKDB,
    ON_SPARK,
    Call,
    Form,
    MeaningOf,
)
from featurestore.request_time.operands import Columns, Meaning
from featurestore.request_time.ordering import comparison

__all__ = ["COMPARISON_FORMS"]


def _compared(sign: str) -> MeaningOf:
    def meaning(call: Call) -> Meaning | None:
        found = compared_type(call.operands, call.dialect)
        if found is None:
            return None
        pair = [converted(operand, found, call.dialect) for operand in call.operands]
        row = comparison(sign, found, call.dialect)
        return Meaning(BOOLEAN, row=row, operands=pair, is_total=call.dialect in EXECUTED)

    return meaning


def _distinct(is_distinct: bool) -> MeaningOf:
    def meaning(call: Call) -> Meaning | None:
        found = compared_type(call.operands, call.dialect)
        if found is None:
            return None
        left, right = (converted(operand, found, call.dialect).run for operand in call.operands)
        equal = comparison("=", found, call.dialect)

        def column(columns: Columns, count: int) -> list[bool]:
            return [
                is_distinct is not (x is y if x is None or y is None else equal(x, y))
                for x, y in zip(left(columns, count), right(columns, count), strict=True)
            ]

        return Meaning(BOOLEAN, column=column)

    return meaning


_SIGNS: dict[str, type[exp.Expr]] = {
    "=": exp.EQ,
    "<>": exp.NEQ,
    "<": exp.LT,
    "<=": exp.LTE,
    ">": exp.GT,
    ">=": exp.GTE,
}
_NAN = (
    "NaN equals NaN and is greater than every other number. Dialects that do not run in the tests"
    " disagree about NaN: there it is an error."
)
_SORTED = "The order is that of the code points; PostgreSQL's depends on the collation."


def _forms(sign: str, node: type[exp.Expr]) -> Iterator[Form]:
    written, meaning = f"a {sign} b", _compared(sign)

    def form(a: Family, b: Family, dialects: tuple[str, ...] = EVERY, note: str = "") -> Form:
        return Form(node, written, (a, b), meaning, "boolean", dialects, note)

    for one in (Family.DATE, Family.TIMESTAMP, Family.TIMESTAMPTZ):
        yield form(one, one)
    yield form(Family.BOOLEAN, Family.BOOLEAN, EXECUTED, "False is less than true.")
    if sign in ("=", "<>"):
        yield form(Family.TEXT, Family.TEXT)
    else:
        yield form(Family.TEXT, Family.TEXT, (ON_DUCKDB, ON_SPARK), _SORTED)
    for a, b in product(NUMBERS, NUMBERS):
        yield form(a, b, EVERY, _NAN if Family.FLOAT in (a, b) else "")


COMPARISON_FORMS = (
    *(form for sign, node in _SIGNS.items() for form in _forms(sign, node)),
    *(
        Form(
            exp.NullSafeNEQ,
            "a is distinct from b",
            pair,
            _distinct(True),
            "boolean",
            takes_null=True,
        )
        for pair in COMPARED_PAIRS
    ),
    *(
        Form(
            exp.NullSafeEQ,
            "a is not distinct from b",
            pair,
            _distinct(False),
            "boolean",
            takes_null=True,
        )
        for pair in COMPARED_PAIRS
    ),
)
