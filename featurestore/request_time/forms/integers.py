"""Arithmetic of integers: a result that its type cannot hold is an error."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence

from sqlglot import exp

from featurestore.request_time.failures import Refusal
from featurestore.request_time.families import Family, widths
from featurestore.request_time.form import Call, Form, Rule
from featurestore.request_time.operands import Meaning, Operand
from featurestore.values.types import DataType

__all__ = ["FORMS", "within"]


def within(data_type: DataType, compute: Callable[..., int]) -> Callable[..., int]:
    """Return the computation with an error for a result that the type cannot hold."""
    most = (1 << (widths[data_type.kind] - 1)) - 1
    least = -most - 1

    def checked(*values: int) -> int:
        result = compute(*values)
        if least <= result <= most:
            return result
        raise Refusal(f"{result} is out of range for {data_type}.")

    def of_two(x: int, y: int) -> int:
        result = compute(x, y)
        if least <= result <= most:
            return result
        raise Refusal(f"{result} is out of range for {data_type}.")

    return checked if compute is operator.neg else of_two


def wider(operands: Sequence[Operand]) -> DataType:
    """Return the type of a result: the wider of the two."""
    types = [operand.data_type for operand in operands]
    return max(types, key=lambda found: widths[found.kind])


def _arithmetic(compute: Callable[[int, int], int]) -> Rule:
    def meaning(call: Call) -> Meaning:
        result = wider(call.operands)
        return Meaning(result, row=within(result, compute), is_total=False)

    return meaning


_TWO = (Family.INTEGER, Family.INTEGER)
_OVERFLOW = "A result out of the type's range is an error."

FORMS = (
    Form(exp.Add, "a + b", _TWO, _arithmetic(operator.add), "the wider type", note=_OVERFLOW),
    Form(exp.Sub, "a - b", _TWO, _arithmetic(operator.sub), "the wider type", note=_OVERFLOW),
    Form(exp.Mul, "a * b", _TWO, _arithmetic(operator.mul), "the wider type", note=_OVERFLOW),
)
