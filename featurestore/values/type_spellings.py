"""How each warehouse spells the logical types.

The text comes from `data_type` in dbt's yml, or from the warehouse's own catalog. One table holds
the spellings of all dialects, a second the few words whose meaning depends on the engine.
"""

from __future__ import annotations

import re
from functools import lru_cache

from featurestore.values.types import DataType, Kind

__all__ = ["UnknownType", "parse_type", "without_sizes"]


class UnknownType(ValueError):
    """The text is not the name of a known type."""


_SPELLINGS: dict[Kind, str] = {
    Kind.BOOLEAN: "boolean bool logical",
    Kind.INT8: "tinyint int1 byteint byte",
    Kind.INT16: "int16 smallint int2 short",
    Kind.INT32: "int32 integer int int4 signed mediumint serial",
    Kind.INT64: "int64 bigint int8 long bigserial",
    Kind.INT128: "int128 hugeint",
    Kind.UINT8: "uint8 utinyint",
    Kind.UINT16: "uint16 usmallint",
    Kind.UINT32: "uint32 uinteger",
    Kind.UINT64: "uint64 ubigint",
    Kind.UINT128: "uint128 uhugeint",
    Kind.FLOAT32: "float32 float4 real",
    Kind.FLOAT64: "float64 float8 double|double precision",
    Kind.DECIMAL: "decimal numeric number dec fixed bigdecimal bignumeric",
    Kind.STRING: "string varchar text char bpchar nvarchar nchar name character|character varying",
    Kind.BYTES: "bytes blob bytea binary varbinary",
    Kind.DATE: "date date32",
    Kind.TIME: "time|time without time zone",
    Kind.TIMESTAMP: (
        "timestamp datetime timestamp_ntz timestampntz timestamp_s timestamp_ms timestamp_us "
        "timestamp_ns datetime2|timestamp without time zone"
    ),
    Kind.TIMESTAMPTZ: (
        "timestamptz timestamp_tz timestamp_ltz timestampltz timestamptz_ns datetimeoffset"
        "|timestamp with time zone|timestamp with local time zone"
    ),
    Kind.UUID: "uuid",
    Kind.JSON: "json jsonb variant",
    Kind.NULL: 'null "null"',
}


def _words(spellings: str) -> list[str]:
    single, *phrases = spellings.split("|")
    return single.split() + phrases


_KINDS = {word: kind for kind, spelling in _SPELLINGS.items() for word in _words(spelling)}

# Words whose meaning differs from the table above on some engines.
_DIALECT_KINDS: dict[str, dict[str, Kind]] = {
    # Not JSON: DuckDB returns the bytes of its own encoding.
    "duckdb": {"variant": Kind.OTHER},
    "bigquery": {"timestamp": Kind.TIMESTAMPTZ, "integer": Kind.INT64, "int": Kind.INT64},
    "snowflake": {"float": Kind.FLOAT64, "real": Kind.FLOAT64, "float4": Kind.FLOAT64},
    "spark": {"timestamp": Kind.TIMESTAMPTZ},
    "databricks": {"timestamp": Kind.TIMESTAMPTZ},
    # The zone of an instant is for display only; `Int8` counts bits, where others count bytes.
    "clickhouse": {
        "datetime": Kind.TIMESTAMPTZ,
        "datetime64": Kind.TIMESTAMPTZ,
        "int8": Kind.INT8,
        "fixedstring": Kind.STRING,
        "time64": Kind.TIME,
        "variant": Kind.OTHER,
    },
}
_FLOAT_IS_SINGLE = {"duckdb", "spark", "databricks"}
_DECIMAL_DEFAULTS: dict[str, tuple[int | None, int | None]] = {
    # Without digits it holds any number of them.
    "postgres": (None, None),
    "duckdb": (18, 3),
    "snowflake": (38, 0),
    "spark": (10, 0),
    "databricks": (10, 0),
    "redshift": (18, 0),
    "bigquery": (38, 9),
}
_SNOWFLAKE_INTEGERS = {"int", "integer", "bigint", "smallint", "tinyint", "byteint"}
_CALL = re.compile(r"^([a-z_0-9 ]+?)\s*\(\s*([^()]*)\s*\)\s*(.*)$")
_INSTANTS = frozenset({Kind.TIMESTAMP, Kind.TIMESTAMPTZ})
_MICROSECONDS = 6
_ARRAY = re.compile(
    r"^(?:(?P<list>.+)\[(?P<size>\d*)\]|array\s*[<(](?P<array>.+)[>)]|list\((?P<l>.+)\))$",
    re.IGNORECASE,
)
_SIZE = re.compile(r"(\"(?:[^\"]|\"\")*\"|'(?:[^']|'')*')|\[\d+\]")
_PRECISIONS = {"timestamp_s": 0, "timestamp_ms": 3, "timestamp_ns": 9, "timestamptz_ns": 9}
_WRAPPED = re.compile(
    r"^(?:nullable|lowcardinality|simpleaggregatefunction)\((?:\w+, )?(.+)\)$", re.IGNORECASE
)
_ENUM = re.compile(r"^enum(?:8|16)?\(")


