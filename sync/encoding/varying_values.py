"""Writes columns of values whose length varies: text, bytes, lists, arrays."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from featurestore.online.online_types import OnlineType, to_arrow_type
from featurestore.online.row_format import LONG
from sync.encoding.array_values import array_bytes
from sync.encoding.arrow_values import ArrowColumn
from sync.encoding.byte_columns import (
    ByteColumn,
    constant,
    from_block,
    from_pieces,
    from_ragged,
    lengths_of,
)
from sync.encoding.fixed_values import check_range, fixed_block

if TYPE_CHECKING:
    import numpy as np

__all__ = ["length_prefixes", "varying_bytes"]

_LENGTH = struct.Struct("<I")


def varying_bytes(name: str, column: ArrowColumn, kind: OnlineType) -> ByteColumn:
    """Return values of varying length, without their length prefixes; NULL becomes empty.

    Args:
        name: The feature.
        column: Its values.
        kind: Its type.

    Raises:
        UnsupportedOnlineType: A date or time in a list is outside of the range of Python's types.
    """
    import pyarrow as pa

    if kind.element is not None and kind.size is not None:
        return array_bytes(column, kind.element)
    if kind.element is not None:
        # Before the conversion to Python, which fails on an infinity and reads 24:00 as 00:00.
        check_range(f"feature '{name}'", column, kind)
        # Lists nest, so they are written by Python, one row at a time.
        rows = column.to_pylist()
        return from_pieces([b"" if row is None else _list(kind.element, row) for row in rows])
    nothing: Any = constant(b"")
    return column.cast(pa.large_binary()).fill_null(nothing)


def length_prefixes(column: ByteColumn) -> ByteColumn:
    """Return the length prefix of each row: one byte, or five for long rows."""
    import numpy as np

    lengths = lengths_of(column)
    # The common case: all lengths fit in one byte, and the rows need no mask.
    if not len(lengths) or lengths.max() < LONG:
        return from_block(lengths.astype(np.uint8)[:, None])
    block = np.empty((len(lengths), 1 + _LENGTH.size), np.uint8)
    block[:, 0] = np.minimum(lengths, LONG)
    block[:, 1:] = lengths.astype("<u4").view(np.uint8).reshape(-1, _LENGTH.size)
    return from_ragged(block, np.where(lengths < LONG, 1, 1 + _LENGTH.size))


def _list(element: OnlineType, row: Sequence[Any]) -> bytes:
    """Return a list: its length, one bit per element, and the elements that are not NULL."""
    bits = sum(1 << index for index, value in enumerate(row) if value is not None)
    write = _element_writer(element)
    parts = [write(value) for value in row if value is not None]
    return b"".join([_length(len(row)), bits.to_bytes((len(row) + 7) // 8, "little"), *parts])


def _length(number: int) -> bytes:
    return bytes([number]) if number < LONG else bytes([LONG]) + _LENGTH.pack(number)


def _element_writer(element: OnlineType) -> Callable[[Any], bytes]:
    if element.element is not None:
        inner = element.element
        return lambda value: _prefixed(_list(inner, value))
    if element.width is None:
        return lambda value: _prefixed(value.encode() if isinstance(value, str) else value)
    return lambda value: _scalar(element, value)


def _prefixed(raw: bytes) -> bytes:
    return _length(len(raw)) + raw


def _scalar(element: OnlineType, value: Any) -> bytes:
    """Return one element as a column of its type would be written."""
    import pyarrow as pa

    if element.convert is None:
        return struct.pack(f"<{element.code}", value)
    # The same code as for a column, so that an element and a feature never differ in their bytes.
    block: np.ndarray = fixed_block(
        element.name, pa.array([value], to_arrow_type(element.name)), element
    )
    return block.tobytes()
