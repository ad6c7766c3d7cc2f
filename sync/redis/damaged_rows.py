"""Writes or deletes rows whose bytes in Redis are damaged, out of rows that Redis refused.

The scripts for changes refuse a row whose event timestamp in Redis is newer. If damage made it
newer, no later row would ever replace it.
"""

from __future__ import annotations

from featurestore.online.redis.commands import RedisCommands
from sync.encoding.byte_columns import ByteColumn, from_pieces, integers, rows_of
from sync.redis.publisher import Publisher
from sync.redis.stored_rows import damaged_among

__all__ = ["discard_damaged", "replace_damaged"]


def replace_damaged(
    client: RedisCommands,
    publisher: Publisher,
    keys: ByteColumn,
    values: ByteColumn,
    expiry: bytes,
) -> int:
    """Write those of some rows that are damaged in Redis; return their number."""
    places, damaged = damaged_among(client, rows_of(keys))
    if places:
        chosen = integers(places)
        publisher.replace(keys.take(chosen), values.take(chosen), from_pieces(damaged), expiry)
    return len(places)


def discard_damaged(client: RedisCommands, publisher: Publisher, keys: ByteColumn) -> int:
    """Delete those of some rows that are damaged in Redis; return their number."""
    places, damaged = damaged_among(client, rows_of(keys))
    if places:
        publisher.discard(keys.take(integers(places)), from_pieces(damaged))
    return len(places)
