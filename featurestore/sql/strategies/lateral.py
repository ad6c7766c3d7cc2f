"""The LATERAL form: for each key and instant, the first row of the history in the winning order.

The subquery runs once per key and instant. With an index on the keys and the event timestamp it
reads a row or two each time, which beats a sort of the history. Without one it scans the whole
history each time. It returns all rows of the newest instant, in the order of the index, so that no
sort runs once per key and instant: one sort of all that was found decides the ties.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from featurestore.sql.expressions import (
    EVENT,
    INSTANT,
    Named,
    as_name,
    column,
    cte,
    equal_keys,
    named,
    relation,
)
from featurestore.sql.instants import as_type_of, minus
from featurestore.sql.plan import ViewJoin
from featurestore.sql.strategies.common import order_of

__all__ = ["lateral"]


def lateral(join: ViewJoin, dialect: str, as_known: bool) -> list[Named]:
    """Write the LATERAL form.

    Args:
        join: The join to write.
        dialect: The warehouse's dialect.
        as_known: Whether to leave out rows written after the requested instant.

    Returns:
        The CTE `<name>`.
    """
    keys = [column(name, "asked") for name in join.found_by]
    ties = order_of(join, dialect, "newest", event=False)
    query = exp.select(
        *keys,
        column(EVENT, "newest"),
        *(column(feature, "newest") for feature in join.features),
        copy=False,
    ).from_(cte(join.asked, "asked"), copy=False)
    newest = exp.Lateral(
        this=_newest(join, dialect, ties, as_known=as_known).subquery(copy=False),
        alias=exp.TableAlias(this=as_name("newest")),
    )
    query = query.join(exp.Join(this=newest, kind="CROSS"), copy=False)
    comment = f"{join.name}: the newest row known by then"
    if not join.unique:
        query = query.distinct(*(key.copy() for key in keys), copy=False)
        query = query.order_by(*(key.copy() for key in keys), *ties, copy=False)
        comment += ", ties decided"
    query.add_comments([comment])
    return [(join.cte, query)]


def _newest(
    join: ViewJoin, dialect: str, ties: Sequence[exp.Expr], *, as_known: bool
) -> exp.Select:
    """Return the rows at the newest instant: one, unless there are ties."""
    view = join.view
    event = order_of(join, dialect, "history")[0]
    # The condition has removed NULL timestamps, and NULLS FIRST is the order of a descending index.
    event.set("nulls_first", True)
    deciding = (node.name for term in ties for node in term.find_all(exp.Column))
    rows = exp.select(
        named(column(view.event_timestamp.name, "history"), EVENT),
        *(column(name, "history") for name in dict.fromkeys((*join.features, *deciding))),
        copy=False,
    ).from_(relation(view.relation, dialect, "history"), copy=False)
    rows = rows.where(*_known(join, dialect, as_known), copy=False).order_by(event, copy=False)
    if join.unique:
        return rows.limit(1, copy=False)
    tying = exp.LimitOptions(rows=True, with_ties=True)
    one = exp.Literal.number(1)
    rows.set("limit", exp.Fetch(direction="FIRST", count=one, limit_options=tying))
    return rows


def _known(join: ViewJoin, dialect: str, as_known: bool) -> list[exp.Expr]:
    # Convert the bounds to the column's type, not the column to theirs, so that an index applies.
    view, now = join.view, column(INSTANT, "asked")
    event = column(view.event_timestamp.name, "history")
    latest = minus(now, view.available_after, dialect)
    conditions = [
        *equal_keys(join.keys, "asked", "history"),
        event <= as_type_of(view.event_timestamp, latest, dialect),
    ]
    if view.ttl is not None:
        oldest = minus(now.copy(), view.ttl, dialect)
        conditions.append(event.copy() >= as_type_of(view.event_timestamp, oldest, dialect))
    if as_known and view.created_timestamp is not None:
        created = column(view.created_timestamp.name, "history")
        # A row without a created timestamp counts as known: nothing tells that it came later.
        written = created <= as_type_of(view.created_timestamp, now.copy(), dialect)
        conditions.append(exp.paren(exp.or_(written, created.copy().is_(exp.null()))))
    return conditions
