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

__all__ = ["to_json"]


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
    plain = _plain(value)
    return json.dumps(plain, indent=indent, ensure_ascii=ascii_only, allow_nan=False)


def _plain(value: object) -> object:
    """Return a value that consists of JSON's types."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    for kind, write in _SCALARS.items():
        if isinstance(value, kind):
            return write(value)
    if isinstance(value, Iterable):
        return [_plain(item) for item in value]
    raise TypeError(f"{type(value).__name__} has no form in JSON")


_SCALARS: Mapping[tuple[type, ...], Callable[[Any], str]] = {
    (datetime, date, time): lambda moment: moment.isoformat(),
    (timedelta,): format_duration,
    (Decimal, UUID): str,
    (bytes, bytearray, memoryview): lambda raw: base64.b64encode(raw).decode(),
}
