"""The rows of one view in Redis, looked at one by one: their keys, their sizes, whose they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from featurestore.online.codec import CREATED, LONG, NULLS, Schema, header_size
from featurestore.online.keys import entity_key, from_text, key_writer, row_prefix, split_key
from featurestore.online.online_types import WireType, wire_type
from sync.redis.key_scan import keys_with
from sync.warehouse.publication import Publication

if TYPE_CHECKING:
    import redis

__all__ = [
    "key_columns",
    "key_of",
    "memory_of",
    "row_keys",
    "sampled_memory",
    "value_size",
]

# Measured: what a server needs for an entry of its table beside the key and the value.
_ENTRY_BYTES = 60
_EXPIRY_BYTES = 15
# Of these, what a server leaves out when it is asked for the memory of one key.
_UNTOLD_BYTES = 14


def row_keys(client: redis.Redis, project: str, view: str) -> Iterator[bytes]:
    """Yield the keys of a view's rows; one may come twice while the server rearranges them."""
    # The prefix is percent-encoded, so nothing in it is special in a pattern.
    yield from keys_with(client, row_prefix(project, view))


def key_of(project: str, publication: Publication, row: Mapping[str, Any]) -> str:
    """Return the key in Redis of a row of the warehouse."""
    texts = [key_writer(name, kind)(row[name]) for name, kind in publication.schema.keys]
    return entity_key(row_prefix(project, publication.name), texts)


def key_columns(project: str, publication: Publication, key: bytes) -> dict[str, Any]:
    """Return the join keys of a row in Redis; its key as it stands, if that cannot be read."""
    texts = split_key(key, row_prefix(project, publication.name))
    values = from_text(texts, [kind for _, kind in publication.schema.keys])
    if values is None:
        return {"key in Redis": key.decode(errors="backslashreplace")}
    return dict(zip([name for name, _ in publication.schema.keys], values, strict=True))


def memory_of(project: str, publication: Publication, rows: Sequence[Mapping[str, Any]]) -> float:
    """Return about how many bytes of a server's memory each of some rows takes, once published."""
    if not rows:
        return 0.0
    entry = _ENTRY_BYTES + (0 if publication.view.ttl is None else _EXPIRY_BYTES)
    marks = _marks(publication, rows)
    sizes = [
        len(key_of(project, publication, row)) + value_size(publication.schema, marks, row)
        for row in rows
    ]
    return entry + sum(sizes) / len(rows)


def sampled_memory(client: redis.Redis, keys: Sequence[str], *, expiring: bool) -> float | None:
    """Return about how many bytes of the server's memory each of some keys takes.

    Args:
        client: The online store.
        keys: The keys; one that is not there takes nothing.
        expiring: Whether they expire.

    Returns:
        The mean; None where the server does not let this user ask.
    """
    if not keys:
        return 0.0
    pipeline: Any = client.pipeline(transaction=False)
    for key in keys:
        pipeline.memory_usage(key)
    sizes = pipeline.execute(raise_on_error=False)
    if any(isinstance(size, Exception) for size in sizes):
        return None
    untold = _UNTOLD_BYTES + (_EXPIRY_BYTES if expiring else 0)
    total: int = sum(size + untold for size in sizes if size)
    return total / len(sizes)


def _marks(publication: Publication, rows: Sequence[Mapping[str, Any]]) -> int:
    """Return which parts the rows have when they are published together."""
    created = CREATED if publication.view.created_timestamp else 0
    features = [name for name, _ in publication.schema.features]
    return created | (NULLS if any(row[name] is None for row in rows for name in features) else 0)


def value_size(schema: Schema, marks: int, row: Mapping[str, Any]) -> int:
    """Return the length of a row in the online format.

    Args:
        schema: How it is laid out.
        marks: Which parts it has.
        row: The features by their names.
    """
    features = [(wire_type(kind), row[name]) for name, kind in schema.features]
    bits = (len(features) + 7) // 8 if marks & NULLS else 0
    return header_size(marks) + bits + sum(_size(kind, value) for kind, value in features)


def _size(kind: WireType, value: Any) -> int:
    if kind.width is not None:
        return kind.width
    if value is None:
        return _length_size(0)
    if kind.element is None:
        size = len(value.encode() if isinstance(value, str) else value)
    else:
        element = kind.element
        present = sum(_size(element, each) for each in value if each is not None)
        size = _length_size(len(value)) + (len(value) + 7) // 8 + present
    return _length_size(size) + size


def _length_size(length: int) -> int:
    """Return how many bytes a length takes itself."""
    return 1 if length < LONG else 5
