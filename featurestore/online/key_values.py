"""Write values of join keys as text, one text per value, and read them back."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from functools import cache
from typing import Any
from uuid import UUID

from featurestore.errors import UnsupportedOnlineType
from featurestore.online.online_types import logical_type
from featurestore.values.epoch import EPOCH, MICROSECOND, micros_since_1970
from featurestore.values.key_rules import KeyRule, checked_rule, key_rule

__all__ = ["from_text", "is_null", "key_writer", "text_family"]


def text_family(kind: str) -> str:
    """Return the types whose values have one text: a wider integer finds the same rows.

    >>> text_family("int64"), text_family("uint8"), text_family("string")
    ('int', 'uint', 'string')
    """
    return kind.rstrip("0123456789")


def _plain(number: Any) -> str:
    if type(number) is int:
        return str(number)
    text = f"{number:f}"
    # 1.50 and 1.5 are equal in the warehouse, so they must have one key.
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("-0", "") else text


def _micros(moment: dt.datetime) -> str:
    return str(micros_since_1970(moment))


def _zoned(text: str) -> dt.datetime:
    return EPOCH + int(text) * MICROSECOND


@dataclass(frozen=True, slots=True)
class _KeyType:
    """The texts of a family of key types: write a value that fits the rule, and read it back."""

    write: Callable[[Any], str]
    read: Callable[[str], Any]


_TYPES: dict[str, _KeyType] = {
    "int": _KeyType(_plain, int),
    "uint": _KeyType(_plain, int),
    "string": _KeyType(str, str),
    "bool": _KeyType(
        {True: "true", False: "false"}.__getitem__, {"true": True, "false": False}.__getitem__
    ),
    "decimal": _KeyType(_plain, Decimal),
    "date": _KeyType(str, dt.date.fromisoformat),
    "timestamp": _KeyType(_micros, lambda text: _zoned(text).replace(tzinfo=None)),
    "timestamptz": _KeyType(_micros, _zoned),
    "uuid": _KeyType(str, lambda text: str(UUID(text))),
}
_KIND = re.compile(r"([a-z]+?)(?:(\d+)|\[(s|ms|us)\]|\((\d+),(-?\d+)\))?")


@dataclass(frozen=True, slots=True)
class _Key:
    """The published type of a join key, taken apart."""

    rule: KeyRule
    text: _KeyType
    found: re.Match[str]

    def write(self, value: Any) -> str:
        return self.text.write(self.rule(value))


@cache
def _parsed(kind: str) -> _Key:
    found = _KIND.fullmatch(kind)
    rule = key_rule(logical_type(kind)) if found and found[1] in _TYPES else None
    if found is None or rule is None:
        raise UnsupportedOnlineType(
            f"A join key of type {kind} cannot be published: equal values differ as text.",
            remedy="Cast it to text or to an integer in the model, or declare `online: false`.",
        )
    return _Key(rule, _TYPES[found[1]], found)


def is_null(value: Any) -> bool:
    """Return whether a value is a missing key: None, or NaN, NaT or NA of pandas.

    >>> is_null(None), is_null(float("nan")), is_null("")
    (True, True, False)
    """
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    try:
        return bool(value != value)  # noqa: PLR0124
    except (ValueError, ArithmeticError):
        # An array has no single truth, and a signaling NaN does not compare: bad keys, not NULL.
        return False


def key_writer(name: str, kind: str, *, where: str = "the feature view") -> Callable[[Any], str]:
    """Return the function that writes values of one join key as text; equal values get equal texts.

    Args:
        name: The join key, for messages.
        kind: The name of its published type.
        where: The view that has the type, for messages.

    Raises:
        UnsupportedOnlineType: A join key cannot have the type.

    >>> key_writer("flight", "int64")(1545)
    '1545'
    >>> key_writer("price", "decimal(10,2)")("1.50")
    '1.5'
    """
    return checked_rule(name, kind, _parsed(kind).write, where=where)


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
    key = _parsed(kind)
    value = key.text.read(text)
    _, bits, unit, precision, scale = key.found.groups()
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
    if not fits or key.write(value) != text:
        raise ValueError(text)
    return value
