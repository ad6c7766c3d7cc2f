"""Read features of many rows at once, column by column: the hot path of an online read."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import reduce
from operator import and_
from typing import Any

from featurestore.errors import OnlineStoreError
from featurestore.online.numpy_columns import NumpyColumns
from featurestore.online.online_types import Convert, ConvertAll, online_type, ticks_of
from featurestore.online.packed_columns import PackedColumn, is_packable
from featurestore.online.row_format import LONG, NULLS, fingerprint_of, header_size
from featurestore.online.schema import Schema
from featurestore.online.varying_reader import read_length, varying_reader

__all__ = ["ColumnReader"]

_NONE: frozenset[int] = frozenset()
_MANY = 16
"""From this number of rows on, numpy decodes fixed values faster than `struct`."""


class ColumnReader:
    """Reads some features from rows of one schema with the same marks.

    The client keeps one for each shape of request, so the constructor does the work that does not
    depend on the rows.

    Args:
        schema: The schema of the rows.
        marks: The marks of the rows, which tell their optional parts.
        wanted: The places of the features in the schema; the reader skips the others.
    """

    def __init__(self, schema: Schema, marks: int, wanted: Sequence[int]) -> None:
        types = [online_type(name) for _, name in schema.features]
        asked = set(wanted)
        self._start = header_size(marks)
        bits = len(types) if marks & NULLS else 0
        # The bitmap of a row without NULLs: one comparison with it spares the look at single bits.
        self._complete = ((1 << bits) - 1).to_bytes((bits + 7) // 8, "little")
        self._bitmap = slice(self._start, self._start + len(self._complete))
        self._masks = [1 << index for index in wanted]
        self._all = sum({*self._masks})
        fixed = [(index, kind) for index, kind in enumerate(types) if kind.width is not None]
        varying = [(index, kind) for index, kind in enumerate(types) if kind.width is None]
        last = max((n for n, (index, _) in enumerate(varying) if index in asked), default=-1)
        # Whether each varying feature before the last wanted one is wanted. The lengths before a
        # feature tell where it starts, so reading can stop at the last wanted one.
        self._before = [index in asked for index, _ in varying[: max(last, 0)]]
        self._varying = [varying_reader(kind) for index, kind in varying if index in asked]
        # An unwanted feature is padding (`x`): `struct` skips it without creating a value.
        codes = [kind.code if index in asked else f"{kind.width}x" for index, kind in fixed]
        # The first length directly follows the fixed values, so the same `struct` reads it.
        length = "B" if self._varying else ""
        self._struct = struct.Struct(f"<{len(self._complete)}x{''.join(codes)}{length}")
        self._end = self._start + self._struct.size
        taken = [index for index, _ in (*fixed, *varying) if index in asked]
        wanted_fixed = [(kind, index in asked) for index, kind in fixed]
        self._numpy = NumpyColumns(len(self._complete), wanted_fixed, self._struct.size)
        # The place of each feature among the columns as they are read: fixed ones, then varying.
        places = {index: place for place, index in enumerate(taken)}
        self._places = [places[index] for index in wanted]
        # Each converter twice: for one value, and for a whole column.
        self._converts = [
            (place, convert, types[index].convert_all or _each(convert))
            for place, index in enumerate(taken)
            if types[index].width and (convert := types[index].convert)
        ]
        kinds = [types[index] for index in wanted]
        # None if a type cannot be packed, or if nothing is wanted.
        self._kinds = kinds if kinds and all(map(is_packable, kinds)) else None
        self._not_by_numpy = [
            each for each in self._converts if ticks_of(types[taken[each[0]]].name) is None
        ]

    def columns(self, rows: Sequence[bytes]) -> tuple[list[list[Any]], frozenset[int]]:
        """Return the values of each feature, and the features with a NULL in some row.

        Args:
            rows: The bytes of at least one row.

        Raises:
            OnlineStoreError: A row is truncated or damaged.
        """
        if not self._masks:
            return [], _NONE
        try:
            columns, complete = self._row(rows[0]) if len(rows) == 1 else self._rows(rows)
        except (struct.error, IndexError, ValueError, OverflowError) as error:
            if len(rows) > 1:
                # Read one by one to name the damaged row in the error.
                for raw in rows:
                    self.columns([raw])
            fingerprint_of(rows[0])
            raise OnlineStoreError(
                f"A value of {len(rows[0])} bytes in the online store is unreadable: {error}.",
                remedy="Publish it again with `featurestore sync --full`.",
            ) from error
        if complete:
            return columns, _NONE
        # A set first: many rows share few different bitmaps.
        everywhere = reduce(and_, map(_bits, {raw[self._bitmap] for raw in rows}))
        if everywhere & self._all == self._all:
            return columns, _NONE
        present = [_bits(raw[self._bitmap]) for raw in rows]
        sparse = [index for index, mask in enumerate(self._masks) if not everywhere & mask]
        for index in sparse:
            columns[index] = _without(columns[index], present, self._masks[index])
        return columns, frozenset(sparse)

    def packed(self, rows: Sequence[bytes]) -> list[PackedColumn] | None:
        """Return the columns without an object for each value.

        Returns:
            The columns; None for few rows, for rows with NULLs or that cannot be decoded, and for
            types that take a decoder of their own: `columns` reads them.
        """
        if len(rows) < _MANY or self._kinds is None or not self._numpy.is_usable:
            return None
        part = slice(self._start, self._end)
        whole = b"".join([raw[part] for raw in rows])
        if len(whole) != len(rows) * self._struct.size or not self._are_complete(whole, len(rows)):
            return None
        columns: list[Any] = self._numpy.arrays(whole)
        if not self._numpy.are_in_range(columns):
            return None
        try:
            columns += self._packed_pieces(rows, columns.pop().tolist()) if self._varying else ()
        except (struct.error, IndexError, UnicodeDecodeError):
            return None
        return [
            PackedColumn(kind, columns[place])
            for kind, place in zip(self._kinds, self._places, strict=True)
        ]

    def _packed_pieces(self, rows: Sequence[bytes], lengths: Sequence[int]) -> list[list[Any]]:
        pieces, count = self._pieces(rows, lengths), len(self._varying)
        columns: list[list[Any]] = []
        for place, read in enumerate(self._varying):
            column = pieces[place::count]
            # Text in ASCII is valid for sure, so it can wait.
            waits = read is bytes or b"".join(column).isascii()
            columns.append(column if waits else [*map(read, column)])
        return columns

    def _row(self, raw: bytes) -> tuple[list[list[Any]], bool]:
        """Return columns of one value each, and whether the row has no NULL."""
        if len(raw) < self._end:
            raise IndexError("it is truncated")
        values = [*self._struct.unpack_from(raw, self._start)]
        if self._varying:
            pieces = self._pieces((raw,), (values.pop(),))
            values += [read(piece) for read, piece in zip(self._varying, pieces, strict=True)]
        for place, convert, _ in self._converts:
            values[place] = convert(values[place])
        return [[values[place]] for place in self._places], raw[self._bitmap] == self._complete

    def _rows(self, rows: Sequence[bytes]) -> tuple[list[list[Any]], bool]:
        """Return the columns, and whether no row has a NULL."""
        part = slice(self._start, self._end)
        # One string for all rows: `iter_unpack` then loops in C.
        whole = b"".join([raw[part] for raw in rows])
        if len(whole) != len(rows) * self._struct.size:
            raise IndexError("it is truncated")
        if len(rows) >= _MANY and self._numpy.is_usable:
            columns, converts = self._numpy.columns(whole), self._not_by_numpy
        else:
            columns = [*map(list, zip(*self._struct.iter_unpack(whole), strict=True))]
            converts = self._converts
        if self._varying:
            pieces, count = self._pieces(rows, columns.pop()), len(self._varying)
            columns += [
                [*map(read, pieces[place::count])] for place, read in enumerate(self._varying)
            ]
        for place, _, convert in converts:
            columns[place] = convert(columns[place])
        return [columns[place] for place in self._places], self._are_complete(whole, len(rows))

    def _are_complete(self, whole: bytes, count: int) -> bool:
        size = self._struct.size
        # One count for each byte of the bitmap, no matter how many rows there are.
        for place, byte in enumerate(self._complete):
            if whole[place::size].count(byte) != count:
                return False
        return True

    def _pieces(self, rows: Sequence[bytes], lengths: Sequence[int]) -> list[bytes]:
        """Cut out the wanted varying features, row by row."""
        pieces: list[bytes] = []
        take, first, before = pieces.append, self._end, self._before
        for raw, byte in zip(rows, lengths, strict=True):
            start, length = first, byte
            if length == LONG:
                length, start = read_length(raw, first - 1)
            end = start + length
            for asked in before:
                if asked:
                    take(raw[start:end])
                start, length = end + 1, raw[end]
                if length == LONG:
                    length, start = read_length(raw, end)
                end = start + length
            if end > len(raw):
                raise IndexError("it is truncated")
            take(raw[start:end])
        return pieces


def _each(convert: Convert) -> ConvertAll:
    return lambda column: [*map(convert, column)]


def _bits(bitmap: bytes) -> int:
    return int.from_bytes(bitmap, "little")


def _without(column: list[Any], present: Sequence[int], mask: int) -> list[Any]:
    return [value if bits & mask else None for value, bits in zip(column, present, strict=True)]
