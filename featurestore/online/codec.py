"""The format of one published row; docs/reference/online-format.md describes it byte by byte.

version   1 byte: the version times 16, and marks of which parts the row has
schema    4 bytes, the fingerprint of the names and types that follow
event     int64, big-endian: microseconds since 1970, UTC
created   int64, big-endian; only with its mark
present   one bit per feature, least significant bit first; 0 is NULL; only with its mark
fixed     the fixed-width features in order, little-endian; NULL is zero bytes
varying   the others in order, each a length and its bytes

A length is one byte, or 255 and a uint32, little-endian.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from operator import and_
from typing import Any

from featurestore.errors import OnlineStoreError
from featurestore.online.online_types import Convert, ConvertAll, WireType, wire_type

__all__ = [
    "CREATED",
    "FORMAT_VERSION",
    "HEAD",
    "LONG",
    "MARKS",
    "NO_CREATED",
    "NULLS",
    "Decoder",
    "Reader",
    "Row",
    "Schema",
    "common_head",
    "events_of",
    "fingerprint_of",
    "fingerprint_of_schema",
    "header_size",
]

FORMAT_VERSION = 2
CREATED, NULLS = 1, 2
"""The marks of rows with a created timestamp, and with bits for their NULLs."""
MARKS = range(CREATED + NULLS + 1)
"""What marks can be together."""
NO_CREATED = -(2**63)
HEAD = 5
"""The bytes that say how to read the others: the version with the marks, and the fingerprint."""
LONG = 255
"""What stands for a length that needs more than a byte, in front of it."""
_FIRST = range(FORMAT_VERSION << 4, (FORMAT_VERSION << 4) + len(MARKS))
_EVENT = slice(5, 13)
_STAMP = struct.Struct(">q")
_NEGATIVE = b"\x80"
"""What the first byte of a negative number is at least."""
_NOWHERE: frozenset[int] = frozenset()
_LENGTH = struct.Struct("<I")


def header_size(marks: int) -> int:
    """Return where the features, or the bits for their NULLs, begin in a row.

    >>> header_size(0), header_size(CREATED)
    (13, 21)
    """
    return _EVENT.stop + (_STAMP.size if marks & CREATED else 0)


@dataclass(frozen=True)
class Schema:
    """The names and types of a view's keys and features, as they were published.

    Attributes:
        keys: The join keys in order, each with the name of its type.
        features: The features in order, each with the name of its type.
    """

    keys: tuple[tuple[str, str], ...]
    features: tuple[tuple[str, str], ...]

    @cached_property
    def fingerprint(self) -> bytes:
        """The first 4 bytes of the SHA-256 of the schema's JSON; it travels with every value."""
        return fingerprint_of_schema(self.to_json().encode())

    def head(self, marks: int) -> bytes:
        """Return the first bytes of this schema's rows that have the parts marked."""
        return bytes([FORMAT_VERSION << 4 | marks]) + self.fingerprint

    def to_json(self) -> str:
        """Write the schema as JSON, always in the same way.

        >>> Schema((("tailnum", "string"),), (("seats", "int32"),)).to_json()
        '{"version":2,"keys":[["tailnum","string"]],"features":[["seats","int32"]]}'
        """
        content = {"version": FORMAT_VERSION, "keys": self.keys, "features": self.features}
        return json.dumps(content, separators=(",", ":"), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str | bytes) -> Schema:
        """Read a schema.

        Raises:
            OnlineStoreError: It is one of another version of the format.
        """
        try:
            content = json.loads(text)
            if content["version"] != FORMAT_VERSION:
                raise _of_another_format(f"A schema of format {content['version']}")
            keys, features = (
                tuple((str(name), str(kind)) for name, kind in content[part])
                for part in ("keys", "features")
            )
        except (ValueError, LookupError, TypeError) as error:
            raise _of_another_format("A schema that cannot be read") from error
        return cls(keys, features)


