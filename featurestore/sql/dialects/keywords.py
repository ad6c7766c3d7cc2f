"""The words that need quotes as a name."""

from __future__ import annotations

from functools import cache

from sqlglot.dialects import Dialect

__all__ = ["keywords"]

_MORE = {"at", "user", "time", "position", "lateral"}


@cache
def keywords() -> frozenset[str]:
    """Return the words that any dialect treats specially, in lower case.

    One list serves all dialects, because an unneeded quote does no harm. DuckDB's is the longest.
    """
    words = Dialect.get_or_raise("duckdb").tokenizer_class.KEYWORDS
    return frozenset(word.lower() for word in words) | _MORE
