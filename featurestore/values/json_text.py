"""JSON of values that JSON itself does not know."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from featurestore.values.durations import format_duration

__all__ = ["dump_json", "json_value", "to_json"]


def to_json(value: object, *, indent: int | None = None, ascii_only: bool = False) -> str:
    """Return a value as JSON that every parser reads.

    Times are in ISO 8601, durations in words, decimals and UUIDs text, bytes base64. NaN and
    infinity are null, since JSON has neither.

    Args:
        value: A value of Python; mappings, sequences and sets may be nested.
        indent: The spaces of one level; by default all is on one line.
        ascii_only: Whether to write other characters as escapes, for an output that is not UTF-8.

    >>> from decimal import Decimal
    >>> to_json({"balance": Decimal("1.50"), "ratio": float("nan"), "age": timedelta(hours=1)})
    '{"balance": "1.50", "ratio": null, "age": "1 hour"}'
    """
    return dump_json(json_value(value), indent=indent, ascii_only=ascii_only)


def dump_json(plain: object, *, indent: int | None = None, ascii_only: bool = False) -> str:
    """Return a value that consists of JSON's types as JSON; see `to_json`."""
    return json.dumps(plain, indent=indent, ensure_ascii=ascii_only, allow_nan=False)


def json_value(value: object) -> object:
    """Return a value as one that consists of JSON's types; see `to_json`."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): json_value(item) for key, item in value.items()}
    for kind, write in _SCALARS.items():
        if isinstance(value, kind):
            return write(value)
    if isinstance(value, Iterable):
        return [json_value(item) for item in value]
    raise TypeError(f"{type(value).__name__} has no form in JSON")


_SCALARS: Mapping[tuple[type, ...], Callable[[Any], str]] = {
    (datetime, date, time): lambda moment: moment.isoformat(),
    (timedelta,): format_duration,
    (Decimal, UUID): str,
    (bytes, bytearray, memoryview): lambda raw: base64.b64encode(raw).decode(),
}
