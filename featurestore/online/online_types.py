"""The types that can be published, and how their values are encoded.

The table covers the types of the warehouse's results (Arrow's), so a value has the same type online
and in a training set by construction.
"""

from __future__ import annotations

import datetime as dt
import re
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Context, Decimal
from functools import cache
from typing import TYPE_CHECKING, Any

from featurestore.errors import UnsupportedOnlineType
from featurestore.values.epoch import EPOCH
from featurestore.values.types import DataType, Kind

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "Convert",
    "ConvertAll",
    "OnlineType",
    "logical_type",
    "online_type",
    "online_type_name",
    "ticks_of",
    "to_arrow_type",
]

_EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001, naive timestamps are UTC
_EPOCH_DATE = dt.date(1970, 1, 1)
# Python's default context rounds to 28 digits, and 16 bytes hold up to 39.
_EXACT = Context(prec=40)
# No nanoseconds: Python's datetime ends at microseconds, and reading must not round.
_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000}
_INSTANT = re.compile(r"timestamp(tz)?\[(s|ms|us)\]")
_ZONED = re.compile(r"timestamp\[(s|ms|us), tz=(?:UTC|Etc/UTC)\]")
_ARRAY = re.compile(r"(.+)\[(\d+)\]")
_DIGITS = re.compile(r"decimal\((\d+),(-?\d+)\)")
_DECIMAL = re.compile(r"decimal128\((\d+), (-?\d+)\)")

Convert = Callable[[Any], Any]
ConvertAll = Callable[[Iterable[Any]], list[Any]]


@dataclass(frozen=True, slots=True)
class OnlineType:
    """One publishable type.

    Attributes:
        name: Its name in the schema: `int64`, `decimal(5,4)`, `list<string>`.
        width: The bytes of each value; None if the length varies.
        code: The `struct` code of a fixed-width value; `16s` for a decimal.
        convert: Converts the result of `struct` to the Python value; None if they are the same.
        element: The type of a list's elements, or of an array's.
        size: The number of elements of an array; None for a list.
        convert_all: Converts a column at once; None if it is not faster than `convert`.
    """

    name: str
    width: int | None
    code: str = ""
    convert: Convert | None = None
    element: OnlineType | None = None
    convert_all: ConvertAll | None = None
    size: int | None = None


def _instant(unit: str, *, zoned: bool) -> Convert:
    epoch, step = _scale(unit, zoned=zoned)
    return lambda ticks: epoch + step * ticks


def _instants(unit: str, *, zoned: bool) -> ConvertAll:
    epoch, step = _scale(unit, zoned=zoned)
    return lambda column: [epoch + step * ticks for ticks in column]


