"""Finds orphans: rows in Redis that a table of the warehouse does not have."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from featurestore.online.key_values import from_text, text_family
from featurestore.online.keys import row_prefix, split_key
from featurestore.online.online_types import to_arrow_type
from featurestore.online.schema import Schema
from sync.batch_sizes import KEYS_PER_LOOKUP
from sync.redis.stored_rows import row_keys
from sync.survey import Survey
from sync.warehouse.publication import Publication

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "WHOLE_KEY",
    "absent_keys",
    "compared_keys",
    "key_columns_of",
    "key_groups",
    "unknown_keys",
]

WHOLE_KEY = "_featurestore_key"
"""The column with the whole key."""
_FOUND = "_featurestore_found"
# Keys of these types that match need no decoding: Arrow can parse all of them at once.
_PLAIN = {
    "int": "(?:0|-?[1-9][0-9]{0,18})",
    "uint": "(?:0|[1-9][0-9]{0,19})",
    "string": "[A-Za-z0-9_.~-]*",
    "uuid": "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
}


def key_groups(keys: Iterator[bytes]) -> Iterator[list[bytes]]:
    """Cut scanned keys into groups, each without repetitions."""
    while group := list(dict.fromkeys(islice(keys, KEYS_PER_LOOKUP))):
        yield group


def unknown_keys(survey: Survey, publication: Publication, table: str) -> Iterator[bytes]:
    """Yield the keys of a view's rows in Redis that a table does not have.

    Args:
        survey: Both sides.
        publication: The view.
        table: A table beside the ledger, with the view's join keys.
    """
    for _, missing in compared_keys(survey, publication, table):
        yield from missing


def compared_keys(
    survey: Survey, publication: Publication, table: str
) -> Iterator[tuple[list[bytes], list[bytes]]]:
    """Yield each group of a view's keys in Redis, and the unknown keys in it.

    See `unknown_keys`, which takes the same arguments.
    """
    for keys in key_groups(row_keys(survey.client, survey.project, publication.name)):
        yield keys, absent_keys(survey, publication, table, keys)


def absent_keys(
    survey: Survey, publication: Publication, table: str, keys: list[bytes]
) -> list[bytes]:
    """Return the keys that a table does not have, and those that cannot be parsed."""
    prefix = row_prefix(survey.project, publication.name)
    found, unreadable = key_columns_of(publication.schema, prefix, keys)
    if not found.num_rows:
        return unreadable
    # One anti-join for all keys, instead of a query for each. By the inner join first, PostgreSQL
    # hashes the few keys; of NOT EXISTS it hashes the whole table, which takes thrice the time.
    database = survey.ledger.database
    uploaded = database.upload(_FOUND, found)
    on = survey.ledger.queries(publication).same_uploaded("known", "asked")
    missing = database.stream(
        f"SELECT found.{WHOLE_KEY} FROM {uploaded} AS found LEFT JOIN ("
        f"SELECT asked.{WHOLE_KEY} FROM {table} AS known JOIN {uploaded} AS asked ON {on}"
        f") AS kept ON kept.{WHOLE_KEY} = found.{WHOLE_KEY} WHERE kept.{WHOLE_KEY} IS NULL"
    ).read_all()
    unknown: list[Any] = missing.column(WHOLE_KEY).to_pylist()
    return unreadable + unknown


def key_columns_of(schema: Schema, prefix: str, keys: list[bytes]) -> tuple[pa.Table, list[bytes]]:
    """Parse keys; return the readable ones as `WHOLE_KEY` and the join keys, and the others.

    Args:
        schema: The view's schema.
        prefix: What all keys begin with.
        keys: The keys.
    """
    found = _plain_columns(schema, prefix, keys)
    return _any_columns(schema, prefix, keys) if found is None else (found, [])


def _plain_columns(schema: Schema, prefix: str, keys: list[bytes]) -> pa.Table | None:
    """Parse keys of integers and plain text, all at once; None if any needs decoding."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kinds = [kind for _, kind in schema.keys]
    patterns = [_PLAIN.get(text_family(kind)) for kind in kinds]
    if not kinds or None in patterns:
        return None
    if not all(map(bytes.isascii, keys)):
        return None
    texts = pa.array(keys, pa.binary()).cast(pa.string())
    whole = f"^{re.escape(prefix)}\\{{{','.join(map(str, patterns))}\\}}$"
    if not pc.all(pc.match_substring_regex(texts, whole)).as_py():
        return None
    tags = pc.utf8_slice_codeunits(texts, len(prefix) + 1, -1)
    parts = pc.split_pattern(tags, ",")
    columns: dict[str, Any] = {WHOLE_KEY: pa.array(keys, pa.binary())}
    # A number that matches the pattern may still be too large for its type.
    try:
        for index, (name, kind) in enumerate(schema.keys):
            columns[name] = pc.list_element(parts, index).cast(to_arrow_type(kind))
    except pa.ArrowInvalid:
        return None
    return pa.table(columns)


def _any_columns(schema: Schema, prefix: str, keys: list[bytes]) -> tuple[pa.Table, list[bytes]]:
    """Parse keys one by one; return the readable ones as columns, and the others."""
    import pyarrow as pa

    kinds = [kind for _, kind in schema.keys]
    values = [from_text(split_key(key, prefix), kinds) for key in keys]
    readable = [(key, value) for key, value in zip(keys, values, strict=True) if value is not None]
    columns: dict[str, Any] = {WHOLE_KEY: pa.array([key for key, _ in readable], pa.binary())}
    for index, (name, kind) in enumerate(schema.keys):
        columns[name] = pa.array([value[index] for _, value in readable], to_arrow_type(kind))
    unreadable = [key for key, value in zip(keys, values, strict=True) if value is None]
    return pa.table(columns), unreadable