@dataclass(frozen=True, slots=True)
class Row:
    """One row as it was published.

    Attributes:
        event: The event timestamp in microseconds since 1970, UTC.
        created: The created timestamp likewise; None where the view has none.
        values: The features' values in the schema's order.
    """

    event: int
    created: int | None
    values: tuple[Any, ...]


def fingerprint_of_schema(text: bytes) -> bytes:
    """Return the fingerprint of a schema's JSON.

    >>> fingerprint_of_schema(b"{}").hex()
    '44136fa3'
    """
    return hashlib.sha256(text).digest()[: HEAD - 1]


def fingerprint_of(raw: bytes) -> bytes:
    """Return the fingerprint of the schema by which a published row was written.

    Raises:
        OnlineStoreError: The bytes are no row of this format.
    """
    if len(raw) < _EVENT.stop or raw[0] not in _FIRST:
        raise _of_another_format(f"A value of {len(raw)} bytes")
    return raw[1:HEAD]


def _of_another_format(what: str) -> OnlineStoreError:
    return OnlineStoreError(
        f"{what} in the online store is not in format {FORMAT_VERSION}.",
        remedy="Publish it anew with `featurestore sync --full`.",
    )


def common_head(rows: Sequence[Any]) -> tuple[bytes, int] | None:
    """Return the head that all rows have, and the oldest of their event timestamps.

    Bytes are compared from the left, where the head stands, and then the event timestamp: what the
    least and the greatest row begin with, all between them begin with.

    Returns:
        The two; None where there is no row, where one is missing or has another head, and where
        one is of before 1970: as bytes, negative numbers come last.
    """
    try:
        least, greatest = min(rows), max(rows)
        head = least[:HEAD]
    except (TypeError, ValueError):
        return None
    if greatest[:HEAD] != head or greatest[HEAD:] >= _NEGATIVE or len(least) < _EVENT.stop:
        return None
    return head, int.from_bytes(least[_EVENT])


def events_of(rows: Sequence[Any]) -> tuple[int, ...]:
    """Return the event timestamps of rows, in microseconds since 1970, UTC.

    Raises:
        OnlineStoreError: One of them is no row of this format.
    """
    if min(map(len, rows)) < _EVENT.stop:
        for raw in rows:
            fingerprint_of(raw)
    return struct.unpack(f">{len(rows)}q", b"".join([raw[_EVENT] for raw in rows]))


class Decoder:
    """Reads rows of one schema with the same parts; made once for both.

    Args:
        schema: What was published.
        marks: Which parts the rows have.
    """

    def __init__(self, schema: Schema, marks: int) -> None:
        self.schema = schema
        self.marks = marks

    @cached_property
    def _all(self) -> Reader:
        return Reader(self.schema, self.marks, range(len(self.schema.features)))

    @classmethod
    def all_of(cls, schema: Schema) -> dict[bytes, Decoder]:
        """Return what reads the rows of a schema, by the first bytes of a row."""
        return {schema.head(marks): cls(schema, marks) for marks in MARKS}

    def decode(self, raw: bytes) -> Row:
        """Read one row.

        Args:
            raw: The bytes, which begin as this decoder's rows do.

        Raises:
            OnlineStoreError: The bytes are cut short.
        """
        fingerprint_of(raw)
        if len(raw) < header_size(self.marks):
            raise _of_another_format(f"A value of {len(raw)} bytes")
        values = tuple([column[0] for column in self._all.columns([raw])[0]])
        (event,) = _STAMP.unpack_from(raw, _EVENT.start)
        created = NO_CREATED
        if self.marks & CREATED:
            (created,) = _STAMP.unpack_from(raw, _EVENT.stop)
        return Row(event, None if created == NO_CREATED else created, values)


