"""Compile an expression to a function over columns, for the online read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from featurestore.request_time.expression import RequestExpression, bound
from featurestore.request_time.failures import Failed, Refusal
from featurestore.request_time.operands import Columns, Operand

__all__ = ["compile_expression"]

# Python's own limits are narrower than the warehouse's: a date after 9999, a float's range.
_REFUSALS = (Refusal, ArithmeticError, ValueError)


def compile_expression(
    expression: RequestExpression,
) -> Callable[[Mapping[str, Sequence[Any]], int], list[Any]]:
    """Return a function from the columns of the inputs, and their length, to the column of results.

    NULL is None on both sides. A row for which the warehouse raises an error is a `Failed`.

    >>> from featurestore.request_time.expression import parse_expression
    >>> from featurestore.values.types import DataType, Kind
    >>> parsed = parse_expression("sum", "a + a", {"a": DataType(Kind.INT16)}, "duckdb")
    >>> compile_expression(parsed)({"a": [1, None, 30000]}, 3)
    [2, None, Failed(reason='60000 is out of range for int16.')]
    """
    operand = bound(expression)
    return lambda columns, count: _computed(operand, columns, count)


def _computed(operand: Operand, columns: Columns, count: int) -> list[Any]:
    """Compute all rows at once; after an error halve them, until the row that has it is alone."""
    try:
        return list(operand.run(columns, count))
    except _REFUSALS as error:
        if count == 1:
            return [Failed(str(error))]
    half = count // 2
    first = {name: columns[name][:half] for name in operand.inputs}
    rest = {name: columns[name][half:] for name in operand.inputs}
    return _computed(operand, first, half) + _computed(operand, rest, count - half)
