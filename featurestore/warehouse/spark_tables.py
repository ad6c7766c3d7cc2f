"""What identifies a table of Spark or Databricks, from the words of their DESCRIBE statements."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["DETAIL", "EXTENDED", "catalog_id", "detail_id", "is_delta"]

EXTENDED = "DESCRIBE TABLE EXTENDED {relation}"
DETAIL = "DESCRIBE DETAIL {relation}"
_FILES = frozenset({"parquet", "orc", "avro", "csv", "json", "text", "hive"})
"""The formats whose tables are dropped before they are built again."""


def is_delta(described: Iterable[tuple[Any, ...]]) -> bool:
    """Return whether the rows of `EXTENDED` describe a table of Delta Lake."""
    return _words(described).get("Provider", "").lower() == "delta"


def catalog_id(described: Iterable[tuple[Any, ...]]) -> str:
    """Return the instant at which the catalog got a table, to the second; empty if it is unsure.

    A format with transactions may replace the table without a word to the catalog.

    >>> rows = [("id", "bigint"), ("", ""), ("# Detailed Table Information", "")]
    >>> rows += [("Created Time", "Sat Mar 02 09:30:00 UTC 2024"), ("Provider", "parquet")]
    >>> catalog_id(rows), catalog_id([*rows, ("Type", "VIEW")]), catalog_id([("id", "bigint")])
    ('Sat Mar 02 09:30:00 UTC 2024', '', '')
    """
    words = _words(described)
    is_table = words.get("Type", "") != "VIEW" and words.get("Provider", "").lower() in _FILES
    return words.get("Created Time", "") if is_table else ""


def detail_id(detail: Mapping[str, Any]) -> str:
    """Return what identifies a table of Delta Lake, from its row of `DETAIL`; else an empty text.

    >>> detail_id({"format": "delta", "id": "5b1f", "createdAt": "2024-03-02 09:30:00.125"})
    '5b1f, 2024-03-02 09:30:00.125'
    >>> detail_id({"format": "parquet", "id": None, "createdAt": None})
    ''
    """
    if not detail.get("id"):
        return ""
    return f"{detail['id']}, {detail.get('createdAt')}"


def _words(described: Iterable[tuple[Any, ...]]) -> dict[str, str]:
    """Return what is said about a table, after the list of its columns."""
    rows = [(str(row[0]).strip(), str(row[1] or "").strip()) for row in described]
    names = [name for name, _ in rows]
    title = "# Detailed Table Information"
    return dict(rows[names.index(title) :]) if title in names else {}
