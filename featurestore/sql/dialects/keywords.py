"""The words that need quotes as a name."""

from __future__ import annotations

from functools import cache

from sqlglot.dialects import Dialect

__all__ = ["keywords"]

_GRAMMARS = ("bigquery", "clickhouse", "duckdb", "postgres", "redshift", "snowflake", "trino")
# Words that an engine refuses as a bare name, and that sqlglot does not list.
_MORE = {
    *("at", "lateral", "position", "time", "user"),
    *("current_path", "increment", "match_condition", "sample", "start", "whenever"),
}


@cache
def keywords() -> frozenset[str]:
    """Return the words that any dialect treats specially, in lower case.

    One list serves all dialects, because an unneeded quote does no harm.
    """
    # DuckDB's tokenizer knows the most words, but `GROUP BY` is one of them, and `GROUP` is not.
    words = set(Dialect.get_or_raise("duckdb").tokenizer_class.KEYWORDS)
    for grammar in _GRAMMARS:
        words |= Dialect.get_or_raise(grammar).generator_class.RESERVED_KEYWORDS
    return frozenset(word.strip().lower() for word in words) | _MORE