@lru_cache(maxsize=4096)
def parse_type(text: str, dialect: str = "duckdb") -> DataType:
    """Return the type that a warehouse spells this way.

    Args:
        text: The spelling, in any case: `decimal(10, 2)`, `timestamp with time zone`, `bigint[]`.
        dialect: The sqlglot name of the dialect; it decides words such as `float` and `timestamp`.

    Returns:
        The logical type. A struct or map is `Kind.OTHER`: training sets can use it, a sync cannot.

    Raises:
        UnknownType: The text is not in the table of spellings.

    >>> str(parse_type("DECIMAL(10, 2)"))
    'decimal(10,2)'
    >>> str(parse_type("timestamp", "bigquery"))
    'timestamptz'
    >>> str(parse_type("DateTime64(9, 'UTC')", "clickhouse"))
    'timestamptz_ns'
    >>> str(parse_type("varchar(20)[]")), str(parse_type("float[384]"))
    ('array<string>', 'float32[384]')
    """
    plain = " ".join(text.split())
    word = plain.lower()
    if wrapped := _WRAPPED.match(plain):
        return parse_type(wrapped[1], dialect)
    if array := _ARRAY.match(plain):
        inner = array["list"] or array["array"] or array["l"]
        # Elsewhere a size is a remark that the engine does not enforce.
        size = int(array["size"]) if array["size"] and dialect == "duckdb" else None
        return DataType(Kind.ARRAY, element=parse_type(inner, dialect), size=size)
    if _ENUM.match(word):
        return DataType(Kind.STRING, text="enum")
    if word.startswith(("struct", "map", "row(", "tuple(", "object", "record")):
        return DataType(Kind.OTHER, text=text)
    arguments = ""
    if call := _CALL.match(word):
        word, arguments = f"{call[1]} {call[3]}".strip(), call[2]
    return _scalar(word, arguments, text, dialect)


def without_sizes(text: str) -> str:
    r"""Return the spelling of a type with lists in place of arrays of a fixed size.

    >>> without_sizes("STRUCT(a FLOAT[3], \"b[1]\" INTEGER[])")
    'STRUCT(a FLOAT[], "b[1]" INTEGER[])'
    """
    return _SIZE.sub(lambda part: part[1] or "[]", text)


def _scalar(word: str, arguments: str, text: str, dialect: str) -> DataType:
    if dialect == "snowflake" and word in _SNOWFLAKE_INTEGERS:
        return DataType(Kind.DECIMAL, precision=38, scale=0)
    if word == "float":
        return DataType(Kind.FLOAT32 if dialect in _FLOAT_IS_SINGLE else Kind.FLOAT64)
    kind = _DIALECT_KINDS.get(dialect, {}).get(word) or _KINDS.get(word)
    if kind is None:
        raise UnknownType(f"'{text}' is not a known type of {dialect}")
    if kind is Kind.DECIMAL:
        precision, scale = _decimal_digits(arguments, dialect)
        return DataType(kind, precision=precision, scale=scale)
    if kind in _INSTANTS and _is_fine(arguments, dialect):
        return DataType(kind, precision=9)
    other = text if kind is Kind.OTHER else None
    return DataType(kind, precision=_PRECISIONS.get(word), text=other)


def _is_fine(arguments: str, dialect: str) -> bool:
    """Return whether an instant has more digits than a microsecond: `timestamp(9)`."""
    digits = arguments.partition(",")[0].strip()
    # Snowflake has nine digits unless the type says otherwise.
    return digits.isdigit() and int(digits) > _MICROSECONDS and dialect != "snowflake"


def _decimal_digits(arguments: str, dialect: str) -> tuple[int | None, int | None]:
    digits = [int(part) for part in arguments.split(",") if part.strip().lstrip("-").isdigit()]
    if not digits:
        return _DECIMAL_DEFAULTS.get(dialect, (38, 9))
    return digits[0], digits[1] if len(digits) > 1 else 0
