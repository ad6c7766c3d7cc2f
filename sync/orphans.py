"""Rows in Redis that the warehouse knows nothing of: found by walking the keys of one view."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from featurestore.online.keys import from_text, row_prefix, split_key
from featurestore.online.wire import to_arrow_type
from sync.context import Context, Publication

if TYPE_CHECKING:
    import pyarrow as pa
    import redis

__all__ = ["delete_all", "delete_orphans", "has_rows"]

_AT_ONCE = 10_000
_FOUND = "_featurestore_found"
# What the keys of a type look like when nothing in them is encoded, and nothing could be otherwise.
_PLAIN = {
    "int": "(?:0|-?[1-9][0-9]{0,18})",
    "uint": "(?:0|[1-9][0-9]{0,19})",
    "string": "[A-Za-z0-9_.~-]*",
}


def has_rows(context: Context, view: str) -> bool:
    """Whether Redis holds any row of a view."""
    return next(_walk(context.client, row_prefix(context.project, view)), None) is not None


def delete_orphans(context: Context, publication: Publication) -> int:
    """Delete the rows of a view that are not among its published ones; return their number."""
    prefix = row_prefix(context.project, publication.name)
    deleted = 0
    for keys in _groups(_walk(context.client, prefix)):
        orphans = _unpublished(context, publication, prefix, keys)
        deleted += _unlink(context, orphans)
    return deleted


def delete_all(context: Context, view: str) -> int:
    """Delete every row of a view; return their number."""
    deleted = 0
    for keys in _groups(_walk(context.client, row_prefix(context.project, view))):
        deleted += _unlink(context, keys)
    return deleted


def _walk(client: redis.Redis, prefix: str) -> Iterator[bytes]:
    # The prefix is percent-encoded, so nothing in it is special in a pattern.
    yield from client.scan_iter(match=f"{prefix}*", count=2_000)


def _groups(keys: Iterator[bytes]) -> Iterator[list[bytes]]:
    while group := list(islice(keys, _AT_ONCE)):
        yield group


def _unlink(context: Context, keys: list[bytes]) -> int:
    # A script takes some thousands of arguments at the most.
    parts = [keys[start : start + 1_000] for start in range(0, len(keys), 1_000)]
    return sum(int(context.lease.run("UNLINK", part)) for part in parts)


def _unpublished(
    context: Context, publication: Publication, prefix: str, keys: list[bytes]
) -> list[bytes]:
    """Return the keys that are none of the published rows': unknown ones, and unreadable ones."""
    found = _plain_columns(publication, prefix, keys)
    unreadable: list[bytes] = []
    if found is None:
        found, unreadable = _any_columns(publication, prefix, keys)
    if not found.num_rows:
        return unreadable
    table = context.warehouse.upload(_FOUND, found)
    names = [_quoted(name) for name, _ in publication.schema.keys]
    on = " AND ".join(f"published.{name} = found.{name}" for name in names) or "TRUE"
    missing = context.warehouse.stream(
        f"SELECT found._key FROM {table} AS found WHERE NOT EXISTS ("
        f"SELECT 1 FROM {context.state.published(publication.name)} AS published WHERE {on})"
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


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
