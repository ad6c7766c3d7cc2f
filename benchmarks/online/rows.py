"""Published rows, read and written by hand: the cost of the format without a feature store."""

from __future__ import annotations

import pickle
import struct
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zlib import crc32

from benchmarks.online.data import SAMPLE

if TYPE_CHECKING:
    import redis

PREFIX = "fs:bench:v0:"
_FIXED = struct.Struct("<qqqdddq?")
_START = 13 + 2
"""The values after the head and the bitmap of ten features, in rows without a created timestamp."""
_CHECKSUM = -4
"""The end of the values: a checksum follows, which this reader does not check."""
_EPOCH, _STEP = datetime(1970, 1, 1), timedelta(microseconds=1)  # noqa: DTZ001, naive is UTC
_PART = 10_000


def key_of(view: int, entity: int) -> str:
    """Return the key of one row."""
    return f"fs:bench:v{view}:{{{entity}}}"


def by_hand(raw: bytes) -> tuple[Any, ...]:
    """Read the ten features of one row; assumes no NULLs and short texts."""
    *numbers, at, flag = _FIXED.unpack_from(raw, _START)
    start = _START + _FIXED.size + 1
    end = start + raw[start - 1]
    return (
        *numbers,
        raw[start:end].decode(),
        raw[end + 1 : _CHECKSUM].decode(),
        _EPOCH + _STEP * at,
        flag,
    )


def checksum(client: redis.Redis) -> tuple[int, int]:
    """Return the number of rows, and the sum of one feature over the first entities."""
    count = sum(1 for _ in client.scan_iter(match=f"{PREFIX}*", count=_PART))
    found = client.mget([key_of(0, entity) for entity in range(SAMPLE)])
    return count, sum(by_hand(raw)[0] for raw in found)


def save(client: redis.Redis, folder: Path, *, ttl: bool) -> None:
    """Write all rows to files: as ready SET commands, and as keys and values."""
    with (folder / "rows.resp").open("wb") as ready, (folder / "rows.pickle").open("wb") as pairs:
        for keys in _parts(client):
            values: Any = client.mget(keys)
            ready.write(b"".join(map(_expiring if ttl else _set, keys, values)))
            pickle.dump((keys, values), pairs)


def pairs_of(folder: Path) -> Iterator[tuple[list[bytes], list[bytes]]]:
    """Read keys and values back, part by part."""
    with (folder / "rows.pickle").open("rb") as file:
        while file.peek(1):
            yield pickle.load(file)


def _parts(client: redis.Redis) -> Iterator[Sequence[bytes]]:
    part: list[bytes] = []
    for key in client.scan_iter(match=f"{PREFIX}*", count=_PART):
        part.append(key)
        if len(part) == _PART:
            yield part
            part = []
    if part:
        yield part


def _set(key: bytes, value: bytes) -> bytes:
    return b"*3\r\n" + _words(b"SET", key, value)


def _expiring(key: bytes, value: bytes) -> bytes:
    # The same distance as between the events.
    return b"*5\r\n" + _words(b"SET", key, value, b"EX", b"%d" % (10_000_000 + crc32(key) % 3600))


def _words(*words: bytes) -> bytes:
    return b"".join([b"$%d\r\n%b\r\n" % (len(word), word) for word in words])
