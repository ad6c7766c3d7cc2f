"""The logical types as sqlglot's."""

from __future__ import annotations

from sqlglot import exp

from featurestore.values.types import DataType, Kind

__all__ = ["type_node"]

_WORDS = {
    Kind.BOOLEAN: "boolean",
    Kind.INT8: "tinyint",
    Kind.INT16: "smallint",
    Kind.INT32: "int",
    Kind.INT64: "bigint",
    Kind.UINT8: "utinyint",
    Kind.UINT16: "usmallint",
    Kind.UINT32: "uinteger",
    Kind.UINT64: "ubigint",
    Kind.FLOAT32: "real",
    Kind.FLOAT64: "double",
    Kind.STRING: "text",
    Kind.DATE: "date",
    Kind.TIMESTAMP: "timestamp",
    Kind.TIMESTAMPTZ: "timestamptz",
    Kind.TIME: "time",
    Kind.DECIMAL: "decimal",
}


def type_node(data_type: DataType) -> exp.DataType | None:
    """Return the type as sqlglot writes it in every dialect; None for a type without one name.

    >>> from featurestore.values.types import DataType, Kind
    >>> type_node(DataType(Kind.TIMESTAMP)).sql("spark")
    'TIMESTAMP_NTZ'
    """
    word = _WORDS.get(data_type.kind)
    if data_type.kind is Kind.DECIMAL and data_type.precision is not None:
        word = f"decimal({data_type.precision}, {data_type.scale})"
    return exp.DataType.build(word, dialect="duckdb") if word else None
