"""Arithmetic of doubles, and of integers and decimals beside a double."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable

from sqlglot import exp

from featurestore.request_time.common_types import NUMBERS, converted
from featurestore.request_time.failures import Refusal
from featurestore.request_time.families import FLOAT64, Family
from featurestore.request_time.form import (
    EXECUTED,
    ON_DUCKDB,
    ON_POSTGRES,
    ON_SPARK,
    VENDORS,
    Call,
    Form,
    MeaningOf,
    arguments,
)
from featurestore.request_time.operands import Meaning

__all__ = ["FLOAT_FORMS", "as_doubles"]

Compute = Callable[[float, float], float]
_INFINITY = math.inf


def as_doubles(row: Callable[..., float | None], *, is_total: bool = True) -> MeaningOf:
    """Return the meaning of a function of doubles: other numbers are converted first."""

    def meaning(call: Call) -> Meaning:
        operands = [converted(operand, FLOAT64, call.dialect) for operand in call.operands]
        return Meaning(FLOAT64, row=row, operands=operands, is_total=is_total)

    return meaning


def _guarded(compute: Compute, *, may_vanish: bool) -> Compute:
    """Return the computation with PostgreSQL's errors: overflow, and a product that becomes 0."""

    def of_two(x: float, y: float) -> float:
        result = compute(x, y)
        if result in (_INFINITY, -_INFINITY) and math.isfinite(x) and math.isfinite(y):
            raise Refusal(f"The result of {x!r} and {y!r} is out of range for a double.")
        if may_vanish and result == 0 and x != 0 and math.isfinite(y):
            raise Refusal(f"The result of {x!r} and {y!r} is too small for a double.")
        return result

    return of_two


def _multiply(x: float, y: float) -> float:
    return x * y


def _product(x: float, y: float) -> float:
    result = x * y
    if result in (_INFINITY, -_INFINITY) and math.isfinite(x) and math.isfinite(y):
        raise Refusal(f"{x!r} * {y!r} is out of range for a double.")
    if result == 0 and x != 0 and y != 0:
        raise Refusal(f"{x!r} * {y!r} is too small for a double.")
    return result


def _divide(x: float, y: float) -> float:
    """Divide as IEEE 754 does: by zero the result is an infinity or NaN."""
    if y != 0:
        return x / y
    if x == 0 or x != x:  # noqa: PLR0124, NaN differs from itself
        return math.nan
    return math.copysign(_INFINITY, x) * math.copysign(1, y)


def _quotient(x: float, y: float) -> float:
    if y == 0:
        raise Refusal(f"{x!r} is divided by zero.")
    return x / y


def _postgres_quotient(x: float, y: float) -> float:
    if y == 0 and x == x:  # noqa: PLR0124
        raise Refusal(f"{x!r} is divided by zero.")
    return _GUARDED_QUOTIENT(x, y)


def _remainder(x: float, y: float) -> float:
    return math.fmod(x, y) if y and math.isfinite(x) else math.nan


def _spark_remainder(x: float, y: float) -> float:
    if y == 0:
        raise Refusal(f"{x!r} is divided by zero.")
    return _remainder(x, y)


_GUARDED_QUOTIENT = _guarded(_divide, may_vanish=True)
_WITH_DOUBLE = tuple((a, b) for a in NUMBERS for b in NUMBERS if Family.FLOAT in (a, b))
_NO_DOUBLE = tuple((a, b) for a in NUMBERS[:2] for b in NUMBERS[:2])
_TWO_INTEGERS = ((Family.INTEGER, Family.INTEGER),)
_IEEE = "The result can be an infinity or NaN, as IEEE 754 says."
_GUARD = "A result out of the range of a double is an error, also one that is too near to zero."
_ZERO = "A division by zero is an error."
_NAN = "NaN for zero."
_INF = "A division by zero is an infinity or NaN."


def _rows(
    node: type[exp.Expr],
    written: str,
    compute: Compute,
    guarded: Compute,
) -> list[Form]:
    """Return the forms of an operator: plain on DuckDB and Spark, guarded on PostgreSQL."""
    plain, careful = as_doubles(compute), as_doubles(guarded, is_total=False)
    return [
        form
        for pair in _WITH_DOUBLE
        for form in (
            Form(node, written, pair, plain, "double", (ON_DUCKDB, ON_SPARK), _IEEE),
            Form(
                node,
                written,
                pair,
                careful,
                "double",
                (ON_POSTGRES,) if Family.DECIMAL in pair else (ON_POSTGRES, *VENDORS),
                _GUARD,
            ),
        )
    ]


def _by_nullif(node: exp.Expr) -> list[exp.Expr] | None:
    """Read `a / nullif(b, 0)`: a divisor that is never zero."""
    divisor = node.expression
    if not isinstance(divisor, exp.Nullif) or divisor.expression.sql() not in ("0", "0.0"):
        return None
    return [node.this, divisor]


FLOAT_FORMS = (
    *_rows(exp.Add, "a + b", operator.add, _guarded(operator.add, may_vanish=False)),
    *_rows(exp.Sub, "a - b", operator.sub, _guarded(operator.sub, may_vanish=False)),
    *_rows(exp.Mul, "a * b", _multiply, _product),
    *(
        Form(exp.Div, "a / b", pair, as_doubles(_divide), "double", (ON_DUCKDB,), _INF)
        for pair in (*_WITH_DOUBLE, *_NO_DOUBLE)
    ),
    *(
        Form(
            exp.Div,
            "a / b",
            pair,
            as_doubles(_quotient, is_total=False),
            "double",
            (ON_SPARK,),
            _ZERO,
        )
        for pair in (*_WITH_DOUBLE, *_TWO_INTEGERS)
    ),
    *(
        Form(
            exp.Div,
            "a / b",
            pair,
            as_doubles(_postgres_quotient, is_total=False),
            "double",
            (ON_POSTGRES,),
            f"{_ZERO} {_GUARD}",
        )
        for pair in _WITH_DOUBLE
    ),
    *(
        Form(
            exp.Div,
            "a / nullif(b, 0)",
            pair,
            as_doubles(_postgres_quotient, is_total=False),
            "double",
            VENDORS,
            _GUARD,
            _by_nullif,
        )
        for pair in _WITH_DOUBLE
        if Family.DECIMAL not in pair
    ),
    *(
        Form(
            exp.Mod, "a % b", pair, as_doubles(_remainder), "double", (ON_DUCKDB,), "NaN for zero."
        )
        for pair in _WITH_DOUBLE
    ),
    *(
        Form(
            exp.Mod,
            "a % b",
            pair,
            as_doubles(_spark_remainder, is_total=False),
            "double",
            (ON_SPARK,),
            _ZERO,
        )
        for pair in _WITH_DOUBLE
    ),
    Form(
        exp.Neg,
        "-a",
        (Family.FLOAT,),
        as_doubles(operator.neg),
        "double",
        EXECUTED,
        parts=arguments("this"),
    ),
    Form(
        exp.Abs,
        "abs(a)",
        (Family.FLOAT,),
        as_doubles(abs),
        "double",
        EXECUTED,
        parts=arguments("this"),
    ),
)
