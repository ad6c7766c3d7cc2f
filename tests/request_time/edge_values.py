"""A table of edge values: every pair of values of every two types occurs in some row."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator, Sequence
from decimal import Context, Decimal
from typing import Any

import pyarrow as pa

from featurestore.request_time.families import (
    BOOLEAN,
    DATE,
    FLOAT64,
    INT16,
    INT32,
    INT64,
    STRING,
    TIMESTAMP,
    TIMESTAMPTZ,
)
from featurestore.values.types import DataType, Kind

__all__ = ["COLUMNS", "ROWS", "TYPES", "arrow_type", "column_names", "rows_of"]

SIZE = 17
"""The number of values of a type, a prime: the columns of a type then pair all values."""
ROWS = SIZE * SIZE


def decimal(precision: int, scale: int) -> DataType:
    """Return a decimal type."""
    return DataType(Kind.DECIMAL, precision=precision, scale=scale)


def integers(bits: int) -> list[int]:
    """Return the extremes of an integer and numbers near zero."""
    most = (1 << (bits - 1)) - 1
    return [0, 1, -1, 2, -2, 3, 7, 10, -10, 100, 255, most, most - 1, -most, -most - 1, 5]


def decimals(precision: int, scale: int) -> list[Decimal]:
    """Return the extremes of a decimal, halves, and numbers near zero."""
    most = 10**precision - 1
    half = 5 * 10 ** (scale - 1) if scale else 5
    units = [0, 1, -1, half, -half, 3 * half, 5 * half, most, -most, most // 3, 7, 125, 99, -250]
    return [Decimal(min(unit, most)).scaleb(-scale, Context(prec=40)) for unit in units]


NAN, INF = math.nan, math.inf
_NAIVE = [
    dt.datetime.fromisoformat(text)
    for text in (
        "2024-02-29 12:30:45.500000",
        "2023-12-31 23:59:59.999999",
        "2024-01-31 00:00:00",
        "0001-01-01 00:00:00",
        "9999-12-31 23:59:59.999999",
        "1969-12-31 23:59:59.000001",
        "1970-01-01 00:00:00",
        # New York's clock skips this instant in spring, and has the next one twice in autumn.
        "2024-03-10 02:30:00",
        "2024-11-03 01:30:00",
        "2020-01-01 00:00:01.000010",
        "2021-01-03 10:00:00",
        "1900-02-28 01:02:03",
        "2000-02-29 00:00:00",
        "1582-10-15 04:00:00",
    )
]
_FIRST, _LAST = dt.datetime.fromisoformat("0001-01-05"), dt.datetime.fromisoformat("9999-12-27")

VALUES: dict[DataType, list[Any]] = {
    BOOLEAN: [True, False],
    INT16: integers(16),
    INT32: integers(32),
    INT64: [*integers(64)[:-1], (1 << 53) + 1],
    decimal(4, 1): decimals(4, 1),
    decimal(9, 3): decimals(9, 3),
    decimal(18, 2): decimals(18, 2),
    decimal(38, 0): decimals(38, 0),
    decimal(38, 10): decimals(38, 10),
    FLOAT64: [
        0.0, -0.0, 1.0, -1.5, 2.5, 3.5, -2.5, 0.285, 1e-300, 1e308, NAN, INF, -INF, 0.1, 2.0**53,
        123456.789,
    ],
    STRING: [
        "", "a", "A", "abc", "a%b", "a_b", "a\\b", " a ", "\ta", "é", "Straße", "日本語", "😀x",
        "O'Hara", "a\nb", "12",
    ],
    DATE: [value.date() for value in _NAIVE],
    TIMESTAMP: _NAIVE,
    # A driver shows the first and the last hours in a year that Python does not have.
    TIMESTAMPTZ: [
        min(max(value, _FIRST), _LAST).replace(tzinfo=dt.UTC) for value in _NAIVE
    ],
}  # fmt: skip
TYPES = tuple(VALUES)
COLUMNS: dict[str, DataType] = {
    f"{str(data_type).translate(str.maketrans('(,', '__', ')'))}_{place}": data_type
    for data_type in TYPES
    for place in (1, 2, 3)
}


def column_names(data_type: DataType) -> list[str]:
    """Return the three columns of a type."""
    return [name for name, found in COLUMNS.items() if found == data_type]


def _padded(values: Sequence[Any]) -> list[Any]:
    """Return as many values as each type has, with a NULL among them."""
    return [None, *(values * SIZE)[: SIZE - 1]]


def _places(row: int) -> Iterator[int]:
    yield row % SIZE
    yield row // SIZE
    yield (7 * row + 3 * (row // SIZE)) % SIZE


def arrow_type(data_type: DataType) -> pa.DataType:
    """Return the type as Arrow's."""
    if data_type.kind is Kind.DECIMAL:
        return pa.decimal128(data_type.precision, data_type.scale)
    instants = {TIMESTAMP: pa.timestamp("us"), TIMESTAMPTZ: pa.timestamp("us", "UTC")}
    plain = {BOOLEAN: pa.bool_(), DATE: pa.date32(), **instants}
    return plain.get(data_type) or getattr(pa, str(data_type))()


def rows_of() -> dict[str, list[Any]]:
    """Return the columns of the table."""
    found: dict[str, list[Any]] = {name: [] for name in COLUMNS}
    padded = {data_type: _padded(values) for data_type, values in VALUES.items()}
    for row in range(ROWS):
        for data_type, values in padded.items():
            for name, place in zip(column_names(data_type), _places(row), strict=True):
                found[name].append(values[place])
    return found
