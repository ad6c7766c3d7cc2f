"""The checksum at the end of a row, over the row's key in Redis and the row.

It covers the key, so a sound row of another entity, view or project fails as a damaged one does.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any
from zlib import crc32

__all__ = ["CHECKSUM_BYTES", "are_sound", "is_sound", "unsound_places", "with_checksum"]

CHECKSUM_BYTES = 4
# The CRC-32 of any message that is followed by its own CRC-32 in little-endian is this number. So a
# row is checked without being cut in two.
_RESIDUE = 0x2144DF1C


def with_checksum(key: bytes, row: bytes) -> bytes:
    """Return a row with the checksum at its end.

    >>> with_checksum(b"key", b"row").hex()
    '726f77d86665ef'
    """
    return row + crc32(row, crc32(key)).to_bytes(CHECKSUM_BYTES, "little")


def is_sound(key: bytes, row: bytes) -> bool:
    """Return whether a row has the checksum of its bytes under this key."""
    return crc32(row, crc32(key)) == _RESIDUE


def are_sound(keys: Iterable[bytes], rows: Collection[Any]) -> bool:
    """Return whether all rows have the checksum of their bytes under their keys."""
    # Without a loop in Python: this runs on every online read.
    return [*map(crc32, rows, map(crc32, keys))].count(_RESIDUE) == len(rows)


def unsound_places(keys: Sequence[bytes], rows: Sequence[Any]) -> set[int]:
    """Return the places of the rows that lack the checksum of their bytes; None is skipped."""
    return {
        place
        for place, (key, row) in enumerate(zip(keys, rows, strict=True))
        if row is not None and crc32(row, crc32(key)) != _RESIDUE
    }
