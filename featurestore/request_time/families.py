"""Families of types: the table of forms names them, and each holds the types that act alike."""

from __future__ import annotations

from enum import StrEnum

from featurestore.values.types import DataType, Kind

__all__ = [
    "BOOLEAN",
    "DATE",
    "FLOAT64",
    "INT16",
    "INT32",
    "INT64",
    "NULL",
    "STRING",
    "TIMESTAMP",
    "TIMESTAMPTZ",
    "Family",
    "family",
    "widths",
]

BOOLEAN = DataType(Kind.BOOLEAN)
INT16 = DataType(Kind.INT16)
INT32 = DataType(Kind.INT32)
INT64 = DataType(Kind.INT64)
FLOAT64 = DataType(Kind.FLOAT64)
STRING = DataType(Kind.STRING)
DATE = DataType(Kind.DATE)
TIMESTAMP = DataType(Kind.TIMESTAMP)
TIMESTAMPTZ = DataType(Kind.TIMESTAMPTZ)
NULL = DataType(Kind.NULL)

widths = {Kind.INT16: 16, Kind.INT32: 32, Kind.INT64: 64}
"""The bits of each integer that expressions compute with."""


class Family(StrEnum):
    """Types that a form treats alike."""

    ANY = "any type"
    BOOLEAN = "boolean"
    NUMBER = "number"
    INTEGER = "integer"
    DECIMAL = "decimal"
    FLOAT = "double"
    TEXT = "text"
    DATE = "date"
    TIMESTAMP = "timestamp"
    TIMESTAMPTZ = "timestamptz"
    INTERVAL = "interval"
    NULL = "null"
    OTHER = "other"


_FAMILIES = {
    BOOLEAN: Family.BOOLEAN,
    INT16: Family.INTEGER,
    INT32: Family.INTEGER,
    INT64: Family.INTEGER,
    FLOAT64: Family.FLOAT,
    STRING: Family.TEXT,
    DATE: Family.DATE,
    TIMESTAMP: Family.TIMESTAMP,
    TIMESTAMPTZ: Family.TIMESTAMPTZ,
    NULL: Family.NULL,
}


def family(data_type: DataType) -> Family:
    """Return the family of a type; `OTHER` for a type that must be cast first.

    >>> family(DataType(Kind.INT16)), family(DataType(Kind.FLOAT32))
    (<Family.INTEGER: 'integer'>, <Family.OTHER: 'other'>)
    """
    if data_type.kind is Kind.DECIMAL:
        return Family.DECIMAL
    return _FAMILIES.get(data_type, Family.OTHER)
