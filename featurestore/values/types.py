"""The logical types of features and keys, independent of the warehouse.

`type_spellings` reads them from the text that a warehouse or a dbt yml uses.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["DataType", "Kind"]


class Kind(StrEnum):
    """The kind of a value, independent of the engine that holds it."""

    BOOLEAN = "boolean"
    INT8 = "int8"
    INT16 = "int16"
    INT32 = "int32"
    INT64 = "int64"
    INT128 = "int128"
    UINT8 = "uint8"
    UINT16 = "uint16"
    UINT32 = "uint32"
    UINT64 = "uint64"
    UINT128 = "uint128"
    FLOAT32 = "float32"
    FLOAT64 = "float64"
    DECIMAL = "decimal"
    STRING = "string"
    BYTES = "bytes"
    DATE = "date"
    TIME = "time"
    TIMESTAMP = "timestamp"
    TIMESTAMPTZ = "timestamptz"
    UUID = "uuid"
    JSON = "json"
    ARRAY = "array"
    NULL = "null"
    OPAQUE = "opaque"
    OTHER = "other"


_FAMILIES = {
    **{kind: "integer" for kind in Kind if kind.startswith(("int", "uint"))},
    Kind.FLOAT32: "float",
    Kind.FLOAT64: "float",
    Kind.TIMESTAMPTZ: "timestamp",
}

_NANOSECONDS = {Kind.TIMESTAMP: "timestamp_ns", Kind.TIMESTAMPTZ: "timestamptz_ns"}
"""How the instants with nanoseconds are spelled."""
_NANOSECOND_DIGITS = 9


@dataclass(frozen=True, slots=True)
class DataType:
    """A logical type.

    Two types are equal if every value of one round-trips through the other unchanged. Engine types
    outside the table (structs, maps) keep their `text` and pass through training sets untouched.
    Of an opaque type the driver knows only the engine's own bytes.

    Attributes:
        kind: The kind of value.
        precision: The number of digits of a decimal, None if it holds any number; 9 for an instant
            with nanoseconds, 0 for one of whole seconds, 3 for milliseconds, None for others.
        scale: The number of digits of a decimal after the point.
        element: The type of an array's elements.
        text: The engine's own spelling if `kind` is `OTHER` or `OPAQUE`; `enum` for an enumeration,
            which is text otherwise, and `bpchar` for text that is filled up with blanks.
        size: The number of elements of an array, if every value has that number.
    """

    kind: Kind
    precision: int | None = None
    scale: int | None = None
    element: DataType | None = None
    text: str | None = None
    size: int | None = None

    @property
    def variant(self) -> str:
        """The type's name where values leave the warehouse, finer than its kind.

        >>> DataType(Kind.STRING, text="enum").variant, DataType(Kind.DECIMAL).variant
        ('enum', 'numeric')
        """
        if self.kind is Kind.STRING and self.text:
            return self.text
        if self.kind is Kind.DECIMAL and self.precision is None:
            return "numeric"
        if self.kind is Kind.TIMESTAMP and self.precision in (0, 3):
            return f"timestamp({self.precision})"
        return self.kind.value

    @property
    def leaf(self) -> DataType:
        """The type of an array's innermost elements; of another type the type itself."""
        return self.element.leaf if self.element else self

    @property
    def family(self) -> str:
        """The name of the group of types that compare with each other: all integers are one family.

        >>> DataType(Kind.INT32).family == DataType(Kind.UINT64).family
        True
        """
        return _FAMILIES.get(self.kind, self.kind.value)

    @property
    def has_nanoseconds(self) -> bool:
        """Whether the type is an instant finer than a microsecond."""
        return self.kind in _NANOSECONDS and self.precision == _NANOSECOND_DIGITS

    @property
    def is_instant(self) -> bool:
        """Whether an event timestamp can have this type."""
        return self.kind in (Kind.TIMESTAMP, Kind.TIMESTAMPTZ, Kind.DATE, Kind.NULL)

    @property
    def can_be_key(self) -> bool:
        """Whether a join key can have the type: floats and nested values do not identify entities.

        >>> DataType(Kind.ARRAY, element=DataType(Kind.INT64)).can_be_key
        False
        """
        return self.family not in ("float", "array", "other", "json")

    def comparable(self, other: DataType) -> bool:
        """Return whether keys of the two types compare; a column of NULLs compares with any type.

        Integers compare with decimals: some engines have no other integers than decimals. DuckDB
        compares signed with unsigned integers of 128 bits as floats, which makes keys equal.

        >>> DataType(Kind.STRING).comparable(DataType(Kind.INT64))
        False
        """
        if {self.kind, other.kind} == {Kind.INT128, Kind.UINT128}:
            return False
        families = {self.family, other.family}
        if len(families) == 1 or families == {"integer", "decimal"}:
            return True
        return Kind.NULL in (self.kind, other.kind)

    def __str__(self) -> str:
        """Return the spelling that the documentation uses.

        >>> print(DataType(Kind.DECIMAL, precision=10, scale=2))
        decimal(10,2)
        """
        if self.kind is Kind.DECIMAL and self.precision is not None:
            return f"decimal({self.precision},{self.scale})"
        if self.has_nanoseconds:
            return _NANOSECONDS[self.kind]
        if self.kind is Kind.ARRAY:
            return f"{self.element}[{self.size}]" if self.size else f"array<{self.element}>"
        own = self.text if self.kind in (Kind.OTHER, Kind.OPAQUE) else None
        return own or self.kind.value
