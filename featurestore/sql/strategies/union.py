"""The union form: the history and the requested instants in one sort, then the row by equality.

A running maximum over both finds the newest instant known by then. The cost grows with the rows:
each row is sorted once, and no row is compared with every instant of its key. The second step is
that of the ASOF joins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlglot import exp

from featurestore.sql.expressions import (
    EVENT,
    INSTANT,
    KEY,
    KNOWN,
    Named,
    column,
    cte,
    named,
    not_null,
    relation,
)
from featurestore.sql.instants import as_bound_of, instant, minus
from featurestore.sql.plan import ViewJoin
from featurestore.sql.strategies.asof import rows_at_that_instant
from featurestore.sql.strategies.common import known_since

__all__ = ["recent_enough", "together", "union"]


def union(join: ViewJoin, dialect: str, as_known: bool) -> list[Named]:
    """Write the union form.

    Args:
        join: The join to write.
        dialect: The warehouse's dialect.
        as_known: Whether to leave out rows written after the requested instant.

    Returns:
        The CTEs `<name>_newest` and `<name>`.
    """
    return [
        _newest(join, dialect, as_known=as_known),
        rows_at_that_instant(join, dialect, as_known=as_known),
    ]


def _newest(join: ViewJoin, dialect: str, *, as_known: bool) -> Named:
    # The default frame has all rows up to this instant, those at the same one included.
    newest = exp.Window(
        this=exp.Max(this=column(EVENT)),
        partition_by=[column(key) for key in join.keys],
        order=exp.Order(expressions=[column(KNOWN)]),
    )
    event = column(join.view.event_timestamp.name, "history")
    names = dict.fromkeys((*join.keys, *join.found_by, INSTANT))
    running = exp.select(*(column(name) for name in names), named(newest, EVENT), copy=False).from_(
        together(join, dialect, {EVENT: event}, as_known=as_known), copy=False
    )
    kept = names if as_known else dict.fromkeys((*join.keys, *join.found_by))
    query = exp.select(*(column(name) for name in (*kept, EVENT)), copy=False)
    query = query.from_(running.subquery("newest", copy=False), copy=False)
    query = query.where(*not_null([INSTANT]), *recent_enough(join, dialect), copy=False)
    query.add_comments([f"{join.name}: the newest instant known by then"])
    return f"{join.cte}_newest", query


def together(
    join: ViewJoin,
    dialect: str,
    taken: Mapping[str, exp.Expr],
    *,
    as_known: bool,
    conditions: Sequence[exp.Expr] = (),
) -> exp.Subquery:
    """Return the requested instants and the history as rows of the same columns.

    Args:
        join: The join.
        dialect: The warehouse's dialect.
        taken: The columns to take of each row of the history, by their names in the result.
        as_known: Whether a row counts only from its created timestamp on.
        conditions: The conditions on a row of the history.

    Returns:
        The keys, `_instant`, the columns of `taken`, and in `_known` the instant to sort by; a row
        of the history has no `_instant`.
    """
    view = join.view
    # The requested instants come first, so that their types are known where NULL has none.
    number = [KEY] if join.numbered else []
    instants = exp.select(
        *(column(name, "asked") for name in (*join.keys, *number, INSTANT)),
        *(named(exp.null(), name) for name in taken),
        named(minus(column(INSTANT, "asked"), view.available_after, dialect), KNOWN),
        copy=False,
    ).from_(cte(join.asked, "asked"), copy=False)
    history = exp.select(
        *(column(key, "history") for key in join.keys),
        *(named(exp.null(), name) for name in (*number, INSTANT)),
        *(named(node, name) for name, node in taken.items()),
        named(known_since(join, dialect, as_known=as_known), KNOWN),
        copy=False,
    ).from_(relation(view.relation, dialect, "history"), copy=False)
    if conditions:
        history = history.where(*conditions, copy=False)
    rows = exp.union(instants, history, distinct=False, copy=False)
    return rows.subquery("together", copy=False)


def recent_enough(join: ViewJoin, dialect: str, table: str | None = None) -> list[exp.Expr]:
    """Return the condition that the event found is within the ttl; none without a ttl."""
    view = join.view
    if view.ttl is None:
        return []
    event = replace(view.event_timestamp, name=EVENT)
    oldest = as_bound_of(event, minus(column(INSTANT), view.ttl, dialect), dialect)
    return [instant(event, dialect, table) >= oldest]
