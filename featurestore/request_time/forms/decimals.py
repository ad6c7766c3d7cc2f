"""Arithmetic of decimals: each dialect has its own digits for a result."""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

from sqlglot import exp

from featurestore.request_time.decimal_rules import (
    EXACT,
    MOST_DIGITS,
    NUMERIC,
    decimal,
    digits_of,
    product,
    quantizer,
    widest,
    within_digits,
)
from featurestore.request_time.failures import Refusal
from featurestore.request_time.families import Family
from featurestore.request_time.form import (
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

__all__ = ["DECIMAL_FORMS", "postgres_quotient"]

Digits = tuple[int, int]
ResultOf = Callable[[Digits, Digits], DataType | None]
_DUCKDB_NARROW = 18
_LEAST_SPARK_SCALE = 6
# Java's `negate` and `abs` round to so many digits. Its remainder fails if the quotient has more
# than 38 of them before the point.
_SPARK_SIGN_DIGITS = 34
_SPARK_QUOTIENTS = Context(prec=39, rounding=ROUND_HALF_UP)


def _duckdb_sum(one: Digits, other: Digits) -> DataType | None:
    """Return the type of a sum; None if a side does not fit in it, to which DuckDB casts both."""
    scale = max(one[1], other[1])
    whole = max(one[0] - one[1], other[0] - other[1])
    if whole + scale > MOST_DIGITS:
        return None
    return decimal(min(whole + scale + 1, MOST_DIGITS), scale)


def _duckdb_product(one: Digits, other: Digits) -> DataType | None:
    precision, scale = one[0] + other[0], one[1] + other[1]
    if scale > MOST_DIGITS:
        return None
    if max(one[0], other[0]) <= _DUCKDB_NARROW < precision and scale < _DUCKDB_NARROW:
        precision = _DUCKDB_NARROW
    return decimal(min(precision, MOST_DIGITS), scale)


def _spark(precision: int, scale: int) -> DataType | None:
    """Return a type of at most 38 digits; None where Spark would drop digits after the point."""
    if precision <= MOST_DIGITS:
        return decimal(precision, scale)
    kept = max(MOST_DIGITS - (precision - scale), min(scale, _LEAST_SPARK_SCALE))
    return decimal(MOST_DIGITS, scale) if kept == scale else None


def _spark_sum(one: Digits, other: Digits) -> DataType | None:
    scale = max(one[1], other[1])
    return _spark(max(one[0] - one[1], other[0] - other[1]) + scale + 1, scale)


def _spark_product(one: Digits, other: Digits) -> DataType | None:
    return _spark(one[0] + other[0] + 1, one[1] + other[1])


def _spark_remainder(one: Digits, other: Digits) -> DataType | None:
    scale = max(one[1], other[1])
    if one[0] - one[1] + other[1] > MOST_DIGITS:
        return None
    return _spark(min(one[0] - one[1], other[0] - other[1]) + scale, scale)


def _spark_quotient(one: Digits, other: Digits) -> DataType | None:
    scale = max(_LEAST_SPARK_SCALE, one[1] + other[0] + 1)
    return _spark(one[0] - one[1] + other[1] + scale, scale)


def _digits(call: Call) -> tuple[Digits, Digits]:
    one, other = (
        digits_of(operand, call.dialect, by_value=call.dialect == ON_SPARK)
        for operand in call.operands
    )
    return one, other


def _exact(result_of: ResultOf, compute: Callable[[Any, Any], Decimal]) -> MeaningOf:
    """Return the meaning of an operator whose exact result has the scale of the result's type."""

    def meaning(call: Call) -> Meaning | None:
        result = result_of(*_digits(call))
        if result is None:
            return None
        check = within_digits(result)
        return Meaning(result, row=lambda x, y: check(compute(x, y)), is_total=False)

    return meaning


def _numeric(compute: Callable[[Any, Any], Decimal], *, is_total: bool = True) -> MeaningOf:
    return lambda _: Meaning(NUMERIC, row=compute, is_total=is_total)


def _remainder(x: Any, y: Any) -> Decimal:
    if y == 0:
        raise Refusal(f"{x} is divided by zero.")
    # A sum with zero has the greater number of digits after the point.
    return EXACT.plus(EXACT.add(EXACT.remainder(x, y), EXACT.multiply(EXACT.add(x, y), 0)))


def _duckdb_modulo(call: Call) -> Meaning | None:
    result = widest(call.operands, call.dialect)
    return Meaning(result, row=_remainder, is_total=False) if result else None


def _quotient_of_spark(call: Call) -> Meaning | None:
    result = _spark_quotient(*_digits(call))
    if result is None:
        return None
    write = quantizer(result)

    def row(x: Any, y: Any) -> Decimal:
        if y == 0:
            raise Refusal(f"{x} is divided by zero.")
        return write(_SPARK_QUOTIENTS.divide(Decimal(x), Decimal(y)))

    return Meaning(result, row=row, is_total=False)


def postgres_quotient(x: Any, y: Any) -> Decimal:
    """Divide as PostgreSQL does: at least 16 digits count, in groups of four.

    >>> postgres_quotient(Decimal("1.5"), 2)
    Decimal('0.75000000000000000000')
    """
    one, other = Decimal(x), Decimal(y)
    if other == 0:
        raise Refusal(f"{x} is divided by zero.")
    (weight, first), (by_weight, by_first) = _first_group(one), _first_group(other)
    groups = weight - by_weight - (first <= by_first)
    scales = (-int(one.as_tuple().exponent), -int(other.as_tuple().exponent))
    scale = min(max(16 - 4 * groups, *scales, 0), 1000)
    dividend = abs(int(one.scaleb(scales[0], EXACT))) * 10 ** (scale + scales[1])
    divisor = abs(int(other.scaleb(scales[1], EXACT))) * 10 ** scales[0]
    rounded = (2 * dividend + divisor) // (2 * divisor)
    sign = -1 if (one < 0) != (other < 0) else 1
    return Decimal(sign * rounded).scaleb(-scale, EXACT)


def _first_group(number: Decimal) -> tuple[int, int]:
    """Return the place and the value of the first group of four digits that is not zero."""
    if number == 0:
        return 0, 0
    weight = number.adjusted() // 4
    return weight, int(abs(number).scaleb(-4 * weight, EXACT))


_PAIRS = (
    (Family.DECIMAL, Family.DECIMAL),
    (Family.DECIMAL, Family.INTEGER),
    (Family.INTEGER, Family.DECIMAL),
)
_ONE = arguments("this")
_DIGITS = "The result has up to 38 digits; more are an error."
_CUT = "Refused where Spark would drop digits after the point to stay within 38."
_SIGN = "Refused on Spark for more than 34 digits: there it rounds."
_ZERO = "A division by zero is an error."
_NUMERIC_NOTE = "The result is a `numeric` without digits, which leaves the warehouse as a double."
_SIXTEEN = f"At least 16 digits count. {_ZERO} {_NUMERIC_NOTE}"


def _three(
    node: type[exp.Expr],
    written: str,
    compute: Callable[[Any, Any], Decimal],
    duckdb: MeaningOf,
    spark: ResultOf,
) -> list[Form]:
    """Return the forms of an operator with an exact result."""
    return [
        form
        for pair in _PAIRS
        for form in (
            Form(node, written, pair, duckdb, "decimal", (ON_DUCKDB,), _DIGITS),
            Form(node, written, pair, _exact(spark, compute), "decimal", (ON_SPARK,), _CUT),
            Form(node, written, pair, _numeric(compute), "numeric", (ON_POSTGRES,), _NUMERIC_NOTE),
        )
    ]


def _as_it_is(compute: Callable[[Decimal], Decimal]) -> MeaningOf:
    def meaning(call: Call) -> Meaning | None:
        found = call.operands[0].data_type
        if call.dialect == ON_SPARK and (found.precision or 0) > _SPARK_SIGN_DIGITS:
            return None
        return Meaning(found, row=compute)

    return meaning


DECIMAL_FORMS = (
    *_three(exp.Add, "a + b", EXACT.add, _exact(_duckdb_sum, EXACT.add), _spark_sum),
    *_three(exp.Sub, "a - b", EXACT.subtract, _exact(_duckdb_sum, EXACT.subtract), _spark_sum),
    *_three(exp.Mul, "a * b", product, _exact(_duckdb_product, product), _spark_product),
    *(
        form
        for pair in _PAIRS
        for form in (
            Form(exp.Mod, "a % b", pair, _duckdb_modulo, "decimal", (ON_DUCKDB,), _ZERO),
            Form(
                exp.Mod,
                "a % b",
                pair,
                _exact(_spark_remainder, _remainder),
                "decimal",
                (ON_SPARK,),
                _ZERO,
            ),
            Form(
                exp.Mod,
                "a % b",
                pair,
                _numeric(_remainder, is_total=False),
                "numeric",
                (ON_POSTGRES,),
                f"{_ZERO} {_NUMERIC_NOTE}",
            ),
            Form(
                exp.Div,
                "a / b",
                pair,
                _quotient_of_spark,
                "decimal",
                (ON_SPARK,),
                f"{_ZERO} {_CUT}",
            ),
            Form(
                exp.Div,
                "a / b",
                pair,
                _numeric(postgres_quotient, is_total=False),
                "numeric",
                (ON_POSTGRES,),
                _SIXTEEN,
            ),
        )
    ),
    Form(
        exp.Neg,
        "-a",
        (Family.DECIMAL,),
        _as_it_is(EXACT.minus),
        "as `a`",
        note=_SIGN,
        parts=_ONE,
    ),
    Form(
        exp.Abs,
        "abs(a)",
        (Family.DECIMAL,),
        _as_it_is(EXACT.abs),
        "as `a`",
        note=_SIGN,
        parts=_ONE,
    ),
)
