"""ClickHouse's types: how columns are created, and how values are read that Arrow has no type for.

Over Arrow, ClickHouse sends a DateTime as a number of seconds, an Enum as the number of its value
and an IPv4 as 32 bits. A query that returns such a column is therefore wrapped in one that converts
it, so that a value has the type that DuckDB gives it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from sqlglot import exp

from featurestore.values.type_spellings import UnknownType, parse_type
from featurestore.values.types import DataType, Kind

__all__ = ["created_type", "described_type", "readable"]

_CREATED = {
    Kind.BOOLEAN: "Bool",
    Kind.INT8: "Int8",
    Kind.INT16: "Int16",
    Kind.INT32: "Int32",
    Kind.INT64: "Int64",
    Kind.FLOAT32: "Float32",
    Kind.FLOAT64: "Float64",
    # The wider of the two types for each: Date begins in 1970, and DateTime has whole seconds.
    Kind.DATE: "Date32",
    Kind.TIME: "Time64(6)",
    Kind.TIMESTAMP: "DateTime64(6, 'UTC')",
    Kind.TIMESTAMPTZ: "DateTime64(6, 'UTC')",
    Kind.UUID: "UUID",
}
_WRAPPER = re.compile(r"^(?:Nullable|LowCardinality|SimpleAggregateFunction)\((?:\w+, )?(.+)\)$")
_ARRAY = re.compile(r"^Array\((.+)\)$")
_READ = {
    "Date": "toDate32({})",
    "DateTime": "toDateTime64({}, 6, 'UTC')",
    "Int128": "toDecimal128({}, 0)",
    "UInt128": "toDecimal128({}, 0)",
    **dict.fromkeys(
        ("Enum8", "Enum16", "FixedString", "Int256", "IPv4", "IPv6", "JSON", "UInt256", "UUID"),
        "toString({})",
    ),
}


def created_type(data_type: DataType) -> str:
    """Return the type of a new column that holds NULL.

    >>> created_type(DataType(Kind.ARRAY, element=DataType(Kind.DECIMAL, 10, 2)))
    'Array(Nullable(Decimal(10, 2)))'
    """
    if data_type.element is not None:
        return f"Array({created_type(data_type.element)})"
    if data_type.kind is Kind.DECIMAL:
        return f"Nullable(Decimal({data_type.precision}, {data_type.scale}))"
    return f"Nullable({_CREATED.get(data_type.kind, 'String')})"


def described_type(text: str) -> DataType:
    """Return the type that ClickHouse spells this way.

    >>> print(described_type("LowCardinality(Nullable(String))"), described_type("Tuple(Int8)"))
    string Tuple(Int8)
    """
    plain = _unwrapped(text)
    if array := _ARRAY.match(plain):
        return DataType(Kind.ARRAY, element=described_type(array[1]))
    if plain == "Nothing":
        return DataType(Kind.NULL)
    try:
        return parse_type(plain, "clickhouse")
    except UnknownType:
        return DataType(Kind.OTHER, text=plain)


def readable(sql: str, types: Mapping[str, str]) -> str:
    """Return a query whose values keep their meaning in Arrow.

    Args:
        sql: A query.
        types: The types of its columns as ClickHouse spells them, by name.

    >>> print(readable("SELECT x, y FROM t", {"x": "Nullable(DateTime)", "y": "Int8"}))
    SELECT toDateTime64("x", 6, 'UTC') AS "x", "y" FROM (
    SELECT x, y FROM t
    )
    """
    quoted = {name: exp.to_identifier(name, quoted=True).sql("clickhouse") for name in types}
    read = {name: _read(quoted[name], text, 1) for name, text in types.items()}
    if read == quoted:
        return sql
    columns = ", ".join(
        quoted[name] if read[name] == quoted[name] else f"{read[name]} AS {quoted[name]}"
        for name in types
    )
    return f"SELECT {columns} FROM (\n{sql}\n)"


def _read(value: str, text: str, depth: int) -> str:
    """Return the SQL that converts a value; the value itself if Arrow has its type."""
    plain = _unwrapped(text)
    if array := _ARRAY.match(plain):
        element = f"e{depth}"
        read = _read(element, array[1], depth + 1)
        return value if read == element else f"arrayMap({element} -> {read}, {value})"
    return _READ.get(plain.partition("(")[0], "{}").format(value)


def _unwrapped(text: str) -> str:
    while wrapped := _WRAPPER.match(text):
        text = wrapped[1]
    return text