def _scale(unit: str, *, zoned: bool) -> tuple[dt.datetime, dt.timedelta]:
    """Return the epoch and the length of a tick."""
    step = dt.timedelta(microseconds=1_000_000 // _PER_SECOND[unit])
    return (EPOCH if zoned else _EPOCH), step


def _date(days: int) -> dt.date:
    return _EPOCH_DATE + dt.timedelta(days=days)


def _time(ticks: int) -> dt.time:
    return (_EPOCH + dt.timedelta(microseconds=ticks)).time()


def _decimal(scale: int) -> Convert:
    def convert(raw: bytes) -> Decimal:
        unscaled = int.from_bytes(raw, "little", signed=True)
        return Decimal(unscaled).scaleb(-scale, context=_EXACT)

    return convert


_FIXED: dict[str, tuple[str, Convert | None]] = {
    "bool": ("?", None),
    "int8": ("b", None),
    "int16": ("h", None),
    "int32": ("i", None),
    "int64": ("q", None),
    "uint8": ("B", None),
    "uint16": ("H", None),
    "uint32": ("I", None),
    "uint64": ("Q", None),
    "float32": ("f", None),
    "float64": ("d", None),
    "date": ("i", _date),
    "time": ("q", _time),
    **{f"timestamp[{unit}]": ("q", _instant(unit, zoned=False)) for unit in _PER_SECOND},
    **{f"timestamptz[{unit}]": ("q", _instant(unit, zoned=True)) for unit in _PER_SECOND},
}
_AT_ONCE: dict[str, ConvertAll] = {
    **{f"timestamp[{unit}]": _instants(unit, zoned=False) for unit in _PER_SECOND},
    **{f"timestamptz[{unit}]": _instants(unit, zoned=True) for unit in _PER_SECOND},
}
_VARYING: dict[str, Convert] = {"string": bytes.decode, "bytes": bytes}


@cache
def online_type(name: str) -> OnlineType:
    """Return the type with a name in a schema.

    Raises:
        UnsupportedOnlineType: The format does not have the type.

    >>> online_type("decimal(5,4)").convert((12345).to_bytes(16, "little"))
    Decimal('1.2345')
    >>> online_type("timestamp[us]").convert(1_000_000)
    datetime.datetime(1970, 1, 1, 0, 0, 1)
    """
    if name in _FIXED:
        code, convert = _FIXED[name]
        width = struct.calcsize(f"<{code}")
        return OnlineType(name, width, code, convert, convert_all=_AT_ONCE.get(name))
    if name in _VARYING:
        return OnlineType(name, None, convert=_VARYING[name])
    if digits := _DIGITS.fullmatch(name):
        return OnlineType(name, 16, "16s", _decimal(int(digits[2])))
    if name.startswith("list<") and name.endswith(">"):
        element = online_type(name[5:-1])
        if element.size is None:
            return OnlineType(name, None, element=element)
    elif array := _ARRAY.fullmatch(name):
        element = online_type(array[1])
        if element.width is not None:
            return OnlineType(name, None, element=element, size=int(array[2]))
    raise UnsupportedOnlineType(f"'{name}' is not a type of the online format.")


@cache
def ticks_of(name: str) -> tuple[str, bool] | None:
    """Return the unit that a type counts since 1970, and whether it has a zone; None for others.

    >>> ticks_of("timestamptz[us]"), ticks_of("date"), ticks_of("int64")
    (('us', True), ('D', False), None)
    """
    if name == "date":
        return "D", False
    found = _INSTANT.fullmatch(name)
    return None if found is None else (found[2], found[1] is not None)


def logical_type(name: str) -> DataType:
    """Return the logical type of a published type, for messages and for parsing typed keys.

    >>> print(logical_type("int64"), logical_type("decimal(9,3)"), logical_type("timestamptz[us]"))
    int64 decimal(9,3) timestamptz
    """
    base = re.split(r"[\[(<]", name)[0]
    if digits := _DIGITS.fullmatch(name):
        return DataType(Kind.DECIMAL, precision=int(digits[1]), scale=int(digits[2]))
    return DataType(Kind({"bool": "boolean"}.get(base, base)))


_ARROW_NAMES = {
    **{name: name for name in _FIXED if name.startswith(("bool", "int", "uint", "timestamp["))},
    "float": "float32",
    "double": "float64",
    "date32[day]": "date",
    "time64[us]": "time",
    **dict.fromkeys(("string", "large_string", "string_view"), "string"),
    **dict.fromkeys(("binary", "large_binary", "binary_view"), "bytes"),
}


def online_type_name(arrow_type: pa.DataType) -> str | None:
    """Return the name of an Arrow column's published type; None if it cannot be published.

    >>> import pyarrow as pa
    >>> online_type_name(pa.decimal128(5, 4)), online_type_name(pa.list_(pa.int32()))
    ('decimal(5,4)', 'list<int32>')
    >>> online_type_name(pa.list_(pa.float32(), 384))
    'float32[384]'
    >>> online_type_name(pa.timestamp("ns")) is None
    True
    """
    import pyarrow as pa

    text = str(arrow_type)
    if text in _ARROW_NAMES:
        return _ARROW_NAMES[text]
    if digits := _DECIMAL.fullmatch(text):
        return f"decimal({digits[1]},{digits[2]})"
    if zoned := _ZONED.fullmatch(text):
        return f"timestamptz[{zoned[1]}]"
    if pa.types.is_dictionary(arrow_type):
        return online_type_name(arrow_type.value_type)
    return _nested_name(arrow_type) if pa.types.is_nested(arrow_type) else None


def _nested_name(arrow_type: Any) -> str | None:
    import pyarrow as pa

    is_array = pa.types.is_fixed_size_list(arrow_type)
    if not (is_array or pa.types.is_list(arrow_type) or pa.types.is_large_list(arrow_type)):
        return None
    element = online_type_name(arrow_type.value_type)
    if element is None:
        return None
    inner = online_type(element)
    # An array needs elements of a fixed width. A list cannot have arrays as elements.
    if not is_array:
        return f"list<{element}>" if inner.size is None else None
    return f"{element}[{arrow_type.list_size}]" if inner.width else None


@cache
def to_arrow_type(name: str) -> pa.DataType:
    """Return the Arrow type of a published type, which a training set has too."""
    import pyarrow as pa

    if name.startswith("list<"):
        return pa.list_(to_arrow_type(name[5:-1]))
    if array := _ARRAY.fullmatch(name):
        return pa.list_(to_arrow_type(array[1]), int(array[2]))
    if digits := _DIGITS.fullmatch(name):
        return pa.decimal128(int(digits[1]), int(digits[2]))
    if instant := _INSTANT.fullmatch(name):
        unit: Any = instant[2]
        return pa.timestamp(unit, tz="UTC") if instant[1] else pa.timestamp(unit)
    special: dict[str, pa.DataType] = {
        "bool": pa.bool_(),
        "date": pa.date32(),
        "time": pa.time64("us"),
        "bytes": pa.binary(),
        # As text, like a feature that is a uuid.
        "uuid": pa.string(),
    }
    plain: pa.DataType = special.get(name) or getattr(pa, name)()
    return plain
