"""The types of warehouses that no frame, file or online row keeps: each has a cast that does.

The warehouse's own type decides. A driver maps these to types that look harmless: a time loses its
zone, and a bit string becomes the bytes that the engine keeps it in.
"""

from __future__ import annotations

import re

from featurestore.values.types import DataType, Kind

__all__ = ["lossless_cast", "publishable_cast"]

_CASTS = {
    "TIME WITH TIME ZONE": "time or text",
    "TIMETZ": "time or text",
    "TIME_NS": "time",
    **dict.fromkeys(
        ("INTERVAL", "INTERVAL DAY TO SECOND", "INTERVAL YEAR TO MONTH"),
        "a number, such as its seconds",
    ),
    "BIT": "text",
    "BIT VARYING": "text",
    "VARBIT": "text",
    "BIGNUM": "decimal or text",
    "UNION": "a struct or text",
    "VARIANT": "JSON text",
    "GEOMETRY": "text",
    "GEOGRAPHY": "text",
}
_MOST_DIGITS = 38
"""The digits of a decimal of 16 bytes."""
_TEXTS = frozenset({Kind.STRING, Kind.BYTES, Kind.UUID, Kind.JSON})
_QUOTED = re.compile(r"\"(?:[^\"]|\"\")*\"|'(?:[^']|'')*'")
# A word before another one is the name of a field.
_WORD = re.compile(rf"\b(?:{'|'.join(_CASTS)})(?=[,)\[(]|$)")


def lossless_cast(data_type: DataType) -> str | None:
    """Return the type to cast to if values of a type lose their meaning; None if they do not.

    >>> from featurestore.values.type_spellings import parse_type
    >>> lossless_cast(DataType(Kind.OTHER, text="TIME WITH TIME ZONE"))
    'time or text'
    >>> lossless_cast(parse_type("STRUCT(bit INTEGER, interval DATE)"))
    """
    while data_type.element is not None:
        data_type = data_type.element
    if data_type.kind is Kind.OPAQUE:
        return _CASTS.get(str(data_type).upper(), "text")
    if data_type.kind is not Kind.OTHER:
        return None
    found = _WORD.search(_QUOTED.sub("", data_type.text or "").upper())
    return _CASTS[found[0]] if found else None


def publishable_cast(data_type: DataType) -> str | None:
    """Return the type to cast to if the online format lacks a type; None if it has it.

    >>> from featurestore.values.type_spellings import parse_type
    >>> publishable_cast(parse_type("MAP(VARCHAR, INTEGER)")), publishable_cast(parse_type("INT[]"))
    ('JSON text', None)
    >>> publishable_cast(DataType(Kind.DECIMAL))
    'numeric(18, 4)'
    """
    if data_type.element is not None:
        inner = data_type.element
        varies = inner.element is not None or inner.kind in _TEXTS
        if inner.size is not None or (data_type.size is not None and varies):
            return "a list, or a list of lists"
        return publishable_cast(inner)
    if data_type.kind in (Kind.OTHER, Kind.OPAQUE):
        return lossless_cast(data_type) or "JSON text"
    if data_type.variant == "numeric":
        # Each value has its own scale, and a driver returns doubles.
        return "numeric(18, 4)"
    if (data_type.precision or 0) > _MOST_DIGITS and data_type.kind is Kind.DECIMAL:
        return f"decimal({_MOST_DIGITS}, {min(data_type.scale or 0, _MOST_DIGITS)})"
    return "a timestamp of microseconds" if data_type.has_nanoseconds else None
