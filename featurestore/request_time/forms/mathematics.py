"""Roots, logarithms and powers, always of doubles."""

from __future__ import annotations

import math
from collections.abc import Callable

from sqlglot import exp

from featurestore.request_time.common_types import NUMBERS
from featurestore.request_time.failures import Refusal
from featurestore.request_time.families import Family
from featurestore.request_time.form import ON_DUCKDB, ON_POSTGRES, ON_SPARK, Form, arguments
from featurestore.request_time.forms.floats import as_doubles

__all__ = ["MATHEMATICAL_FORMS"]


def _plain_root(x: float) -> float:
    return math.sqrt(x) if x >= 0 else math.nan


def _strict_root(x: float) -> float:
    if x < 0:
        raise Refusal(f"{x!r} is negative: it has no square root.")
    return math.sqrt(x)


def _plain_logarithm(x: float) -> float:
    if x == 0:
        return -math.inf
    return math.log(x) if x > 0 else math.nan


def _strict_logarithm(x: float) -> float:
    if x <= 0:
        raise Refusal(f"{x!r} is not positive: it has no logarithm.")
    return math.log(x)


def _spark_logarithm(x: float) -> float | None:
    """Return NULL where others raise an error."""
    return None if x <= 0 else math.log(x)


def _plain_power(x: float, y: float) -> float:
    try:
        return math.pow(x, y)
    except OverflowError:
        return math.copysign(math.inf, x) if _is_odd(y) else math.inf
    except ValueError:
        if x == 0:
            return math.copysign(math.inf, x) if _is_odd(y) else math.inf
        return math.nan


def _is_odd(y: float) -> bool:
    return math.isfinite(y) and math.fmod(y, 2) in (1.0, -1.0)


def _spark_power(x: float, y: float) -> float:
    """Return Java's power, in which NaN and an infinite exponent of 1 have no result."""
    if math.isnan(y) or (abs(x) == 1 and math.isinf(y)):
        return math.nan
    return _plain_power(x, y)


def _strict_power(x: float, y: float) -> float:
    if x == 0 and y < 0:
        raise Refusal(f"{x!r} to the power {y!r} is undefined.")
    if x < 0 and math.isfinite(y) and y != math.floor(y):
        raise Refusal(f"{x!r} to the power {y!r} is not a real number.")
    result = _plain_power(x, y)
    if math.isfinite(x) and math.isfinite(y) and (math.isinf(result) or (result == 0 and x != 0)):
        raise Refusal(f"{x!r} to the power {y!r} is out of range for a double.")
    return result


def _plain_exponential(x: float) -> float:
    try:
        return math.exp(x)
    except OverflowError:
        return math.inf


def _strict_exponential(x: float) -> float:
    result = _plain_exponential(x)
    if math.isfinite(x) and (result == 0 or math.isinf(result)):
        raise Refusal(f"exp({x!r}) is out of range for a double.")
    return result


_LAST = "The last digit can differ from the warehouse's: its mathematical library decides."
_ONE = arguments("this")
_ERROR = "A number without a result is an error."


def _forms(
    node: type[exp.Expr],
    written: str,
    rules: dict[tuple[str, ...], tuple[Callable[..., float | None], str]],
    operands: int = 1,
) -> list[Form]:
    """Return the forms of a function: PostgreSQL has its own versions for decimals."""
    pairs = [(a,) * operands if operands == 1 else (a, b) for a in NUMBERS for b in NUMBERS]
    families = list(dict.fromkeys(pairs))
    return [
        Form(
            node,
            written,
            pair,
            as_doubles(row, is_total=dialects != (ON_POSTGRES,)),
            "double",
            dialects,
            note,
            _ONE if operands == 1 else arguments("this", "expression"),
        )
        for dialects, (row, note) in rules.items()
        for pair in families
        if not (ON_POSTGRES in dialects and Family.DECIMAL in pair)
    ]


MATHEMATICAL_FORMS = (
    *_forms(
        exp.Sqrt,
        "sqrt(a)",
        {
            (ON_DUCKDB, ON_SPARK): (_plain_root, "NaN for a negative number."),
            (ON_POSTGRES,): (_strict_root, _ERROR),
        },
    ),
    *_forms(
        exp.Ln,
        "ln(a)",
        {
            (ON_DUCKDB,): (_plain_logarithm, f"-infinity for zero, NaN for negative ones. {_LAST}"),
            (ON_SPARK,): (_spark_logarithm, f"NULL for zero and negative ones. {_LAST}"),
            (ON_POSTGRES,): (_strict_logarithm, f"{_ERROR} {_LAST}"),
        },
    ),
    *_forms(
        exp.Exp,
        "exp(a)",
        {
            (ON_DUCKDB, ON_SPARK): (_plain_exponential, _LAST),
            (ON_POSTGRES,): (_strict_exponential, f"{_ERROR} {_LAST}"),
        },
    ),
    *_forms(
        exp.Pow,
        "power(a, b)",
        {
            (ON_DUCKDB,): (_plain_power, _LAST),
            (ON_SPARK,): (_spark_power, _LAST),
            (ON_POSTGRES,): (_strict_power, f"{_ERROR} {_LAST}"),
        },
        operands=2,
    ),
)
