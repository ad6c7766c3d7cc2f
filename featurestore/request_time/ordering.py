"""How values compare: NaN equals itself and is greater than every number, as in the warehouses."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from featurestore.request_time.failures import Refusal
from featurestore.request_time.families import FLOAT64
from featurestore.request_time.form import EXECUTED
from featurestore.values.types import DataType

__all__ = ["comparison"]

_PLAIN: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
# `x != x` says that x is NaN.
_FLOAT: dict[str, Callable[[float, float], bool]] = {
    "=": lambda x, y: x == y or (x != x and y != y),  # noqa: PLR0124
    "<>": lambda x, y: x != y and (x == x or y == y),  # noqa: PLR0124
    "<": lambda x, y: x < y or (y != y and x == x),  # noqa: PLR0124
    "<=": lambda x, y: x <= y or y != y,  # noqa: PLR0124
    ">": lambda x, y: x > y or (x != x and y == y),  # noqa: PLR0124
    ">=": lambda x, y: x >= y or x != x,  # noqa: PLR0124
}


def comparison(sign: str, data_type: DataType, dialect: str) -> Callable[[Any, Any], bool]:
    """Return the comparison of two values of a type.

    The dialects that do not run in the tests disagree about NaN, which is an error there.

    >>> comparison(">", FLOAT64, "duckdb")(float("nan"), float("inf"))
    True
    """
    if data_type != FLOAT64:
        return _PLAIN[sign]
    return _FLOAT[sign] if dialect in EXECUTED else _without_nan(_PLAIN[sign])


def _without_nan(compare: Callable[[float, float], bool]) -> Callable[[float, float], bool]:
    def careful(x: float, y: float) -> bool:
        if x != x or y != y:  # noqa: PLR0124
            raise Refusal("NaN does not compare: the dialects disagree about it.")
        return compare(x, y)

    return careful
