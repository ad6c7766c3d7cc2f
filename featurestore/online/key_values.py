"""Write values of join keys as text, one text per value, and read them back."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Any

from featurestore.errors import EntityFrameError, UnsupportedOnlineType

__all__ = ["from_text", "is_null", "key_writer", "text_family"]

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def text_family(kind: str) -> str:
    """Return the types whose values have one text: a wider integer finds the same rows.

    >>> text_family("int64"), text_family("uint8"), text_family("string")
    ('int', 'uint', 'string')
    """
    return kind.rstrip("0123456789")


def _integer(value: Any) -> str:
    # numpy's integers have __index__, floats do not: a float may have lost digits of a large id.
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError
    return str(int(value))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    # A lone surrogate has no bytes. It must fail here, where the error names the join key.
    value.encode()
    return value


def _boolean(value: Any) -> str:
    # 1 == True in Python, so the dict below would take 1 for a boolean.
    if isinstance(value, float | int) and not isinstance(value, bool):
        raise TypeError
    return {True: "true", False: "false", "true": "true", "false": "false"}[value]


def _decimal(value: Any) -> str:
    if isinstance(value, float | bool):
        raise TypeError
    number = Decimal(int(value) if hasattr(value, "__index__") else value)
    if not number.is_finite():
        raise TypeError
    plain = f"{number:f}"
    # 1.50 and 1.5 are equal in the warehouse, so they must have one key.
    plain = plain.rstrip("0").rstrip(".") if "." in plain else plain
    return "0" if plain in ("-0", "") else plain


def _date(value: Any) -> str:
    if isinstance(value, str):
        value = dt.date.fromisoformat(value)
    if isinstance(value, dt.datetime) or not isinstance(value, dt.date):
        raise TypeError
    return str(value)


def _instant(value: Any) -> str:
    moment = dt.datetime.fromisoformat(value) if isinstance(value, str) else value
    if not isinstance(moment, dt.datetime):
        raise TypeError
    aware = moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment
    return str((aware - _EPOCH) // dt.timedelta(microseconds=1))


def _zoned(text: str) -> dt.datetime:
    return _EPOCH + dt.timedelta(microseconds=int(text))


@dataclass(frozen=True, slots=True)
class _KeyType:
    """Write and read the values of a family of key types."""

    write: Callable[[Any], str]
    read: Callable[[str], Any]


_TYPES: dict[str, _KeyType] = {
    "int": _KeyType(_integer, int),
    "uint": _KeyType(_integer, int),
    "string": _KeyType(_text, str),
    "bool": _KeyType(_boolean, {"true": True, "false": False}.__getitem__),
    "decimal": _KeyType(_decimal, Decimal),
    "date": _KeyType(_date, dt.date.fromisoformat),
    "timestamp": _KeyType(_instant, lambda text: _zoned(text).replace(tzinfo=None)),
    "timestamptz": _KeyType(_instant, _zoned),
}
_KIND = re.compile(r"([a-z]+?)(?:(\d+)|\[(s|ms|us)\]|\((\d+),(-?\d+)\))?")


def _parsed(kind: str) -> tuple[_KeyType, re.Match[str]]:
    found = _KIND.fullmatch(kind)
    if found is None or found[1] not in _TYPES:
        raise UnsupportedOnlineType(
            f"A join key of type {kind} cannot be published: equal values differ as text.",
            remedy="Cast it to text or to an integer in the model, or declare `online: false`.",
        )
    return _TYPES[found[1]], found


def is_null(value: Any) -> bool:
    """Return whether a value is a missing key: None, or NaN, NaT or NA of pandas.

    >>> is_null(None), is_null(float("nan")), is_null("")
    (True, True, False)
    """
    return value is None or type(value).__name__ in ("NAType", "NaTType") or value != value  # noqa: PLR0124


def key_writer(name: str, kind: str) -> Callable[[Any], str]:
    """Return the function that writes values of one join key as text; equal values get equal texts.

    Args:
        name: The join key, for messages.
        kind: The name of its published type.

    Raises:
        UnsupportedOnlineType: A join key cannot have the type.

    >>> key_writer("flight", "int64")(1545)
    '1545'
    >>> key_writer("price", "decimal(10,2)")("1.50")
    '1.5'
    """
    write = _parsed(kind)[0].write

    def checked(value: Any) -> str:
        try:
            return write(value)
        except (TypeError, ValueError, KeyError, ArithmeticError):
            raise EntityFrameError(
                f"The value {value!r} of the join key '{name}' is not a valid {kind}.",
                remedy=f"Pass it as {kind}, the type in the feature view.",
            ) from None

    return checked


def from_text(texts: Sequence[str] | None, kinds: Sequence[str]) -> tuple[Any, ...] | None:
    """Return the values of join keys; None for texts that `key_writer` does not write.

    >>> from_text(["7"], ["int64"]), from_text(["007"], ["int64"]), from_text(["300"], ["int8"])
    ((7,), None, None)
    """
    if texts is None:
        return None
    if not kinds:
        # The key of a view without join keys has an empty tag.
        return () if list(texts) == [""] else None
    if len(texts) != len(kinds):
        return None
    try:
        return tuple(_value(text, kind) for text, kind in zip(texts, kinds, strict=True))
    except (ValueError, KeyError, ArithmeticError):
        return None


def _value(text: str, kind: str) -> Any:
    """Read one value; raise ValueError for a text that the type does not write."""
    key_type, found = _parsed(kind)
    value = key_type.read(text)
    _, bits, unit, precision, scale = found.groups()
    fits = True
    if bits:
        size = int(bits)
        low, high = (0, 2**size) if kind.startswith("u") else (-(2 ** (size - 1)), 2 ** (size - 1))
        fits = low <= value < high
    elif unit:
        fits = not int(text) % {"s": 1_000_000, "ms": 1_000, "us": 1}[unit]
    elif precision:
        shifted = value.scaleb(int(scale), context=Context(prec=100))
        fits = shifted == shifted.to_integral_value() and shifted.copy_abs() < 10 ** int(precision)
    # Only the text that the writer gives: "007" reads as 7, but is the key of no row.
    if not fits or key_type.write(value) != text:
        raise ValueError(text)
    return value
