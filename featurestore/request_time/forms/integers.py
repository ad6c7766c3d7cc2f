"""Arithmetic of integers: a result that its type cannot hold is an error."""

from __future__ import annotations

import operator
from collections.abc import Callable

from sqlglot import exp

from featurestore.request_time.common_types import integer_type
from featurestore.request_time.failures import Refusal
from featurestore.request_time.families import Family, widths
from featurestore.request_time.form import (
    EXECUTED,
    ON_DUCKDB,
    ON_POSTGRES,
    ON_SPARK,
    Call,
    Form,
    MeaningOf,
    arguments,
)
from featurestore.request_time.operands import Meaning
from featurestore.values.types import DataType

__all__ = ["INTEGER_FORMS", "within"]


def within(data_type: DataType) -> Callable[[int], int]:
    """Return a function that raises an error for an integer that the type cannot hold."""
    most = (1 << (widths[data_type.kind] - 1)) - 1
    least = -most - 1

    def check(number: int) -> int:
        if least <= number <= most:
            return number
        raise Refusal(f"{number} is out of range for {data_type}.")

    return check


def _checked(compute: Callable[[int, int], int], data_type: DataType) -> Callable[[int, int], int]:
    # The limits are here, and not in `within`: one call less for each row.
    most = (1 << (widths[data_type.kind] - 1)) - 1
    least = -most - 1

    def of_two(x: int, y: int) -> int:
        result = compute(x, y)
        if least <= result <= most:
            return result
        raise Refusal(f"{result} is out of range for {data_type}.")

    return of_two


def _arithmetic(compute: Callable[[int, int], int]) -> MeaningOf:
    def meaning(call: Call) -> Meaning:
        result = integer_type(call.operands, call.dialect)
        return Meaning(result, row=_checked(compute, result), is_total=False)

    return meaning


def _divide(x: int, y: int) -> int:
    """Divide, and cut the fraction off; Python's `//` rounds down."""
    if y == 0:
        raise Refusal(f"{x} is divided by zero.")
    quotient = abs(x) // abs(y)
    return quotient if (x < 0) == (y < 0) else -quotient


def _remainder(x: int, y: int) -> int:
    """Return the remainder with the sign of the dividend; Python's has that of the divisor."""
    return x - y * _divide(x, y)


def _duckdb_remainder(call: Call) -> Meaning:
    result = integer_type(call.operands, call.dialect)
    quotient = _checked(_divide, result)
    # DuckDB divides: the least integer by -1 is out of range.
    return Meaning(result, row=lambda x, y: x - y * quotient(x, y), is_total=False)


def _of_one(compute: Callable[[int], int]) -> MeaningOf:
    def meaning(call: Call) -> Meaning:
        result = call.operands[0].data_type
        check = within(result)
        return Meaning(result, row=lambda x: check(compute(x)), is_total=False)

    return meaning


_TWO = (Family.INTEGER, Family.INTEGER)
_ONE = arguments("this")
_WIDER = "the wider integer"
_OVERFLOW = "A result out of the type's range is an error."
_IN_DUCKDB = f"{_OVERFLOW} In DuckDB, a literal takes the type of the other operand."
_VENDORS = (*EXECUTED, "databricks", "redshift", "bigquery", "trino")

INTEGER_FORMS = (
    Form(exp.Add, "a + b", _TWO, _arithmetic(operator.add), _WIDER, _VENDORS, _IN_DUCKDB),
    Form(exp.Sub, "a - b", _TWO, _arithmetic(operator.sub), _WIDER, _VENDORS, _IN_DUCKDB),
    Form(exp.Mul, "a * b", _TWO, _arithmetic(operator.mul), _WIDER, _VENDORS, _IN_DUCKDB),
    Form(
        exp.Div,
        "a / b",
        _TWO,
        _arithmetic(_divide),
        _WIDER,
        (ON_POSTGRES,),
        "The fraction is cut off. A division by zero is an error.",
    ),
    Form(
        exp.IntDiv,
        "a // b",
        _TWO,
        _arithmetic(_divide),
        _WIDER,
        (ON_DUCKDB,),
        "The fraction is cut off. A division by zero is an error.",
    ),
    Form(
        exp.Mod,
        "a % b",
        _TWO,
        _duckdb_remainder,
        _WIDER,
        (ON_DUCKDB,),
        "The result has the sign of `a`. A division by zero is an error.",
    ),
    Form(
        exp.Mod,
        "a % b",
        _TWO,
        _arithmetic(_remainder),
        _WIDER,
        (ON_POSTGRES, ON_SPARK),
        "The result has the sign of `a`. A division by zero is an error.",
    ),
    Form(exp.Neg, "-a", _TWO[:1], _of_one(operator.neg), "as `a`", EXECUTED, _OVERFLOW, _ONE),
    Form(exp.Abs, "abs(a)", _TWO[:1], _of_one(abs), "as `a`", EXECUTED, _OVERFLOW, _ONE),
)
