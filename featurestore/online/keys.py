"""The names of everything this project keeps in Redis.

    fs:<project>:<view>:{<key>,<key>...}    one row of a feature view
    fs-meta:<project>:...                   the project's own books

Every part is percent-encoded (RFC 3986: all but letters, digits and `-._~`), so no two of them can
run into one another. The braces make the join keys the hash tag of Redis Cluster: all rows of one
entity live in one slot.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import quote, unquote

from featurestore.errors import EntityFrameError, UnsupportedOnlineType

__all__ = [
    "book",
    "entity_key",
    "from_text",
    "key_writer",
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


def book(project: str, *parts: str) -> str:
    """Return the key of one of the project's own books.

    >>> book("flights", "schema", "plane_features")
    'fs-meta:flights:schema:plane_features'
    """
    return ":".join(["fs-meta", *(quote(part, safe="") for part in (project, *parts))])


def view_of(key: bytes, project: str) -> str:
    """Return the view that a row's key belongs to."""
    return unquote(key.decode().removeprefix(f"fs:{quote(project, safe='')}:").partition(":")[0])


def entity_key(prefix: str, texts: Iterable[str]) -> str:
    """Return the key of one row, from the texts of its join keys.

    >>> entity_key("fs:flights:route_features:", ["a,b", "c"])
    'fs:flights:route_features:{a%2Cb,c}'
    """
    return f"{prefix}{{{','.join([quote(text, safe='') for text in texts])}}}"


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
    return value


def _boolean(value: Any) -> str:
    return {True: "true", False: "false", "true": "true", "false": "false"}[value]


def _decimal(value: Any) -> str:
    if isinstance(value, float):
        raise TypeError
    number = Decimal(value)
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


_Writer = Callable[[Any], str]
_WRITERS: tuple[tuple[str, _Writer, Callable[[str], Any]], ...] = (
    ("int", _integer, int),
    ("uint", _integer, int),
    ("string", _text, str),
    ("bool", _boolean, {"true": True, "false": False}.__getitem__),
    ("decimal", _decimal, Decimal),
    ("date", _date, dt.date.fromisoformat),
    ("timestamp[", _instant, lambda text: (_EPOCH + _micros(text)).replace(tzinfo=None)),
    ("timestamptz[", _instant, lambda text: _EPOCH + _micros(text)),
)


def _micros(text: str) -> dt.timedelta:
    return dt.timedelta(microseconds=int(text))


def _row(kind: str) -> tuple[str, _Writer, Callable[[str], Any]]:
    for row in _WRITERS:
        if kind.startswith(row[0]):
            return row
    raise UnsupportedOnlineType(
        f"A join key of type {kind} cannot be published: it has no one way to be written.",
        remedy="Cast it to text or to an integer in the model, or declare `online: false`.",
    )


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
    _, write, _ = _row(kind)

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
    """Read the values of join keys back; None if the texts are not of these types."""
    if texts is None:
        return None
    if not kinds:
        return () if list(texts) == [""] else None
    if len(texts) != len(kinds):
        return None
    try:
        return tuple(_row(kind)[2](text) for text, kind in zip(texts, kinds, strict=True))
    except (ValueError, KeyError, ArithmeticError):
        return None
