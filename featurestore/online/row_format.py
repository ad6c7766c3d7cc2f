"""The format of one published row; docs/reference/online-format.md describes every byte.

version   1 byte: the version times 16, plus marks for the optional parts
schema    4 bytes, the fingerprint of the schema: names and types of keys and features
event     int64, big-endian: microseconds since 1970, UTC
created   int64, big-endian; optional
present   one bit per feature, least significant bit first, 0 is NULL; optional
fixed     the fixed-width features in order, little-endian; NULL is zero bytes
varying   the other features in order, each as a length and its bytes

A length is one byte, or 255 and a uint32, little-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

from featurestore.errors import OnlineStoreError

__all__ = [
    "CREATED",
    "EVENT_BYTES",
    "FORMAT_VERSION",
    "HEAD",
    "LONG",
    "MARKS",
    "NO_CREATED",
    "NULLS",
    "STAMP",
    "common_head",
    "events_of",
    "fingerprint_of",
    "header_size",
    "wrong_format",
]

FORMAT_VERSION = 2
CREATED, NULLS = 1, 2
"""The marks of rows with a created timestamp, and of rows with a bitmap of their NULLs."""
MARKS = range(CREATED + NULLS + 1)
"""All combinations of marks."""
NO_CREATED = -(2**63)
"""The created timestamp of a row that lacks one although its batch has them; older than any."""
HEAD = 5
"""The number of bytes that tell how to read the rest: version, marks and fingerprint."""
LONG = 255
"""The first byte of a length that does not fit in one byte."""
EVENT_BYTES = slice(5, 13)
# Big-endian, unlike the values: the bytes then sort like the instants, for events since 1970.
STAMP = struct.Struct(">q")
_FIRST = range(FORMAT_VERSION << 4, (FORMAT_VERSION << 4) + len(MARKS))
_NEGATIVE = b"\x80"
"""The least first byte of a negative number."""


def header_size(marks: int) -> int:
    """Return the offset of the features, or of the bitmap before them, in a row.

    >>> header_size(0), header_size(CREATED)
    (13, 21)
    """
    return EVENT_BYTES.stop + (STAMP.size if marks & CREATED else 0)


def fingerprint_of(raw: bytes) -> bytes:
    """Return the fingerprint of a published row's schema.

    Raises:
        OnlineStoreError: The bytes are not a row of this format.
    """
    if len(raw) < EVENT_BYTES.stop or raw[0] not in _FIRST:
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
        OnlineStoreError: One of them is not a row of this format.
    """
    if min(map(len, rows)) < EVENT_BYTES.stop:
        for raw in rows:
            fingerprint_of(raw)
    return struct.unpack(f">{len(rows)}q", b"".join([raw[EVENT_BYTES] for raw in rows]))


def wrong_format(what: str) -> OnlineStoreError:
    """Return the error about bytes in Redis that are not in this format."""
    return OnlineStoreError(
        f"{what} in the online store is not in format {FORMAT_VERSION}.",
        remedy="Publish it again with `featurestore sync --full`.",
    )
