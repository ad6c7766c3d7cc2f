"""CASE and IF: only the branch that is taken is computed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlglot import exp

from featurestore.request_time.chosen_rows import computed_where
from featurestore.request_time.common_types import common_type, compared_type, converted
from featurestore.request_time.families import BOOLEAN, Family, family
from featurestore.request_time.form import (
    EVERY,
    EXECUTED,
    ON_DUCKDB,
    ON_SPARK,
    STANDARD,
    Call,
    Form,
)
from featurestore.request_time.operands import Columns, Meaning, Operand, Run
from featurestore.request_time.ordering import comparison

__all__ = ["CASE_FORMS"]


def _searched(node: exp.Expr) -> list[exp.Expr] | None:
    """Read `case when c then x ... else y end`: conditions and results in turns, then the last."""
    return None if node.this else _branches(node)


def _simple(node: exp.Expr) -> list[exp.Expr] | None:
    """Read `case a when b then x ... else y end`: the value in front of the others."""
    branches = _branches(node)
    return [node.this, *branches] if node.this and branches else None


def _branches(node: exp.Expr) -> list[exp.Expr]:
    pairs = [part for branch in node.args["ifs"] for part in (branch.this, branch.args["true"])]
    return [*pairs, node.args.get("default") or exp.null()]


def _if(node: exp.Expr) -> list[exp.Expr] | None:
    return [node.this, node.args["true"], node.args.get("false") or exp.null()]


def _case(call: Call) -> Meaning | None:
    *branches, default = call.operands
    conditions, results = branches[::2], branches[1::2]
    if any(family(c.data_type) not in (Family.BOOLEAN, Family.NULL) for c in conditions):
        return None
    return _chosen(call, conditions, [*results, default])


def _simple_case(call: Call) -> Meaning | None:
    tested, *branches, default = call.operands
    compared = compared_type([tested, *branches[::2]], call.dialect)
    if compared is None or tested.is_null:
        return None
    equal = comparison("=", compared, call.dialect)
    value = converted(tested, compared, call.dialect)
    conditions = [
        Meaning(BOOLEAN, row=equal, is_total=call.dialect in EXECUTED).of(
            [value, converted(one, compared, call.dialect)]
        )
        for one in branches[::2]
    ]
    return _chosen(call, conditions, [*branches[1::2], default])


def _chosen(
    call: Call, conditions: Sequence[Operand], results: Sequence[Operand]
) -> Meaning | None:
    found = common_type(results, call.dialect)
    if found is None:
        return None
    values = [converted(result, found, call.dialect) for result in results]
    is_simple = len(conditions) == 1 and all(part.is_total for part in values)
    run = _of_two(conditions[0], *values) if is_simple else _of_many(conditions, values)
    return Meaning(found, column=run)


def _of_two(condition: Operand, value: Operand, default: Operand) -> Run:
    """Return the column of one condition whose results cannot fail: both may be computed."""

    def column(columns: Columns, count: int) -> list[Any]:
        return [
            x if test else y
            for test, x, y in zip(
                condition.run(columns, count),
                value.run(columns, count),
                default.run(columns, count),
                strict=True,
            )
        ]

    return column


def _of_many(conditions: Sequence[Operand], values: Sequence[Operand]) -> Run:
    *results, default = values

    def column(columns: Columns, count: int) -> list[Any]:
        open_rows = [True] * count
        answer: list[Any] = [None] * count
        for condition, result in zip(conditions, results, strict=True):
            taken = [test is True for test in computed_where(condition, columns, open_rows)]
            _fill(answer, result, columns, taken)
            open_rows = [
                is_open and not is_taken for is_open, is_taken in zip(open_rows, taken, strict=True)
            ]
        _fill(answer, default, columns, open_rows)
        return answer

    return column


def _fill(answer: list[Any], result: Operand, columns: Columns, taken: Sequence[bool]) -> None:
    for place, value in enumerate(computed_where(result, columns, taken)):
        if taken[place]:
            answer[place] = value


_NOTE = "Only the branch that is taken is computed, so an error in another one does not count."
_ANY = (Family.ANY,)

CASE_FORMS = (
    Form(
        exp.Case,
        "case when c then a ... else b end",
        _ANY,
        _case,
        "the common type",
        EVERY,
        _NOTE,
        _searched,
        repeats=True,
        takes_null=True,
    ),
    Form(
        exp.Case,
        "case a when b then c ... else d end",
        _ANY,
        _simple_case,
        "the common type",
        STANDARD,
        _NOTE,
        _simple,
        repeats=True,
        takes_null=True,
    ),
    Form(
        exp.If,
        "if(c, a, b)",
        _ANY,
        _case,
        "the common type",
        (ON_DUCKDB, ON_SPARK),
        _NOTE,
        _if,
        repeats=True,
        takes_null=True,
    ),
)
