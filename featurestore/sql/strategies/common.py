"""The parts that all join shapes share: the requested keys and instants, the first row, its end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from sqlglot import exp

from featurestore.sql.exit_types import joined_type, recast_to
from featurestore.sql.expressions import (
    EVENT,
    INSTANT,
    KEY,
    RANK,
    Named,
    column,
    cte,
    named,
    not_null,
    nulls_last,
)
from featurestore.sql.instants import as_bound_of, ceil, instant, minus
from featurestore.sql.plan import ViewJoin
from featurestore.sql.tie_order import winning_order
from featurestore.sql.validity import not_deleted, not_ended

__all__ = [
    "asked",
    "chosen_name",
    "counting",
    "features_of",
    "known_since",
    "order_of",
    "picked",
    "written_by_then",
]


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
    needed = (*dict.fromkeys(join.spine_keys), INSTANT)
    query = exp.select(*keys, column(INSTANT, table), copy=False)
    query = query.from_(cte("spine"), copy=False).distinct(copy=False)
    query = query.where(*not_null(needed, table), copy=False)
    if join.numbered:
        query = _numbered(query, join)
    query.add_comments([f"{', '.join(names)}: the distinct keys and instants to look up"])
    return join.asked, query


def _numbered(query: exp.Select, join: ViewJoin) -> exp.Select:
    number = exp.Window(this=exp.RowNumber())
    columns = [column(name) for name in (*join.keys, INSTANT)]
    # A subquery, because windows come before DISTINCT: a number in each row would keep duplicates.
    rows = query.subquery("asked", copy=False)
    return exp.select(*columns, named(number, KEY), copy=False).from_(rows, copy=False)


def picked(join: ViewJoin, candidates: exp.Select, comment: str, dialect: str) -> Named:
    """Return the first of the ranked candidates, as the CTE with the join's own name."""
    names = (*join.found_by, EVENT)
    query = exp.select(*(column(name) for name in names), copy=False)
    query = query.select(*features_of(join, dialect), copy=False)
    ranked = candidates.subquery("ranked", copy=False)
    query = query.from_(ranked, copy=False).where(column(RANK).eq(1), copy=False)
    query.add_comments([comment])
    return join.cte, query


def counting(join: ViewJoin, dialect: str) -> tuple[ViewJoin, Named | None]:
    """Return the join that chooses the rows, and the CTE of those that count.

    Every shape of join chooses the newest row as if rows had no end. Then one CTE, the same for all
    shapes, leaves out the rows that have ended and those that record a deletion.

    Returns:
        The join to give to a strategy, and the CTE that follows it. The strategy's own last CTE
        must then have the name `<name>_chosen`. None if every chosen row counts.
    """
    columns = join.view.validity_columns
    if not columns:
        return join, None
    now = column(INSTANT, "chosen")
    ended = not_ended(join.view, dialect, "chosen", now) if join.ends else []
    names = (*join.found_by, EVENT, *join.features)
    query = exp.select(*(column(name, "chosen") for name in names), copy=False)
    query = query.from_(cte(chosen_name(join), "chosen"), copy=False)
    query = query.where(*ended, *not_deleted(join.view, "chosen"), copy=False)
    query.add_comments([f"{join.name}: the rows that have not ended by then"])
    return replace(join, carried=tuple(c.name for c in columns)), (join.cte, query)


def chosen_name(join: ViewJoin) -> str:
    """Return the name of the CTE with the chosen rows, before their end is looked at."""
    return f"{join.cte}_chosen"


def features_of(join: ViewJoin, dialect: str, table: str | None = None) -> Iterator[exp.Expr]:
    """Yield the features of the chosen rows, in the types that pass the outer join."""
    types = {feature.name: feature.data_type for feature in join.view.features}
    for name in join.features:
        node, kind = column(name, table), types.get(name)
        passing = recast_to(node, kind, joined_type(kind, dialect), dialect) if kind else node
        yield node if passing is node else named(passing, name)


def known_since(join: ViewJoin, dialect: str, *, as_known: bool) -> exp.Expr:
    """Return the instant from which a row of the history is known, less `available_after`.

    An instant that asks is moved by `available_after` instead: in the history, a year of 9999 plus
    a delay would overflow.
    """
    view = join.view
    event = ceil(view.event_timestamp, dialect, "history")
    if not as_known or view.created_timestamp is None:
        return event
    created = ceil(view.created_timestamp, dialect, "history")
    created = minus(created, view.available_after, dialect)
    # Not GREATEST, which makes NULL of a row without a created timestamp on some engines.
    return exp.Case().when(created > event, created.copy(), copy=False).else_(event.copy())


def written_by_then(join: ViewJoin, dialect: str, now: exp.Expr) -> exp.Expr | None:
    """Return the condition that a row was written by an instant; None if the view cannot tell."""
    source = join.view.created_timestamp
    if source is None:
        return None
    unknown = column(source.name, "history").is_(exp.null())
    # A row without a created timestamp counts as known: nothing tells that it came later.
    written = instant(source, dialect, "history") <= as_bound_of(source, now, dialect)
    return exp.paren(exp.or_(written, unknown))


def order_of(join: ViewJoin, dialect: str, table: str, *, event: bool = True) -> list[exp.Expr]:
    """Return the order whose first row is the row to use; see `winning_order`.

    Where the engine allows one row for a key and an event timestamp, nothing else has to decide.
    """
    if not join.unique:
        return winning_order(join.view, dialect, table, event=event)
    return [nulls_last(column(join.view.event_timestamp.name, table), desc=True)] if event else []
