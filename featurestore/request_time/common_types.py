"""The type that operands of different types meet in, and the conversion to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from featurestore.request_time.decimal_rules import (
    NUMERIC,
    decimal_to_float,
    fits_38_digits,
    quantizer,
    widest,
)
from featurestore.request_time.families import FLOAT64, NULL, Family, family, widths
from featurestore.request_time.operands import NOTHING, Operand
from featurestore.values.types import DataType

__all__ = [
    "COMPARED_PAIRS",
    "NUMBERS",
    "SAME_FAMILIES",
    "common_type",
    "compared_type",
    "converted",
    "integer_type",
]

_COMPARED_UNLIKE = {"redshift": (Family.TEXT,), "clickhouse": (Family.DECIMAL,)}
"""Redshift ignores blanks at the end of a text, and ClickHouse can overflow in a comparison."""
NUMBERS = (Family.INTEGER, Family.DECIMAL, Family.FLOAT)
SAME_FAMILIES = (
    Family.BOOLEAN,
    Family.TEXT,
    Family.DATE,
    Family.TIMESTAMP,
    Family.TIMESTAMPTZ,
)
"""The families whose values are compared with those of the same family alone."""
COMPARED_PAIRS = (
    *((a, a) for a in SAME_FAMILIES),
    *((a, b) for a in NUMBERS for b in NUMBERS),
)
"""The families of two values that can be compared."""


def common_type(operands: Sequence[Operand], dialect: str) -> DataType | None:
    """Return the type of a result that is one of the operands; None if they have none in common."""
    typed = [operand for operand in operands if not operand.is_null]
    families = {family(operand.data_type) for operand in typed}
    if not typed:
        return NULL
    if len(families) == 1 and families.isdisjoint(NUMBERS):
        return typed[0].data_type if families != {Family.OTHER} else None
    if not families.issubset(NUMBERS):
        return None
    if Family.FLOAT in families:
        return FLOAT64
    return widest(typed, dialect) if Family.DECIMAL in families else integer_type(typed, dialect)


def compared_type(operands: Sequence[Operand], dialect: str) -> DataType | None:
    """Return the type in which the operands compare; None if they do not.

    `NUMERIC` says that decimals and integers compare as they are: Python compares them exactly.
    """
    typed = [operand for operand in operands if not operand.is_null]
    families = {family(operand.data_type) for operand in typed}
    if not families.isdisjoint(_COMPARED_UNLIKE.get(dialect, ())):
        return None
    if Family.DECIMAL in families and families <= {Family.DECIMAL, Family.INTEGER}:
        return NUMERIC if fits_38_digits(typed, dialect) else None
    return common_type(operands, dialect)


def integer_type(operands: Sequence[Operand], dialect: str) -> DataType:
    """Return the widest integer; in DuckDB a literal takes the type of what surrounds it."""
    types = [operand.data_type for operand in operands]
    if dialect == "duckdb":
        fixed = [operand.data_type for operand in operands if not operand.is_literal]
        most = max((widths[found.kind] for found in fixed), default=0)
        types = fixed + [
            operand.data_type
            for operand in operands
            if operand.is_literal and not _fits(operand.constant, most)
        ]
    return max(types, key=lambda found: widths[found.kind])


def _fits(value: int, bits: int) -> bool:
    return bits > 0 and -(1 << (bits - 1)) <= value < 1 << (bits - 1)


def converted(operand: Operand, target: DataType, dialect: str) -> Operand:
    """Return the operand as a type that `common_type` or `compared_type` returned for it."""
    convert = _conversion(operand.data_type, target, dialect)
    if convert is None or operand.constant is None:
        return replace(operand, data_type=target)
    if operand.constant is not NOTHING:
        value = convert(operand.constant)
        return replace(
            operand, data_type=target, constant=value, run=lambda _, count: [value] * count
        )
    run = operand.run
    return replace(
        operand,
        data_type=target,
        run=lambda columns, count: [None if x is None else convert(x) for x in run(columns, count)],
    )


def _conversion(source: DataType, target: DataType, dialect: str) -> Callable[[Any], Any] | None:
    families = (family(source), family(target))
    if families == (Family.INTEGER, Family.FLOAT):
        return float
    if families == (Family.DECIMAL, Family.FLOAT):
        return decimal_to_float(source, dialect)
    if target == NUMERIC:
        return Decimal if families[0] is Family.INTEGER else None
    return quantizer(target) if families[1] is Family.DECIMAL and source != target else None
