"""The format of one published row; docs/reference/online-format.md describes it byte by byte.

version   1 byte, 1
schema    8 bytes, the fingerprint of the names and types that follow
event     int64, big-endian: microseconds since 1970, UTC
created   int64, big-endian; the least int64 where the view has none
present   one bit per feature, least significant bit first; 0 is NULL
fixed     the fixed-width features in order, little-endian; NULL is zero bytes
varying   the others in order, each a uint32 length, little-endian, and its bytes
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from featurestore.errors import OnlineStoreError
from featurestore.online.wire import WireType, wire_type

__all__ = ["HEADER", "NO_CREATED", "VERSION", "Decoder", "Row", "Schema", "fingerprint_of"]

VERSION = 1
NO_CREATED = -(2**63)
HEADER = struct.Struct(">B8sqq")
_LENGTH = struct.Struct("<I")


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
        """The first 8 bytes of the SHA-256 of the schema's JSON; it travels with every value."""
        return hashlib.sha256(self.to_json().encode()).digest()[:8]

    def to_json(self) -> str:
        """Write the schema as JSON, always in the same way.

        >>> Schema((("tailnum", "string"),), (("seats", "int32"),)).to_json()
        '{"version":1,"keys":[["tailnum","string"]],"features":[["seats","int32"]]}'
        """
        content = {"version": VERSION, "keys": self.keys, "features": self.features}
        return json.dumps(content, separators=(",", ":"), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str | bytes) -> Schema:
        """Read a schema."""
        content = json.loads(text)
        keys, features = content["keys"], content["features"]
        return cls(
            tuple((name, kind) for name, kind in keys),
            tuple((name, kind) for name, kind in features),
        )


@dataclass(frozen=True, slots=True)
class Row:
    """One row as it was published.

    Attributes:
        event: The event timestamp in microseconds since 1970, UTC.
        created: The created timestamp likewise; None where the view has none.
        values: The features' values in the schema's order.
        complete: Whether none of them is NULL.
    """

    event: int
    created: int | None
    values: tuple[Any, ...]
    complete: bool = False


def fingerprint_of(raw: bytes) -> bytes:
    """Return the fingerprint of the schema by which a published row was written.

    Raises:
        OnlineStoreError: The bytes are no row of this format.
    """
    if len(raw) < HEADER.size or raw[0] != VERSION:
        raise OnlineStoreError(
            f"A value of {len(raw)} bytes in the online store is not in format {VERSION}.",
            remedy="Publish it anew with `featurestore sync --full`.",
        )
    return raw[1:9]


class Decoder:
    """Reads rows of one schema; made once per schema.

    Args:
        schema: What was published.
    """

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        types = [wire_type(name) for _, name in schema.features]
        self._bitmap = (len(types) + 7) // 8
        self._complete = (1 << len(types)) - 1
        fixed = [index for index, kind in enumerate(types) if kind.width is not None]
        varying = [index for index, kind in enumerate(types) if kind.width is None]
        self._struct = struct.Struct("<" + "".join(types[index].code for index in fixed))
        self._varying = [types[index] for index in varying]
        self._converted = [
            (place, convert)
            for place, index in enumerate(fixed)
            if (convert := types[index].convert) is not None
        ]
        # Where each feature stands among the values as they are read: fixed ones, then varying.
        places = {index: place for place, index in enumerate((*fixed, *varying))}
        self._places = [places[index] for index in range(len(types))]

    def decode(self, raw: bytes) -> Row:
        """Read one row.

        Args:
            raw: The bytes, written by this decoder's schema.

        Raises:
            OnlineStoreError: The bytes are cut short.
        """
        fingerprint_of(raw)
        try:
            _, _, event, created = HEADER.unpack_from(raw)
            position = HEADER.size + self._bitmap
            present = int.from_bytes(raw[HEADER.size : position], "little")
            values = self._values(raw, position, present)
        except (struct.error, IndexError, UnicodeDecodeError, OverflowError) as error:
            raise OnlineStoreError(
                f"A value of {len(raw)} bytes in the online store cannot be read: {error}.",
                remedy="Publish it anew with `featurestore sync --full`.",
            ) from error
        created = None if created == NO_CREATED else created
        return Row(event, created, values, complete=present == self._complete)

    def _values(self, raw: bytes, position: int, present: int) -> tuple[Any, ...]:
        read: list[Any] = [*self._struct.unpack_from(raw, position)]
        for place, convert in self._converted:
            read[place] = convert(read[place])
        position += self._struct.size
        for kind in self._varying:
            (length,) = _LENGTH.unpack_from(raw, position)
            position += _LENGTH.size
            # One that is NULL has no bytes, which are no list either.
            read.append(_varying(kind, _slice(raw, position, length)) if length else _empty(kind))
            position += length
        if present == self._complete:
            return tuple([read[place] for place in self._places])
        return tuple(
            [
                read[place] if present >> index & 1 else None
                for index, place in enumerate(self._places)
            ]
        )


def _empty(kind: WireType) -> Any:
    return None if kind.convert is None else kind.convert(b"")


def _slice(raw: bytes, start: int, length: int) -> bytes:
    if start + length > len(raw):
        raise IndexError("it is cut short")
    return raw[start : start + length]


def _varying(kind: WireType, raw: bytes) -> Any:
    if kind.element is None:
        convert: Callable[[bytes], Any] | None = kind.convert
        return raw if convert is None else convert(raw)
    return _list(kind.element, raw)


def _list(element: WireType, raw: bytes) -> list[Any]:
    """Read a list: its length, one bit per element, and the elements, a NULL one without bytes."""
    (count,) = _LENGTH.unpack_from(raw)
    position = _LENGTH.size + (count + 7) // 8
    if position > len(raw):
        raise IndexError("a list is cut short")
    present = int.from_bytes(raw[_LENGTH.size : position], "little")
    values: list[Any] = [None] * count
    for index in range(count):
        if not present >> index & 1:
            continue
        if element.width is None:
            (length,) = _LENGTH.unpack_from(raw, position)
            position += _LENGTH.size
            values[index] = _varying(element, _slice(raw, position, length))
        else:
            length = element.width
            (value,) = struct.unpack(f"<{element.code}", _slice(raw, position, length))
            values[index] = value if element.convert is None else element.convert(value)
        position += length
    return values
