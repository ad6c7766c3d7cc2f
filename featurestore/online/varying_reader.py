"""Read values of varying length: text, bytes, lists and arrays."""

from __future__ import annotations

import struct
from typing import Any

from featurestore.online.online_types import Convert, OnlineType
from featurestore.online.row_format import LONG

__all__ = ["read_length", "varying_reader"]

_LENGTH = struct.Struct("<I")


def varying_reader(kind: OnlineType) -> Convert:
    """Return the function that converts the bytes of one value."""
    if kind.element is None:
        return kind.convert or bytes
    element = kind.element
    if kind.size is not None:
        return _array_reader(element, kind.size)
    # Even an empty list has the byte of its length, so zero bytes can only mean NULL.
    return lambda raw: _list(element, raw) if raw else None


def _array_reader(element: OnlineType, size: int) -> Convert:
    values, convert = struct.Struct("<" + element.code * size), element.convert
    if convert is None:
        return lambda raw: [*values.unpack(raw)] if raw else None
    return lambda raw: [*map(convert, values.unpack(raw))] if raw else None


def read_length(raw: bytes, at: int) -> tuple[int, int]:
    """Read a length prefix; return the length and the offset of its payload."""
    if raw[at] == LONG:
        return _LENGTH.unpack_from(raw, at + 1)[0], at + 1 + _LENGTH.size
    return raw[at], at + 1


def _list(element: OnlineType, raw: bytes) -> list[Any]:
    """Read a list: its length, one bit per element, and the elements that are not NULL."""
    count, start = read_length(raw, 0)
    position = start + (count + 7) // 8
    if position > len(raw):
        raise IndexError("a list is truncated")
    # The last byte may have bits beyond the count, which must not count as elements.
    present = int.from_bytes(raw[start:position], "little") & ((1 << count) - 1)
    elements = _elements(element, raw, position, present.bit_count())
    if present.bit_count() == count:
        return elements
    following = iter(elements)
    return [next(following) if present >> index & 1 else None for index in range(count)]


def _elements(element: OnlineType, raw: bytes, position: int, count: int) -> list[Any]:
    if element.width is not None:
        values = struct.unpack_from("<" + element.code * count, raw, position)
        return [*values] if element.convert is None else [*map(element.convert, values)]
    pieces = []
    for _ in range(count):
        length, start = read_length(raw, position)
        position = start + length
        if position > len(raw):
            raise IndexError("a list is truncated")
        pieces.append(raw[start:position])
    if element.element is not None:
        return [_list(element.element, piece) for piece in pieces]
    return [*map(varying_reader(element), pieces)]
