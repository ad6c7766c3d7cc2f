"""The rule for values of request fields in an online read.

| field's type | forms of a value that are accepted |
| --- | --- |
| integer | integers, decimals without a fraction |
| float | floats, integers |
| decimal | integers, decimals, floats and text that fit its digits |
| text | text |
| boolean | booleans, the texts `true` and `false` |
| date | dates, ISO 8601 text |
| time | times without a zone, ISO 8601 text |
| timestamp | timestamps with or without a zone (UTC), dates (midnight), ISO 8601 text |

Numpy's scalars count as Python's. A boolean is not a number.
"""

from __future__ import annotations

import datetime as dt
import struct
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from featurestore.values.key_rules import KeyRule, key_rule
from featurestore.values.typed_default import typed_default
from featurestore.values.types import DataType, Kind

__all__ = ["request_rule"]

_Rule = Callable[[Any, DataType], Any]


def request_rule(data_type: DataType) -> KeyRule:
    """Return the function that returns one Python value for all forms of a value.

    It raises one of Python's own errors for a value that the type does not have.

    >>> request_rule(DataType(Kind.FLOAT64))(3), request_rule(DataType(Kind.DATE))("2024-02-29")
    (3.0, datetime.date(2024, 2, 29))
    """
    rule = _RULES[data_type.family]
    return lambda value: rule(value, data_type)


def _as_key(value: Any, data_type: DataType) -> Any:
    rule = key_rule(data_type)
    assert rule is not None  # noqa: S101, the table below names it for such types alone
    return rule(value)


def _integer(value: Any, data_type: DataType) -> int:
    found: int = typed_default(_as_key(value, DataType(Kind.INT64)), data_type)
    return found


def _float(value: Any, data_type: DataType) -> float:
    if isinstance(value, str | bool) or not hasattr(value, "__float__"):
        raise TypeError(value)
    if isinstance(value, Decimal):
        # A training set refuses a column of decimals too.
        raise TypeError(value)
    number = float(value)
    if data_type.kind is Kind.FLOAT64:
        return number
    nearest: float = struct.unpack("<f", struct.pack("<f", number))[0]
    return nearest


def _decimal(value: Any, data_type: DataType) -> Decimal:
    # A float of JSON has few digits, and its shortest text has exactly those.
    exact = Decimal(repr(value)) if isinstance(value, float) else value
    text = Decimal(exact) if isinstance(exact, str) else _as_key(exact, DataType(Kind.DECIMAL))
    found: Decimal = typed_default(str(text), data_type)
    return found


def _time(value: Any, _: DataType) -> dt.time:
    found = dt.time.fromisoformat(value) if isinstance(value, str) else value
    if not isinstance(found, dt.time) or found.tzinfo is not None:
        raise ValueError(value)
    return found


def _instant(value: Any, data_type: DataType) -> dt.datetime:
    midnight = isinstance(value, dt.date) and not isinstance(value, dt.datetime)
    moment = dt.datetime.combine(value, dt.time()) if midnight else value
    instant = _as_key(moment, data_type)
    # pandas' own class of instants is none that an expression computes with.
    found = dt.datetime.combine(instant.date(), instant.time(), dt.UTC)
    return found if data_type.kind is Kind.TIMESTAMPTZ else found.replace(tzinfo=None)


_RULES: dict[str, _Rule] = {
    "integer": _integer,
    "float": _float,
    "decimal": _decimal,
    "string": _as_key,
    "boolean": _as_key,
    "date": _as_key,
    "time": _time,
    "timestamp": _instant,
}
