"""The values of an online response as columns of JSON.

msgspec writes most values as they should be: NaN and infinity as null, instants in UTC with a Z,
bytes in base64, integers with all their digits. The others are converted here, column by column.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import cache
from math import isfinite
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from featurestore.online.response import OnlineResponse

__all__ = ["json_values", "shown_statuses"]

_ENCODER = msgspec.json.Encoder()
_Column = Sequence[Any]
_Written = _Column | msgspec.Raw
"""A column for msgspec to write, or one that is written already."""
_FLOATS = ("float32", "float64")
_ELEMENT = re.compile(r"list<(.+)>|(.+)\[\d+\]")


def json_values(response: OnlineResponse) -> dict[str, _Written]:
    """Return the values of each feature as msgspec writes them best."""
    types = response.types
    found: dict[str, _Written] = {}
    for name, values in response.values.items():
        convert = _converter(types[name])
        found[name] = values if convert is None else convert(values)
    return found


def shown_statuses(response: OnlineResponse) -> dict[str, Sequence[str]]:
    """Return the statuses of each feature with a null in its JSON; all others are PRESENT.

    A NaN or an infinity is null in JSON, and PRESENT.
    """
    found: dict[str, Sequence[str]] = {**response.mixed_statuses}
    for name, values in response.values.items():
        if response.types[name] in _FLOATS and name not in found and not isfinite(sum(values)):
            # A sum may overflow without an infinity among its values, which only adds the list.
            found[name] = ["PRESENT"] * len(values)
    return found


@cache
def _converter(kind: str) -> Callable[[_Column], _Written] | None:
    """Return the function that converts a column of a type; None if msgspec needs none."""
    if element := _ELEMENT.fullmatch(kind):
        convert = _converter(element[1] or element[2])
        if convert is None:
            return None
        inner = convert
        return lambda column: [None if cell is None else inner(cell) for cell in column]
    if kind.startswith("timestamp["):
        return _of_timestamps
    return _of_decimals if kind.startswith("decimal(") else None


def _of_timestamps(column: _Column) -> msgspec.Raw:
    """Return instants without a zone as JSON; they are in UTC.

    msgspec writes them in C, and a quotation mark only ends or begins one.
    """
    written = _ENCODER.encode(column)
    return msgspec.Raw(written.replace(b'",', b'Z",').replace(b'"]', b'Z"]'))


def _of_decimals(column: Sequence[Decimal | None]) -> _Column:
    """Return decimals as text that keeps their digits, without an exponent."""
    return [None if number is None else f"{number:f}" for number in column]
