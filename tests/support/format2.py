"""Rewrites an online store in format 2, as docs/reference/online-format.md describes it.

It uses no code of the package, so the rows are those that an older release published.
"""

from __future__ import annotations

import json
from typing import Any

from tests.support.online_decoder import fingerprint

__all__ = ["in_format_2", "rewrite_in_format_2"]


def in_format_2(row: bytes, schema: str) -> bytes:
    """Return a row of format 3 in format 2.

    Args:
        row: The row, without an end of validity.
        schema: The JSON of its schema in format 2.
    """
    version, marks = divmod(row[0], 16)
    assert version == 3
    assert not marks & 4
    return bytes([0x20 | marks]) + fingerprint(schema) + row[5:-4]


def rewrite_in_format_2(client: Any, project: str, view: str) -> str:
    """Rewrite a view's rows and its schema; return the fingerprint of the schema in hex.

    Args:
        client: The online store.
        project: The project.
        view: The feature view, published in format 3.
    """
    key = f"fs-meta:{{{project}}}:schema:{view}"
    fields = client.hgetall(key)
    content = json.loads(fields[fields[b"current"]])
    schema = json.dumps({**content, "version": 2}, separators=(",", ":"), ensure_ascii=False)
    name = fingerprint(schema).hex()
    client.delete(key)
    client.hset(key, mapping={name: schema, "current": name})
    for row in client.scan_iter(match=f"fs:{project}:{view}:*"):
        client.set(row, in_format_2(client.get(row), schema), keepttl=True)
    return name
