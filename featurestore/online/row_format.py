"""The format of one published row; docs/reference/online-format.md describes every byte.

version   1 byte: the version times 16, plus marks for the optional parts
schema    4 bytes, the fingerprint of the schema: names and types of keys and features
event     int64, big-endian: microseconds since 1970, UTC
created   int64, big-endian; optional
end       int64, big-endian: the end of validity, exclusive; optional
present   one bit per feature, least significant bit first, 0 is NULL; optional
fixed     the fixed-width features in order, little-endian; NULL is zero bytes
varying   the other features in order, each as a length and its bytes
checksum  4 bytes, little-endian: CRC-32 of the Redis key and of all bytes before; see `checksums`

A length is one byte, or 255 and a uint32, little-endian. Version 2 had neither an end nor a
checksum.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from featurestore.errors import OnlineStoreError

__all__ = [
    "CREATED",
    "END",
    "EVENT_BYTES",
    "FORMAT_VERSION",
    "HEAD",
    "LONG",
    "MARKS",
    "NO_CREATED",
    "NO_END",
    "NULLS",
    "STAMP",
    "UNCHECKED_VERSION",
    "common_head",
    "end_of_row",
    "ends_of",
    "events_of",
    "fingerprint_of",
    "header_size",
    "is_known_format",
    "newer_format",
    "wrong_format",
]

FORMAT_VERSION = 3
UNCHECKED_VERSION = 2
"""The version before, which readers still read; its rows have no checksum."""
CREATED, NULLS, END = 1, 2, 4
"""The marks of rows with a created timestamp, with a bitmap of their NULLs, and with an end of
validity. 8 is reserved for windows."""
MARKS: Mapping[int, range] = MappingProxyType(
    {
        UNCHECKED_VERSION: range(2 * NULLS),
        FORMAT_VERSION: range(2 * END),
    }
)
"""All combinations of marks, by the version of the format."""
NO_CREATED = -(2**63)
"""The created timestamp of a row that lacks one although its batch has them; older than any."""
NO_END = 2**63 - 1
"""The end of validity of a row that has none although its batch has them; later than any."""
HEAD = 5
"""The number of bytes that tell how to read the rest: version, marks and fingerprint."""
LONG = 255
"""The first byte of a length that does not fit in one byte."""
EVENT_BYTES = slice(5, 13)
# Big-endian, unlike the values: the bytes then sort like the instants, for events since 1970.
STAMP = struct.Struct(">q")
_FIRST = frozenset(version << 4 | mark for version, marks in MARKS.items() for mark in marks)
_NEGATIVE = b"\x80"
"""The least first byte of a negative number."""


def header_size(marks: int) -> int:
    """Return the offset of the features, or of the bitmap before them, in a row.

    >>> header_size(0), header_size(CREATED), header_size(CREATED | END)
    (13, 21, 29)
    """
    return EVENT_BYTES.stop + STAMP.size * (marks & (CREATED | END)).bit_count()


def is_known_format(raw: bytes) -> bool:
    """Return whether the first byte of some bytes is that of a format that this release reads."""
    return raw[:1] != b"" and raw[0] in _FIRST


def fingerprint_of(raw: bytes) -> bytes:
    """Return the fingerprint of a published row's schema.

    Raises:
        OnlineStoreError: The bytes are not a row of a format that this release reads.
    """
    if len(raw) < EVENT_BYTES.stop or not is_known_format(raw):
        raise wrong_format(f"A value of {len(raw)} bytes")
    return raw[1:HEAD]


def common_head(rows: Sequence[Any]) -> tuple[bytes, int] | None:
    """Return the head that all rows share, and the oldest of their event timestamps.

    `min` and `max` are faster than a loop. Bytes compare from the left, first by head, then by
    event timestamp: if the least and the greatest row share a head, all rows share it.

    Returns:
        Head and timestamp. None if the rows are empty, differ in their head, include a missing row,
        or include an event before 1970, because negative numbers compare as the greatest bytes.
    """
    try:
        least, greatest = min(rows), max(rows)
        head = least[:HEAD]
    except (TypeError, ValueError):
        return None
    if greatest[:HEAD] != head or greatest[HEAD:] >= _NEGATIVE or len(least) < EVENT_BYTES.stop:
        return None
    return head, int.from_bytes(least[EVENT_BYTES])


def events_of(rows: Sequence[Any]) -> tuple[int, ...]:
    """Return the event timestamps of rows, in microseconds since 1970, UTC.

    Raises:
        OnlineStoreError: One of them is not a row of a format that this release reads.
    """
    if min(map(len, rows)) < EVENT_BYTES.stop:
        for raw in rows:
            fingerprint_of(raw)
    return _stamps(rows, EVENT_BYTES)


def ends_of(rows: Sequence[Any], marks: int) -> tuple[int, ...]:
    """Return the ends of validity of rows with these marks, which include `END`, likewise."""
    end = header_size(marks)
    return _stamps(rows, slice(end - STAMP.size, end))


def end_of_row(raw: bytes) -> int | None:
    """Return the end of validity of a row of any marks likewise; None if the row has no end.

    Raises:
        OnlineStoreError: The bytes are not a row of a format that this release reads.
    """
    fingerprint_of(raw)
    marks = raw[0] & 0x0F
    if not marks & END:
        return None
    if len(raw) < header_size(marks):
        raise wrong_format(f"A value of {len(raw)} bytes")
    return ends_of([raw], marks)[0]


def _stamps(rows: Sequence[Any], part: slice) -> tuple[int, ...]:
    return struct.unpack(f">{len(rows)}q", b"".join([raw[part] for raw in rows]))


def wrong_format(what: str) -> OnlineStoreError:
    """Return the error about bytes in Redis that are not in a format that this release reads."""
    return OnlineStoreError(
        f"{what} in the online store is not in format {FORMAT_VERSION} or {UNCHECKED_VERSION}.",
        remedy="Publish it again with `featurestore sync --full`.",
    )


def newer_format(first: int) -> OnlineStoreError:
    """Return the error about a sound row that a newer release wrote.

    Args:
        first: The row's first byte.
    """
    version, marks = divmod(first, 16)
    return OnlineStoreError(
        f"A row in the online store is in format {version} with the marks {marks}, which a newer"
        f" release wrote; this release reads format {FORMAT_VERSION} with marks up to"
        f" {MARKS[FORMAT_VERSION][-1]}.",
        remedy="Upgrade featurestore in the services that read, and then where the sync runs.",
    )
