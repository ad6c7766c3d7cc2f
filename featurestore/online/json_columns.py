"""Columns of an online response with the values that JSON has, column by column."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time
from typing import Any

from featurestore.online.online_types import ticks_of
from featurestore.values.json_text import json_value

__all__ = ["json_column"]

_AS_THEY_ARE = frozenset(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)) | {
    "bool",
    "string",
    "null",
}


def json_column(kind: str, values: Sequence[Any]) -> Sequence[Any]:
    """Return the values of a published type as JSON has them; see `json_value`.

    >>> json_column("float64", [0.5, float("nan"), None]), json_column("date", [date(2024, 3, 1)])
    ([0.5, None, None], ['2024-03-01'])
    """
    if kind in _AS_THEY_ARE:
        return values
    if kind.startswith("float") and not kind.endswith("]"):
        return _finite(values)
    write = _WRITERS.get(kind.partition("[")[0] if ticks_of(kind) else kind.partition("(")[0])
    if write is None:
        return [json_value(value) for value in values]
    try:
        # No value is missing in most columns: then the loop runs in C.
        return [*map(write, values)]
    except TypeError:
        return [None if value is None else write(value) for value in values]


def _finite(values: Sequence[Any]) -> Sequence[Any]:
    try:
        if all(map(math.isfinite, values)):
            return values
    except TypeError:
        pass
    return [value if value is not None and math.isfinite(value) else None for value in values]


def _decimal(value: Any) -> str:
    # `str(None)` would not fail.
    if value is None:
        raise TypeError
    return str(value)


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()


_WRITERS: Mapping[str, Callable[[Any], str]] = {
    "timestamp": datetime.isoformat,
    "timestamptz": datetime.isoformat,
    "date": date.isoformat,
    "time": time.isoformat,
    "decimal": _decimal,
    "bytes": _base64,
}