class Reader:
    """Reads some features of rows of one schema, column by column; made once per request's shape.

    Args:
        schema: What was published.
        marks: Which parts the rows have.
        wanted: Where the features stand in the schema; the others are skipped.
    """

    def __init__(self, schema: Schema, marks: int, wanted: Sequence[int]) -> None:
        types = [wire_type(name) for _, name in schema.features]
        asked = set(wanted)
        self._start = header_size(marks)
        bits = len(types) if marks & NULLS else 0
        # Of a row without NULLs, as the sync writes it: what is quickly seen needs no look at bits.
        self._complete = ((1 << bits) - 1).to_bytes((bits + 7) // 8, "little")
        self._bitmap = slice(self._start, self._start + len(self._complete))
        self._masks = [1 << index for index in wanted]
        self._all = sum({*self._masks})
        fixed = [(index, kind) for index, kind in enumerate(types) if kind.width is not None]
        varying = [(index, kind) for index, kind in enumerate(types) if kind.width is None]
        last = max((n for n, (index, _) in enumerate(varying) if index in asked), default=-1)
        # Whether each is wanted, up to the last that is, and without it.
        self._before = [index in asked for index, _ in varying[: max(last, 0)]]
        self._varying = [_reads(kind) for index, kind in varying if index in asked]
        # What nobody asked for is padding: `struct` steps over it without making a value.
        codes = [kind.code if index in asked else f"{kind.width}x" for index, kind in fixed]
        length = "B" if self._varying else ""
        self._struct = struct.Struct(f"<{len(self._complete)}x{''.join(codes)}{length}")
        self._end = self._start + self._struct.size
        taken = [index for index, _ in (*fixed, *varying) if index in asked]
        # Where each feature stands among the columns as they are read: fixed ones, then varying.
        standing = {index: place for place, index in enumerate(taken)}
        self._places = [standing[index] for index in wanted]
        # Of one value, and of many at once.
        self._converts = [
            (place, convert, types[index].convert_all or _each(convert))
            for place, index in enumerate(taken)
            if types[index].width and (convert := types[index].convert)
        ]

    def columns(self, rows: Sequence[bytes]) -> tuple[list[list[Any]], frozenset[int]]:
        """Read rows, of which there is at least one.

        Returns:
            The values of each feature, and which of the features are NULL somewhere.

        Raises:
            OnlineStoreError: A row is cut short, or damaged otherwise.
        """
        if not self._masks:
            return [], _NOWHERE
        try:
            columns, complete = self._row(rows[0]) if len(rows) == 1 else self._rows(rows)
        except (struct.error, IndexError, UnicodeDecodeError, OverflowError) as error:
            if len(rows) > 1:
                for raw in rows:
                    self.columns([raw])
            fingerprint_of(rows[0])
            raise OnlineStoreError(
                f"A value of {len(rows[0])} bytes in the online store cannot be read: {error}.",
                remedy="Publish it anew with `featurestore sync --full`.",
            ) from error
        if complete:
            return columns, _NOWHERE
        everywhere = reduce(and_, map(_bits, {raw[self._bitmap] for raw in rows}))
        if everywhere & self._all == self._all:
            return columns, _NOWHERE
        present = [_bits(raw[self._bitmap]) for raw in rows]
        sparse = [index for index, mask in enumerate(self._masks) if not everywhere & mask]
        for index in sparse:
            columns[index] = _without(columns[index], present, self._masks[index])
        return columns, frozenset(sparse)

    def _row(self, raw: bytes) -> tuple[list[list[Any]], bool]:
        """Read one row, as columns of one value each, and say whether it has no NULL."""
        if len(raw) < self._end:
            raise IndexError("it is cut short")
        values = [*self._struct.unpack_from(raw, self._start)]
        if self._varying:
            pieces = self._pieces((raw,), (values.pop(),))
            values += [read(piece) for read, piece in zip(self._varying, pieces, strict=True)]
        for place, convert, _ in self._converts:
            values[place] = convert(values[place])
        return [[values[place]] for place in self._places], raw[self._bitmap] == self._complete

    def _rows(self, rows: Sequence[bytes]) -> tuple[list[list[Any]], bool]:
        """Read rows, and say whether none of them has a NULL."""
        part = slice(self._start, self._end)
        whole = b"".join([raw[part] for raw in rows])
        if len(whole) != len(rows) * self._struct.size:
            raise IndexError("it is cut short")
        columns = [*map(list, zip(*self._struct.iter_unpack(whole), strict=True))]
        if self._varying:
            pieces, count = self._pieces(rows, columns.pop()), len(self._varying)
            columns += [
                [*map(read, pieces[place::count])] for place, read in enumerate(self._varying)
            ]
        for place, _, convert in self._converts:
            columns[place] = convert(columns[place])
        return [columns[place] for place in self._places], self._are_complete(whole, len(rows))

    def _are_complete(self, whole: bytes, count: int) -> bool:
        size = self._struct.size
        for place, byte in enumerate(self._complete):
            if whole[place::size].count(byte) != count:
                return False
        return True

    def _pieces(self, rows: Sequence[bytes], lengths: Sequence[int]) -> list[bytes]:
        """Cut out the features whose length varies, row by row, up to the last that is wanted."""
        pieces: list[bytes] = []
        take, first, before = pieces.append, self._end, self._before
        for raw, byte in zip(rows, lengths, strict=True):
            start, length = first, byte
            if length == LONG:
                length, start = _number(raw, first - 1)
            end = start + length
            for asked in before:
                if asked:
                    take(raw[start:end])
                start, length = end + 1, raw[end]
                if length == LONG:
                    length, start = _number(raw, end)
                end = start + length
            if end > len(raw):
                raise IndexError("it is cut short")
            take(raw[start:end])
        return pieces


def _number(raw: bytes, at: int) -> tuple[int, int]:
    """Return the length that stands there, and where that begins which it is the length of."""
    if raw[at] == LONG:
        return _LENGTH.unpack_from(raw, at + 1)[0], at + 1 + _LENGTH.size
    return raw[at], at + 1


def _each(convert: Convert) -> ConvertAll:
    return lambda column: [*map(convert, column)]


def _bits(bitmap: bytes) -> int:
    return int.from_bytes(bitmap, "little")


def _without(column: list[Any], present: Sequence[int], mask: int) -> list[Any]:
    return [value if bits & mask else None for value, bits in zip(column, present, strict=True)]


def _reads(kind: WireType) -> Convert:
    """Return what turns the bytes of one value of a varying length into it."""
    if kind.element is None:
        return kind.convert or bytes
    element = kind.element
    # One that is NULL has no bytes, which are no list either.
    return lambda raw: _list(element, raw) if raw else None


def _list(element: WireType, raw: bytes) -> list[Any]:
    """Read a list: its length, one bit per element, and the elements, a NULL one without bytes."""
    count, start = _number(raw, 0)
    position = start + (count + 7) // 8
    if position > len(raw):
        raise IndexError("a list is cut short")
    present = _bits(raw[start:position]) & ((1 << count) - 1)
    elements = _elements(element, raw, position, present.bit_count())
    if present.bit_count() == count:
        return elements
    following = iter(elements)
    return [next(following) if present >> index & 1 else None for index in range(count)]


def _elements(element: WireType, raw: bytes, position: int, count: int) -> list[Any]:
    if element.width is not None:
        values = struct.unpack_from("<" + element.code * count, raw, position)
        return [*values] if element.convert is None else [*map(element.convert, values)]
    pieces = []
    for _ in range(count):
        length, start = _number(raw, position)
        position = start + length
        if position > len(raw):
            raise IndexError("a list is cut short")
        pieces.append(raw[start:position])
    if element.element is not None:
        return [_list(element.element, piece) for piece in pieces]
    return [*map(_reads(element), pieces)]
