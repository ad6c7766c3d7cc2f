"""The rows of one view in Redis, looked at one by one: their keys, their sizes, whose they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from featurestore.online.codec import HEADER, Schema
from featurestore.online.keys import entity_key, from_text, key_writer, row_prefix, split_key
from featurestore.online.wire import WireType, to_arrow_type, wire_type
from featurestore.warehouse.protocol import Warehouse
from sync.context import Publication

if TYPE_CHECKING:
    import redis

__all__ = [
    "key_columns",
    "key_of",
    "memory_of",
    "row_keys",
    "sampled_memory",
    "unknown_keys",
    "value_size",
]

_AT_ONCE = 10_000
_FOUND = "_featurestore_online_keys"
# Measured: what a server needs for an entry of its table beside the key and the value.
_ENTRY_BYTES = 60
_EXPIRY_BYTES = 15
# Of these, what a server leaves out when it is asked for the memory of one key.
_UNTOLD_BYTES = 14
_LENGTH_BYTES = 4


def row_keys(client: redis.Redis, project: str, view: str) -> Iterator[bytes]:
    """Yield the keys of a view's rows; one may come twice while the server rearranges them."""
    # The prefix is percent-encoded, so nothing in it is special in a pattern.
    yield from client.scan_iter(match=f"{row_prefix(project, view)}*", count=2_000)


def unknown_keys(
    client: redis.Redis, warehouse: Warehouse, project: str, publication: Publication, table: str
) -> Iterator[bytes]:
    """Yield the keys of a view's rows in Redis of which a table of rows has none.

    Args:
        client: The online store.
        warehouse: Where the table is.
        project: The dbt project.
        publication: The view.
        table: Rows with the view's join keys.
    """
    keys = row_keys(client, project, publication.name)
    prefix = row_prefix(project, publication.name)
    while group := list(dict.fromkeys(islice(keys, _AT_ONCE))):
        yield from _missing(warehouse, publication.schema, table, prefix, group)


def _missing(
    warehouse: Warehouse, schema: Schema, table: str, prefix: str, keys: Sequence[bytes]
) -> list[bytes]:
    import pyarrow as pa

    kinds = [kind for _, kind in schema.keys]
    values = {key: from_text(split_key(key, prefix), kinds) for key in keys}
    readable = {key: value for key, value in values.items() if value is not None}
    columns: dict[str, Any] = {"_key": pa.array(list(readable), pa.binary())}
    for index, (name, kind) in enumerate(schema.keys):
        column = [value[index] for value in readable.values()]
        columns[name] = pa.array(column, to_arrow_type(kind))
    found = warehouse.upload(_FOUND, pa.table(columns))
    names = [_quoted(name) for name, _ in schema.keys]
    on = " AND ".join(f"known.{name} = found.{name}" for name in names) or "TRUE"
    missing = warehouse.stream(
        f"SELECT found._key FROM {found} AS found"
        f" WHERE NOT EXISTS (SELECT 1 FROM {table} AS known WHERE {on})"
    ).read_all()
    unknown: list[Any] = missing.column("_key").to_pylist()
    return [key for key, value in values.items() if value is None] + unknown


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
    sizes = [
        len(key_of(project, publication, row)) + value_size(publication.schema, row) for row in rows
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


def value_size(schema: Schema, row: Mapping[str, Any]) -> int:
    """Return the length of a row in the online format."""
    features = [(wire_type(kind), row[name]) for name, kind in schema.features]
    bitmap = (len(features) + 7) // 8
    return HEADER.size + bitmap + sum(_size(kind, value) for kind, value in features)


def _size(kind: WireType, value: Any) -> int:
    if kind.width is not None:
        return kind.width
    if value is None:
        return _LENGTH_BYTES
    if kind.element is None:
        return _LENGTH_BYTES + len(value.encode() if isinstance(value, str) else value)
    element = kind.element
    present = sum(_size(element, each) for each in value if each is not None)
    return 2 * _LENGTH_BYTES + (len(value) + 7) // 8 + present


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
