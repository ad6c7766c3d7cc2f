"""The names of everything this project keeps in Redis.

    fs:<project>:<view>:{<key>,<key>...}    one row of a feature view
    fs-meta:{<project>}:...                 the project's own books
    fs-guard:<project>:...:{<any>}          what guards the slots of a cluster

Every part is percent-encoded (RFC 3986: all but letters, digits and `-._~`), so no two of them can
run into one another. The braces make the join keys the hash tag of Redis Cluster: all rows of one
entity live in one slot, and so do all books of one project.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Any
from urllib.parse import quote, unquote

from featurestore.errors import EntityFrameError, UnsupportedOnlineType

__all__ = [
    "encoded",
    "entity_key",
    "from_text",
    "guard_key",
    "is_null",
    "key_writer",
    "metadata_key",
    "row_prefix",
    "split_key",
    "view_of",
]

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def row_prefix(project: str, view: str) -> str:
    """Return what the keys of all rows of a view begin with.

    >>> row_prefix("flights", "plane_features.v2"), row_prefix("a:b", "c")
    ('fs:flights:plane_features.v2:', 'fs:a%3Ab:c:')
    """
    return f"fs:{quote(project, safe='')}:{quote(view, safe='')}:"


def metadata_key(project: str, *parts: str) -> str:
    """Return the key of one of the project's own books.

    >>> metadata_key("flights", "schema", "plane_features")
    'fs-meta:{flights}:schema:plane_features'
    """
    tag = f"{{{quote(project, safe='')}}}"
    return ":".join(["fs-meta", tag, *(quote(part, safe="") for part in parts)])


def guard_key(project: str, *parts: str, tag: str) -> str:
    """Return the key of a guard of one slot of a cluster, the one that a tag belongs to.

    >>> guard_key("flights", "fence", tag="123")
    'fs-guard:flights:fence:{123}'
    """
    names = ":".join(quote(part, safe="") for part in (project, *parts))
    return f"fs-guard:{names}:{{{tag}}}"


def view_of(key: bytes, project: str) -> str:
    """Return the view that a row's key belongs to."""
    return unquote(key.decode().removeprefix(f"fs:{quote(project, safe='')}:").partition(":")[0])


def entity_key(prefix: str, texts: Iterable[str]) -> str:
    """Return the key of one row, from the texts of its join keys.

    >>> entity_key("fs:flights:route_features:", ["a,b", "c"])
    'fs:flights:route_features:{a%2Cb,c}'
    """
    return f"{prefix}{{{','.join([encoded(text) for text in texts])}}}"


def encoded(text: str) -> str:
    """Return the text of one join key as it stands in a key.

    >>> encoded("N14228"), encoded("a,b")
    ('N14228', 'a%2Cb')
    """
    return text if text.isascii() and text.isalnum() else quote(text, safe="")


def split_key(key: bytes, prefix: str) -> list[str] | None:
    """Return the texts of a row's join keys; None if the key is none of this view's."""
    try:
        tag = key.decode("ascii").removeprefix(prefix)
    except UnicodeDecodeError:
        return None
    if not (tag.startswith("{") and tag.endswith("}")):
        return None
    return [unquote(text) for text in tag[1:-1].split(",")]


def _integer(value: Any) -> str:
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError
    return str(int(value))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    value.encode()
    return value


def _boolean(value: Any) -> str:
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
    """How values of a family of key types are written, and read back."""

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
            f"A join key of type {kind} cannot be published: it has no one way to be written.",
            remedy="Cast it to text or to an integer in the model, or declare `online: false`.",
        )
    return _TYPES[found[1]], found


def is_null(value: Any) -> bool:
    """Whether a value stands for a missing key: None, or what pandas has for it.

    >>> is_null(None), is_null(float("nan")), is_null("")
    (True, True, False)
    """
    return value is None or type(value).__name__ in ("NAType", "NaTType") or value != value  # noqa: PLR0124


def key_writer(name: str, kind: str) -> Callable[[Any], str]:
    """Return the function that writes values of one join key as text, the same for equal values.

    Args:
        name: The join key, for messages.
        kind: The name of its published type.

    Raises:
        UnsupportedOnlineType: Values of the type cannot be keys.

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
                f"The value {value!r} of the join key '{name}' is no {kind}.",
                remedy=f"Give it as {kind}, as the feature view has it.",
            ) from None

    return checked


def from_text(texts: Sequence[str] | None, kinds: Sequence[str]) -> tuple[Any, ...] | None:
    """Read the values of join keys back.

    Returns:
        The values; None if the texts are none that a value of these types is written as.

    >>> from_text(["7"], ["int64"]), from_text(["007"], ["int64"]), from_text(["300"], ["int8"])
    ((7,), None, None)
    """
    if texts is None:
        return None
    if not kinds:
        return () if list(texts) == [""] else None
    if len(texts) != len(kinds):
        return None
    try:
        return tuple(_value(text, kind) for text, kind in zip(texts, kinds, strict=True))
    except (ValueError, KeyError, ArithmeticError):
        return None


def _value(text: str, kind: str) -> Any:
    """Read one value; whatever the type could not have written is a ValueError."""
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
    if not fits or key_type.write(value) != text:
        raise ValueError(text)
    return value
