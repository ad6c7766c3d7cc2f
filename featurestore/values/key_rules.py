"""The one rule for values of join keys, which training sets, `why` and online reads share.

| key's type | forms of a value that are accepted |
| --- | --- |
| integer, decimal without a fraction | integers and decimals |
| decimal | integers, decimals, text |
| text | text |
| boolean | booleans, the texts `true` and `false` |
| date | dates, ISO 8601 text |
| timestamp | timestamps with or without a zone (UTC), ISO 8601 text; microseconds at most |
| uuid | UUIDs and their text, in any case, dashed or not |

Numpy's scalars count as Python's. A boolean is not an integer, and a float is refused: it may have
lost digits of a large id.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from decimal import Decimal
from operator import index
from typing import Any
from uuid import UUID

from featurestore.errors import EntityFrameError
from featurestore.values.types import DataType, Kind

__all__ = ["KeyRule", "checked_rule", "key_rule"]

KeyRule = Callable[[Any], Any]
"""Returns one Python value for all forms of a value, or raises one of Python's own errors."""

_BEYOND_MICROSECONDS = re.compile(r"[.,]\d{6}\d*[1-9]")
_MICROSECONDS = "datetime64[us]"


def _is_boolean(value: Any) -> bool:
    return isinstance(value, bool) or _numpy_kind(value) == "b"


def _numpy_kind(value: Any) -> str:
    """Return numpy's letter for the type of a numpy value; an empty text for other values."""
    return str(getattr(getattr(value, "dtype", None), "kind", ""))


def _number(value: Any) -> Decimal:
    if not isinstance(value, Decimal):
        if _is_boolean(value):
            raise ValueError(value)
        # numpy's integers have __index__, floats do not.
        return Decimal(index(value))
    if not value.is_finite():
        raise ValueError(value)
    return value


def _integer(value: Any) -> int | Decimal:
    if type(value) is int:
        return value
    number = _number(value)
    # A fraction stays, so that it finds no row: cut off, it would find another entity's.
    return int(number) if number == number.to_integral_value() else number


def _decimal(value: Any) -> Decimal:
    return _number(Decimal(value) if isinstance(value, str) else value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(value)
    # A lone surrogate has no bytes. It must fail here, where the error names the join key.
    value.encode()
    return value


def _boolean(value: Any) -> bool:
    if isinstance(value, str):
        return {"true": True, "false": False}[value]
    if not _is_boolean(value):
        raise ValueError(value)
    return bool(value)


def _date(value: Any) -> dt.date:
    if isinstance(value, str):
        return dt.date.fromisoformat(value)
    plain: object = _without_numpy(value)
    if isinstance(plain, dt.date) and not isinstance(plain, dt.datetime):
        return plain
    raise ValueError(value)


def _instant(value: Any) -> dt.datetime:
    if isinstance(value, str):
        if _BEYOND_MICROSECONDS.search(value):
            raise ValueError(value)
        moment = dt.datetime.fromisoformat(value)
    else:
        moment = _without_numpy(value)
    # Nanoseconds of pandas: cut off, they would find another instant's row.
    if not isinstance(moment, dt.datetime) or getattr(moment, "nanosecond", False):
        raise ValueError(value)
    return moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment.astimezone(dt.UTC)


def _without_numpy(value: Any) -> Any:
    """Return numpy's date or instant as Python's; other values as they are."""
    if _numpy_kind(value) != "M":
        return value
    if value.dtype == "datetime64[D]":
        return value.item()
    micros = value.astype(_MICROSECONDS)
    if micros != value:
        raise ValueError(value)
    return micros.item()


def _uuid(value: Any) -> UUID:
    return value if isinstance(value, UUID) else UUID(_text(value))


_RULES: dict[str, KeyRule] = {
    "integer": _integer,
    "decimal": _decimal,
    "string": _text,
    "boolean": _boolean,
    "date": _date,
    "timestamp": _instant,
    "uuid": _uuid,
}


def key_rule(data_type: DataType) -> KeyRule | None:
    """Return the rule of a key's type; None for a type whose values only compare as they are.

    >>> from featurestore.values.type_spellings import parse_type
    >>> key_rule(parse_type("uuid"))("7D5E1B5C6A1C4F3C9E1E000000000001")
    UUID('7d5e1b5c-6a1c-4f3c-9e1e-000000000001')
    >>> key_rule(parse_type("blob")) is None
    True
    """
    # A wide integer arrives as decimal(38,0) from many engines, so both have the rule of integers.
    if data_type.kind is Kind.DECIMAL and not data_type.scale:
        return _integer
    return _RULES.get(data_type.family)


def checked_rule(
    name: str, kind: str, rule: KeyRule, *, where: str = "the feature view"
) -> KeyRule:
    """Return a rule that refuses a value by an error that names the join key.

    Args:
        name: The join key.
        kind: Its type, as messages show it.
        rule: Raises one of Python's own errors for a value that the type does not have.
        where: The view that has the type: a key of the same name may have another one elsewhere.
    """

    def checked(value: Any) -> Any:
        try:
            return rule(value)
        except (TypeError, ValueError, KeyError, ArithmeticError):
            raise EntityFrameError(
                f"The value {value!r} of the join key '{name}' is not a valid {kind}.",
                remedy=f"Pass it as {kind}, the type in {where}.",
                about=name,
            ) from None

    return checked
