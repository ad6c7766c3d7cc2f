"""Decimals: the digits of results by dialect, and arithmetic that never rounds by accident."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from typing import Any

from featurestore.request_time.families import Family, family
from featurestore.request_time.operands import Operand
from featurestore.values.types import DataType, Kind

__all__ = ["EXACT", "NUMERIC", "as_decimal", "decimal", "decimal_to_float", "quantizer", "widest"]

MOST_DIGITS = 38
NUMERIC = DataType(Kind.DECIMAL)
"""PostgreSQL's `numeric` without digits, the type of its results."""
EXACT = Context(
    prec=2000, rounding=ROUND_HALF_UP, Emax=10**6, Emin=-(10**6), traps=[InvalidOperation]
)
"""Room for every result: what rounds says so."""
_INTEGER_DIGITS = {Kind.INT16: 5, Kind.INT32: 10, Kind.INT64: 19}


def decimal(precision: int, scale: int) -> DataType:
    """Return a decimal type."""
    return DataType(Kind.DECIMAL, precision=precision, scale=scale)


def as_decimal(operand: Operand, dialect: str) -> DataType:
    """Return the decimal type that an integer or a decimal takes beside a decimal."""
    if family(operand.data_type) is Family.DECIMAL:
        return operand.data_type
    if dialect == "postgres":
        return NUMERIC
    digits = _INTEGER_DIGITS[operand.data_type.kind]
    if operand.is_literal:
        digits = len(str(abs(operand.constant)))
    elif dialect == "spark" and operand.data_type.kind is Kind.INT64:
        digits = 20
    return decimal(digits, 0)


def widest(types: Sequence[DataType], dialect: str) -> DataType | None:
    """Return the decimal that holds all values of the types; None if it needs too many digits."""
    if all(found == types[0] for found in types):
        return types[0]
    if any(found.precision is None for found in types) or dialect == "postgres":
        return NUMERIC
    scale = max(found.scale or 0 for found in types)
    whole = max((found.precision or 0) - (found.scale or 0) for found in types)
    return decimal(whole + scale, scale) if whole + scale <= MOST_DIGITS else None


def quantizer(scale: int) -> Callable[[Any], Decimal]:
    """Return a function that writes a number with so many digits after the point."""
    unit = Decimal(1).scaleb(-scale)
    return lambda number: Decimal(number).quantize(unit, context=EXACT)


def decimal_to_float(source: DataType, dialect: str) -> Callable[[Decimal], float]:
    """Return the dialect's conversion of a decimal to a double."""
    return float
