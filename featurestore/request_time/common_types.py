"""The type that operands of different types meet in, and the conversion to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from featurestore.request_time.decimal_rules import (
    as_decimal,
    decimal_to_float,
    quantizer,
    widest,
)
from featurestore.request_time.families import FLOAT64, NULL, Family, family, widths
from featurestore.request_time.operands import NOTHING, Operand
from featurestore.values.types import DataType

__all__ = ["common_type", "converted"]

_NUMBERS = (Family.INTEGER, Family.DECIMAL, Family.FLOAT)


def common_type(operands: Sequence[Operand], dialect: str) -> DataType | None:
    """Return the type in which the operands compare; None if they do not."""
    typed = [operand for operand in operands if not operand.is_null]
    families = {family(operand.data_type) for operand in typed}
    if not typed:
        return NULL
    if len(families) == 1 and families.isdisjoint(_NUMBERS):
        return typed[0].data_type if families != {Family.OTHER} else None
    if not families.issubset(_NUMBERS):
        return None
    if Family.FLOAT in families:
        return FLOAT64
    if Family.DECIMAL in families:
        return widest([as_decimal(operand, dialect) for operand in typed], dialect)
    return max((operand.data_type for operand in typed), key=lambda found: widths[found.kind])


def converted(operand: Operand, target: DataType, dialect: str) -> Operand:
    """Return the operand as a type that `common_type` returned for it."""
    convert = _conversion(operand.data_type, target, dialect)
    if operand.is_null:
        return replace(operand, data_type=target)
    if convert is None:
        return replace(operand, data_type=target)
    if operand.constant is not NOTHING:
        value = convert(operand.constant)
        return replace(
            operand,
            data_type=target,
            constant=value,
            run=lambda _, count: [value] * count,
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
    if families[1] is Family.DECIMAL and target.scale is not None and source != target:
        return quantizer(target.scale)
    return None
