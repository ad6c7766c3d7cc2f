"""The rows of one view in Redis: their keys, and the memory that they take."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from featurestore.governance.personal_data import PERSONAL_VALUE
from featurestore.online.checksums import CHECKSUM_BYTES, unsound_places
from featurestore.online.key_values import from_text, key_writer
from featurestore.online.keys import entity_key, row_prefix, split_key
from featurestore.online.online_types import OnlineType, online_type
from featurestore.online.redis.commands import RedisCommands
from featurestore.online.redis.read_many import key_reader
from featurestore.online.row_format import CREATED, END, LONG, NULLS, header_size
from featurestore.online.schema import Schema
from featurestore.sql.latest_rows import VALID_UNTIL
from sync.redis.key_scan import keys_with
from sync.warehouse.publication import Publication

__all__ = [
    "damaged_among",
    "key_columns",
    "key_of",
    "memory_of",
    "row_keys",
    "sampled_memory",
    "value_size",
]

# Measured on Valkey. `tests/sync/test_dry_run.py` compares the estimate with the growth of the
# server's `used_memory` over 30,000 rows, and holds it within a third.
_ENTRY_BYTES = 60
"""Memory of an entry in the server's hash table, beside its key and value."""
_EXPIRY_BYTES = 15
"""Memory of a key's entry in the table of expiries."""
_UNREPORTED_BYTES = 14
"""The part of an entry that MEMORY USAGE does not count."""


def row_keys(client: RedisCommands, project: str, view: str) -> Iterator[bytes]:
    """Yield the keys of a view's rows; a key may come twice while the server rehashes."""
    # The prefix is percent-encoded, so it has no characters that are special in a pattern.
    yield from keys_with(client, row_prefix(project, view))


def damaged_among(client: RedisCommands, keys: Sequence[bytes]) -> tuple[list[int], list[bytes]]:
    """Return the places of the keys whose rows in Redis are damaged, and the rows' bytes."""
    found = key_reader(client)(keys) if keys else []
    damaged = {place: found[place] for place in sorted(unsound_places(keys, found))}
    return [*damaged], [row for row in damaged.values() if row is not None]


def key_of(project: str, publication: Publication, row: Mapping[str, Any]) -> str:
    """Return the key in Redis of one of the warehouse's rows."""
    texts = [key_writer(name, kind)(row[name]) for name, kind in publication.schema.keys]
    return entity_key(row_prefix(project, publication.name), texts)


def key_columns(
    project: str, publication: Publication, key: bytes, *, hidden: bool
) -> dict[str, Any]:
    """Return the join keys of a row in Redis, or its raw key if that cannot be parsed.

    Args:
        project: The project, as its keys name it.
        publication: The view.
        key: The key in Redis.
        hidden: Whether a raw key is not shown, since it may be one of an older layout, whose join
            keys were personal data.
    """
    texts = split_key(key, row_prefix(project, publication.name))
    values = from_text(texts, [kind for _, kind in publication.schema.keys])
    if values is None:
        raw = PERSONAL_VALUE if hidden else key.decode(errors="backslashreplace")
        return {"key in Redis": raw}
    return dict(zip([name for name, _ in publication.schema.keys], values, strict=True))


def memory_of(project: str, publication: Publication, rows: Sequence[Mapping[str, Any]]) -> float:
    """Estimate the memory in bytes that a row takes in Redis, as the mean over a sample."""
    if not rows:
        return 0.0
    view = publication.view
    ends = any(row.get(VALID_UNTIL) is not None for row in rows)
    entry = _ENTRY_BYTES + (0 if view.ttl is None and not ends else _EXPIRY_BYTES)
    marks = _marks(publication)
    sizes = [
        len(key_of(project, publication, row)) + value_size(publication.schema, marks, row)
        for row in rows
    ]
    return entry + sum(sizes) / len(rows)


def sampled_memory(client: RedisCommands, keys: Sequence[str], *, expiring: bool) -> float | None:
    """Return the mean memory in bytes that the server reports for a sample of keys.

    Args:
        client: The online store.
        keys: The keys; a key that does not exist takes nothing.
        expiring: Whether the keys expire.

    Returns:
        The mean; None if this user may not ask for it.
    """
    if not keys:
        return 0.0
    pipeline = client.pipeline(transaction=False)
    for key in keys:
        pipeline.memory_usage(key)
    sizes = pipeline.execute(raise_on_error=False)
    # The user's ACL may forbid MEMORY USAGE, and an estimate must not stop the run.
    if any(isinstance(size, Exception) for size in sizes):
        return None
    unreported = _UNREPORTED_BYTES + (_EXPIRY_BYTES if expiring else 0)
    total: int = sum(size + unreported for size in sizes if size)
    return total / len(sizes)


def _marks(publication: Publication) -> int:
    """Return the marks of the rows' first byte: the optional parts that the encoder writes."""
    created = CREATED if publication.view.created_timestamp else 0
    return NULLS | created | (END if publication.view.valid_until else 0)


def value_size(schema: Schema, marks: int, row: Mapping[str, Any]) -> int:
    """Return the length of a row in the online format.

    Args:
        schema: The view's schema.
        marks: The marks of the first byte.
        row: The features by their names.
    """
    features = [(online_type(kind), row[name]) for name, kind in schema.features]
    bits = (len(features) + 7) // 8 if marks & NULLS else 0
    values = sum(_size(kind, value) for kind, value in features)
    return header_size(marks) + bits + values + CHECKSUM_BYTES


def _size(kind: OnlineType, value: Any) -> int:
    if kind.width is not None:
        return kind.width
    if value is None:
        return _length_size(0)
    if kind.element is None:
        size = len(value.encode() if isinstance(value, str) else value)
    else:
        element = kind.element
        size = sum(_size(element, each) for each in value if each is not None)
        if kind.size is None:
            size += _length_size(len(value)) + (len(value) + 7) // 8
    return _length_size(size) + size


def _length_size(length: int) -> int:
    """Return the number of bytes of a length prefix."""
    return 1 if length < LONG else 5
