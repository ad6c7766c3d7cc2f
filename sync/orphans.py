"""Rows in Redis that a table of the warehouse knows nothing of: found by walking a view's keys."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from featurestore.online.keys import from_text, row_prefix, split_key
from featurestore.online.online_types import to_arrow_type
from featurestore.warehouse.protocol import Warehouse
from sync.redis.stored_rows import row_keys
from sync.warehouse.publication import Publication, quoted

if TYPE_CHECKING:
    import pyarrow as pa
    import redis

__all__ = ["groups", "unknown_keys"]

_AT_ONCE = 10_000
_FOUND = "_featurestore_found"
# What the keys of a type look like when nothing in them is encoded, and nothing could be otherwise.
_PLAIN = {
    "int": "(?:0|-?[1-9][0-9]{0,18})",
    "uint": "(?:0|[1-9][0-9]{0,19})",
    "string": "[A-Za-z0-9_.~-]*",
}


def groups(keys: Iterator[bytes]) -> Iterator[list[bytes]]:
    """Cut a walk over keys into groups that are handled at once; none is in a group twice."""
    while group := list(dict.fromkeys(islice(keys, _AT_ONCE))):
        yield group


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
    prefix = row_prefix(project, publication.name)
    for keys in groups(row_keys(client, project, publication.name)):
        yield from _missing(warehouse, publication, table, prefix, keys)


def _missing(
    warehouse: Warehouse, publication: Publication, table: str, prefix: str, keys: list[bytes]
) -> list[bytes]:
    """Return the keys that are none of the table's rows': unknown ones, and unreadable ones."""
    found = _plain_columns(publication, prefix, keys)
    unreadable: list[bytes] = []
    if found is None:
        found, unreadable = _any_columns(publication, prefix, keys)
    if not found.num_rows:
        return unreadable
    uploaded = warehouse.upload(_FOUND, found)
    names = [quoted(name) for name, _ in publication.schema.keys]
    on = " AND ".join(f"known.{name} = found.{name}" for name in names) or "TRUE"
    missing = warehouse.stream(
        f"SELECT found._key FROM {uploaded} AS found"
        f" WHERE NOT EXISTS (SELECT 1 FROM {table} AS known WHERE {on})"
    ).read_all()
    unknown: list[Any] = missing.column("_key").to_pylist()
    return unreadable + unknown


def _plain_columns(publication: Publication, prefix: str, keys: list[bytes]) -> pa.Table | None:
    """Read keys of integers and plain text, all at once; None if any is not so plain."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kinds = [kind for _, kind in publication.schema.keys]
    patterns = [_PLAIN.get(kind.rstrip("0123456789")) for kind in kinds]
    if not kinds or None in patterns:
        return None
    texts = pa.array(keys, pa.binary()).cast(pa.string())
    whole = f"^{re.escape(prefix)}\\{{{','.join(map(str, patterns))}\\}}$"
    if not pc.all(pc.match_substring_regex(texts, whole)).as_py():
        return None
    tags = pc.utf8_slice_codeunits(texts, len(prefix) + 1, -1)
    parts = pc.split_pattern(tags, ",")
    columns: dict[str, Any] = {"_key": pa.array(keys, pa.binary())}
    try:
        for index, (name, kind) in enumerate(publication.schema.keys):
            columns[name] = pc.list_element(parts, index).cast(to_arrow_type(kind))
    except pa.ArrowInvalid:
        return None
    return pa.table(columns)


def _any_columns(
    publication: Publication, prefix: str, keys: list[bytes]
) -> tuple[pa.Table, list[bytes]]:
    """Read keys one by one; return the readable ones as columns, and the others."""
    import pyarrow as pa

    kinds = [kind for _, kind in publication.schema.keys]
    values = [from_text(split_key(key, prefix), kinds) for key in keys]
    readable = [(key, value) for key, value in zip(keys, values, strict=True) if value is not None]
    columns: dict[str, Any] = {"_key": pa.array([key for key, _ in readable], pa.binary())}
    for index, (name, kind) in enumerate(publication.schema.keys):
        columns[name] = pa.array([value[index] for _, value in readable], to_arrow_type(kind))
    unreadable = [key for key, value in zip(keys, values, strict=True) if value is None]
    return pa.table(columns), unreadable
