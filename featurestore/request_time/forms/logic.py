"""Three-valued logic."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from featurestore.request_time.chosen_rows import computed_where
from featurestore.request_time.families import BOOLEAN, Family
from featurestore.request_time.form import EVERY, Call, Form, MeaningOf, arguments
from featurestore.request_time.operands import Columns, Meaning, Run

__all__ = ["LOGIC_FORMS"]


def _connective(decisive: bool) -> MeaningOf:
    """Return the meaning of AND (False decides) or OR (True decides).

    The right side is computed only for the rows that the left side does not decide.
    """

    def meaning(call: Call) -> Meaning:
        left, right = call.operands

        def column(columns: Columns, count: int) -> list[bool | None]:
            first = left.run(columns, count)
            second = (
                right.run(columns, count)
                if right.is_total
                else computed_where(right, columns, [x is not decisive for x in first])
            )
            return [
                decisive
                if x is decisive or y is decisive
                else None
                if x is None or y is None
                else not decisive
                for x, y in zip(first, second, strict=True)
            ]

        return Meaning(BOOLEAN, column=column)

    return meaning


def _negation(_: Call) -> Meaning:
    return Meaning(BOOLEAN, row=lambda x: not x)


def _is(value: bool | None) -> MeaningOf:
    def meaning(call: Call) -> Meaning:
        run: Run = call.operands[0].run
        return Meaning(
            BOOLEAN, column=lambda columns, count: [x is value for x in run(columns, count)]
        )

    return meaning


def _tested(
    kind: type[exp.Expr], value: bool | None
) -> Callable[[exp.Expr], list[exp.Expr] | None]:
    def read(node: exp.Expr) -> list[exp.Expr] | None:
        right = node.expression
        same = isinstance(right, kind) and (value is None or right.this is value)
        return [node.this] if same else None

    return read


_TWO = (Family.BOOLEAN, Family.BOOLEAN)
_ONE = arguments("this")

LOGIC_FORMS = (
    Form(
        exp.And,
        "a and b",
        _TWO,
        _connective(False),
        "boolean",
        EVERY,
        "`b` is not computed where `a` is false.",
        takes_null=True,
    ),
    Form(
        exp.Or,
        "a or b",
        _TWO,
        _connective(True),
        "boolean",
        EVERY,
        "`b` is not computed where `a` is true.",
        takes_null=True,
    ),
    Form(exp.Not, "not a", _TWO[:1], _negation, "boolean", EVERY, parts=_ONE),
    Form(
        exp.Is,
        "a is null",
        (Family.ANY,),
        _is(None),
        "boolean",
        EVERY,
        "`a is not null` is its negation.",
        parts=_tested(exp.Null, None),
    ),
    Form(exp.Is, "a is true", _TWO[:1], _is(True), "boolean", parts=_tested(exp.Boolean, True)),
    Form(exp.Is, "a is false", _TWO[:1], _is(False), "boolean", parts=_tested(exp.Boolean, False)),
)
