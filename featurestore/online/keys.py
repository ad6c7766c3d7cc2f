"""The names of all keys in Redis.

    fs:<project>:<view>:{<key>,<key>...}    one row of a feature view
    fs-meta:{<project>}:...                 the project's metadata
    fs-guard:<project>:...:{<any>}          guards of one slot of a cluster: fences and canaries

`<project>` is the dbt project's name, or the namespace that replaces it.
Every part is percent-encoded (RFC 3986: all but letters, digits and `-._~`), so no two keys
collide. The braces mark the hash tag of Redis Cluster: all rows of one entity share a slot, and all
metadata of one project share another.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote, unquote

__all__ = [
    "encoded",
    "entity_key",
    "guard_key",
    "metadata_key",
    "row_prefix",
    "split_key",
    "view_of",
]


def row_prefix(project: str, view: str) -> str:
    """Return the prefix of the keys of a view's rows.

    >>> row_prefix("flights", "plane_features.v2"), row_prefix("a:b", "c")
    ('fs:flights:plane_features.v2:', 'fs:a%3Ab:c:')
    """
    return f"fs:{quote(project, safe='')}:{quote(view, safe='')}:"


def metadata_key(project: str, *parts: str) -> str:
    """Return a metadata key of the project.

    >>> metadata_key("flights", "schema", "plane_features")
    'fs-meta:{flights}:schema:plane_features'
    """
    tag = f"{{{quote(project, safe='')}}}"
    return ":".join(["fs-meta", tag, *(quote(part, safe="") for part in parts)])


def guard_key(project: str, *parts: str, tag: str) -> str:
    """Return the key of a guard in the slot of a hash tag.

    >>> guard_key("flights", "fence", tag="123")
    'fs-guard:flights:fence:{123}'
    """
    names = ":".join(quote(part, safe="") for part in (project, *parts))
    return f"fs-guard:{names}:{{{tag}}}"


def view_of(key: bytes, project: str) -> str | None:
    """Return the view of a row's key; None for a key with other characters than keys have."""
    if not key.isascii():
        return None
    return unquote(key.decode().removeprefix(f"fs:{quote(project, safe='')}:").partition(":")[0])


def entity_key(prefix: str, texts: Iterable[str]) -> str:
    """Return the key of the row with these texts of join keys.

    >>> entity_key("fs:flights:route_features:", ["a,b", "c"])
    'fs:flights:route_features:{a%2Cb,c}'
    """
    return f"{prefix}{{{','.join([encoded(text) for text in texts])}}}"


def encoded(text: str) -> str:
    """Return the percent-encoded text of one join key.

    >>> encoded("N14228"), encoded("a,b")
    ('N14228', 'a%2Cb')
    """
    return text if text.isascii() and text.isalnum() else quote(text, safe="")


def split_key(key: bytes, prefix: str) -> list[str] | None:
    """Return the texts of a row's join keys; None if the key does not belong to the view."""
    try:
        tag = key.decode("ascii").removeprefix(prefix)
    except UnicodeDecodeError:
        return None
    if not (tag.startswith("{") and tag.endswith("}")):
        return None
    return [unquote(text) for text in tag[1:-1].split(",")]
