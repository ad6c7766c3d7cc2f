"""The checksum at the end of a row, over the row's key in Redis and the row.

It covers the key, so a sound row of another entity, view or project fails as a damaged one does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from zlib import crc32

__all__ = ["CHECKSUM_BYTES", "are_sound", "is_sound", "unsound_places", "with_checksum"]

CHECKSUM_BYTES = 4
# The CRC-32 of any message that is followed by its own CRC-32 in little-endian is this number. So a
# row is checked without being cut in two.
_RESIDUE = 0x2144DF1C
# These bytes after a sound row bring the CRC back to 0, from where the next key starts. So the CRC
# of many rows, each behind its key and followed by these bytes, is 0 if all of them are sound. A
# damaged row leaves a difference, which no sound bytes after it remove.
_RESTART = bytes.fromhex("81d59d4c")


def with_checksum(key: bytes, row: bytes) -> bytes:
    """Return a row with the checksum at its end.

    >>> with_checksum(b"key", b"row").hex()
    '726f77d86665ef'
    """
    return row + crc32(row, crc32(key)).to_bytes(CHECKSUM_BYTES, "little")


def is_sound(key: bytes, row: bytes) -> bool:
    """Return whether a row has the checksum of its bytes under this key."""
    return crc32(row, crc32(key)) == _RESIDUE


def are_sound(keys: Sequence[bytes], rows: Sequence[Any]) -> bool:
    """Return whether all rows have the checksum of their bytes under their keys."""
    # One CRC over all, since this runs on every online read: a call for each key and row takes
    # four times as long for a hundred rows.
    parts: list[Any] = [_RESTART] * (3 * len(rows))
    parts[::3], parts[1::3] = keys, rows
    return crc32(b"".join(parts)) == 0


def unsound_places(keys: Sequence[bytes], rows: Sequence[Any]) -> set[int]:
    """Return the places of the rows that lack the checksum of their bytes; None is skipped."""
    return {
        place
        for place, (key, row) in enumerate(zip(keys, rows, strict=True))
        if row is not None and crc32(row, crc32(key)) != _RESIDUE
    }
