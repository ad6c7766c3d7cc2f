"""Decimals: the digits of results by dialect, and arithmetic that never rounds by accident."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from typing import Any

from featurestore.request_time.failures import Refusal
from featurestore.request_time.families import Family, family
from featurestore.request_time.operands import NOTHING, Operand
from featurestore.values.types import DataType, Kind

__all__ = [
    "EXACT",
    "MOST_DIGITS",
    "NUMERIC",
    "decimal",
    "decimal_to_float",
    "digits_of",
    "fits_38_digits",
    "product",
    "quantizer",
    "rounded",
    "widest",
    "within_digits",
]

MOST_DIGITS = 38
NUMERIC = DataType(Kind.DECIMAL)
"""PostgreSQL's `numeric` without digits, the type of its results."""
EXACT = Context(
    prec=2000, rounding=ROUND_HALF_UP, Emax=10**6, Emin=-(10**6), traps=[InvalidOperation]
)
"""Room for every result: only `quantize` rounds, half away from zero."""
_INTEGER_DIGITS = {Kind.INT16: 5, Kind.INT32: 10, Kind.INT64: 19}
_SPARK_DIGITS = {**_INTEGER_DIGITS, Kind.INT64: 20}
_EXACT_FLOATS = 1 << 53
_LOW_64 = (1 << 64) - 1


def decimal(precision: int, scale: int) -> DataType:
    """Return a decimal type."""
    return DataType(Kind.DECIMAL, precision=precision, scale=scale)


def digits_of(operand: Operand, dialect: str, *, by_value: bool = False) -> tuple[int, int]:
    """Return the precision and scale of a decimal, or of an integer beside a decimal.

    Args:
        operand: A decimal with digits or an integer.
        dialect: The dialect of the warehouse.
        by_value: Count the digits of an integer literal, not those of its type.
    """
    found = operand.data_type
    if by_value and operand.constant is not NOTHING and family(found) is Family.INTEGER:
        return len(str(abs(operand.constant))), 0
    if found.precision is not None:
        return found.precision, found.scale or 0
    return (_SPARK_DIGITS if dialect == "spark" else _INTEGER_DIGITS)[found.kind], 0


def widest(operands: Iterable[Operand], dialect: str) -> DataType | None:
    """Return the decimal that holds all values of the operands; None if it needs too many digits.

    PostgreSQL's values keep their own digits unless all have the same type.
    """
    listed = list(operands)
    types = {operand.data_type for operand in listed}
    if len(types) == 1:
        return types.pop()
    if dialect == "postgres":
        return NUMERIC
    digits = [digits_of(operand, dialect) for operand in listed]
    scale = max(scale for _, scale in digits)
    whole = max(precision - scale for precision, scale in digits)
    return decimal(whole + scale, scale) if whole + scale <= MOST_DIGITS else None


def fits_38_digits(operands: Iterable[Operand], dialect: str) -> bool:
    """Return whether one decimal of 38 digits holds all values, as a comparison of them needs."""
    if dialect == "postgres":
        return True
    digits = [digits_of(operand, dialect, by_value=True) for operand in operands]
    return max(p - s for p, s in digits) + max(s for _, s in digits) <= MOST_DIGITS


def quantizer(target: DataType) -> Callable[[Any], Decimal]:
    """Return a function that writes a number with the digits of a type, and rounds half away."""
    if target.scale is None:
        return Decimal
    unit = Decimal(1).scaleb(-target.scale)
    check = within_digits(target)
    return lambda number: check(rounded(Decimal(number), unit))


def rounded(number: Decimal, unit: Decimal, rounding: str = ROUND_HALF_UP) -> Decimal:
    """Return the number as a multiple of a unit. A zero has no sign: the warehouses have no -0."""
    return EXACT.plus(number.quantize(unit, rounding, EXACT))


def product(x: Any, y: Any) -> Decimal:
    """Return the exact product; a zero has no sign."""
    return EXACT.plus(EXACT.multiply(x, y))


def within_digits(target: DataType) -> Callable[[Decimal], Decimal]:
    """Return a function that raises an error for a number with too many digits for the type."""
    if target.precision is None:
        return lambda number: number
    limit = Decimal(1).scaleb(target.precision - (target.scale or 0))

    def check(number: Decimal) -> Decimal:
        if -limit < number < limit:
            return number
        raise Refusal(f"{number:f} is out of range for {target}.")

    return check


def decimal_to_float(source: DataType, dialect: str) -> Callable[[Decimal], float]:
    """Return the dialect's conversion of a decimal to a double."""
    if dialect != "duckdb":
        return float
    power: int = 10 ** (source.scale or 0)

    def convert(number: Decimal) -> float:
        """Divide as DuckDB does: in floats, and in two parts above 2**53."""
        unscaled = int(EXACT.multiply(number, power))
        if -_EXACT_FLOATS <= unscaled <= _EXACT_FLOATS or power == 1:
            return _hugeint_to_float(unscaled) / power
        whole, rest = divmod(abs(unscaled), power)
        total = _hugeint_to_float(whole) + _hugeint_to_float(rest) / power
        return math.copysign(total, unscaled)

    return convert


def _hugeint_to_float(number: int) -> float:
    if -(1 << 63) <= number < 1 << 63:
        return float(number)
    sign = -1 if number < 0 else 1
    high, low = abs(number) >> 64, abs(number) & _LOW_64
    return float(sign * (float(low) + float(high) * 18446744073709551616.0))
