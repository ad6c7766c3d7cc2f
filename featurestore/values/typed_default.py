"""The default of a feature in the type of its column.

A default is written in yml, where a decimal is a float and an instant is a text. Its value is the
Python value that an online read of the type returns.
"""

from __future__ import annotations

import datetime as dt
import math
import struct
from collections.abc import Callable
from decimal import Context, Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from featurestore.values.parsing import parse_instant
from featurestore.values.types import DataType, Kind

__all__ = ["typed_default"]

_WIDTHS = {8, 16, 32, 64, 128}
_RANGES: dict[Kind, tuple[int, int]] = {
    **{Kind(f"int{bits}"): (-(1 << bits - 1), (1 << bits - 1) - 1) for bits in _WIDTHS},
    **{Kind(f"uint{bits}"): (0, (1 << bits) - 1) for bits in _WIDTHS},
}
_EXACT = Context(prec=100)
"""Python's default context rounds to 28 digits."""
_STEPS = {0: 1_000_000, 3: 1_000}
"""The microseconds between two instants of a type, by its digits of a second."""


def typed_default(value: object, data_type: DataType) -> Any:
    """Return a declared default as a value of a type.

    Args:
        value: The default as the yml has it.
        data_type: The type of the feature.

    Raises:
        ValueError: The type does not have the value; the text says what fits.

    >>> typed_default("2024-02-29", DataType(Kind.DATE))
    datetime.date(2024, 2, 29)
    >>> typed_default(0.5, DataType(Kind.DECIMAL, precision=5, scale=2))
    Decimal('0.50')
    >>> typed_default(300, DataType(Kind.UINT8))
    Traceback (most recent call last):
    ...
    ValueError: it must be an integer from 0 to 255
    """
    read = _READERS.get(data_type.kind)
    if read is None:
        raise ValueError(f"a {data_type} cannot have one")
    try:
        return read(value, data_type)
    except (TypeError, InvalidOperation, OverflowError):
        raise ValueError(f"it must be a {data_type}") from None


def _boolean(value: Any, _: DataType) -> bool:
    if not isinstance(value, bool):
        raise ValueError("it must be true or false")
    return value


def _integer(value: Any, data_type: DataType) -> int:
    low, high = _RANGES[data_type.kind]
    if type(value) is not int or not low <= value <= high:
        raise ValueError(f"it must be an integer from {low} to {high}")
    return value


def _float(value: Any, data_type: DataType) -> float:
    if type(value) not in (int, float) or not math.isfinite(value):
        raise ValueError("it must be a finite number")
    number = float(value)
    if data_type.kind is Kind.FLOAT64:
        return number
    nearest: float = struct.unpack("<f", struct.pack("<f", number))[0]
    return nearest


def _decimal(value: Any, data_type: DataType) -> Decimal:
    if type(value) not in (int, float, str):
        raise TypeError(value)
    number, scale = Decimal(str(value)), data_type.scale
    if not number.is_finite():
        raise ValueError("it must be a finite number")
    if data_type.precision is None or scale is None:
        return number
    digits = data_type.precision - scale
    rounded = number.quantize(Decimal(1).scaleb(-scale), context=_EXACT)
    if rounded != number or abs(number) >= Decimal(10) ** digits:
        raise ValueError(
            f"it must have at most {digits} digits before the point and {scale} behind it"
        )
    return rounded


def _text(value: Any, _: DataType) -> str:
    if not isinstance(value, str):
        raise ValueError(f"it must be text: write '{value}' in quotes")
    return value


def _uuid(value: Any, _: DataType) -> str:
    # The canonical text, because a UUID leaves the warehouse as such a text.
    if not isinstance(value, str) or str(UUID(value)) != value:
        raise ValueError("it must be the text of a uuid in lower case, with dashes")
    return value


def _date(value: Any, _: DataType) -> dt.date:
    if not isinstance(value, str):
        raise TypeError(value)
    return dt.date.fromisoformat(value)


def _time(value: Any, _: DataType) -> dt.time:
    found = dt.time.fromisoformat(value)
    if found.tzinfo is not None:
        raise ValueError("it must be a time without a zone")
    return found


def _instant(value: Any, data_type: DataType) -> dt.datetime:
    if not isinstance(value, str):
        raise TypeError(value)
    moment = parse_instant(value)
    step = _STEPS.get(6 if data_type.precision is None else data_type.precision, 1)
    if moment.microsecond % step:
        raise ValueError(f"it has more digits of a second than a {data_type.variant}")
    return moment if data_type.kind is Kind.TIMESTAMPTZ else moment.replace(tzinfo=None)


_READERS: dict[Kind, Callable[[Any, DataType], Any]] = {
    Kind.BOOLEAN: _boolean,
    **dict.fromkeys(_RANGES, _integer),
    Kind.FLOAT32: _float,
    Kind.FLOAT64: _float,
    Kind.DECIMAL: _decimal,
    Kind.STRING: _text,
    # As the text of the whole document: no value of JSON is compared or changed.
    Kind.JSON: _text,
    Kind.UUID: _uuid,
    Kind.DATE: _date,
    Kind.TIME: _time,
    Kind.TIMESTAMP: _instant,
    Kind.TIMESTAMPTZ: _instant,
}
