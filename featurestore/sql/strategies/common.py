"""The parts that all join shapes share: the requested keys and instants, and the first row."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from featurestore.sql.expressions import Named, column, cte, named, not_null
from featurestore.sql.plan import ViewJoin

__all__ = ["asked", "picked"]


def asked(join: ViewJoin, names: Sequence[str]) -> Named:
    """Return the distinct keys and instants of the entity rows, so that duplicates cost nothing.

    Args:
        join: The first of the joins by these keys.
        names: The names of all joins by these keys, for the comment.
    """
    # One key's new name can be another column's old name. ClickHouse would resolve a bare name to
    # the new one, so the columns are qualified if any key is renamed.
    table = None if join.keys == join.spine_keys else "spine"
    keys = [
        column(key, table) if spine_key == key else named(column(spine_key, table), key)
        for key, spine_key in zip(join.keys, join.spine_keys, strict=True)
    ]
    # NULL keys and NULL instants match nothing, so they are not looked up.
    needed = (*dict.fromkeys(join.spine_keys), "_instant")
    query = exp.select(*keys, column("_instant", table), copy=False)
    query = query.from_(cte("spine"), copy=False).distinct(copy=False)
    query = query.where(*not_null(needed, table), copy=False)
    if join.numbered:
        query = _numbered(query, join)
    query.add_comments([f"{', '.join(names)}: the distinct keys and instants to look up"])
    return join.asked, query


def _numbered(query: exp.Select, join: ViewJoin) -> exp.Select:
    number = exp.Window(this=exp.RowNumber())
    columns = [column(name) for name in (*join.keys, "_instant")]
    # A subquery, because windows come before DISTINCT: a number in each row would keep duplicates.
    rows = query.subquery("asked", copy=False)
    return exp.select(*columns, named(number, "_key"), copy=False).from_(rows, copy=False)


def picked(join: ViewJoin, candidates: exp.Select, comment: str) -> Named:
    """Return the first of the ranked candidates, as the CTE with the join's own name."""
    names = (*join.found_by, "_event_timestamp", *join.features)
    query = exp.select(*(column(name) for name in names), copy=False)
    ranked = candidates.subquery("ranked", copy=False)
    query = query.from_(ranked, copy=False).where(column("_rank").eq(1), copy=False)
    query.add_comments([comment])
    return join.cte, query
