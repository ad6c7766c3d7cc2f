"""The LATERAL form: for each key and instant, the first row of the history in the winning order.

The subquery runs once per key and instant. With an index on the keys and the event timestamp it
reads a handful of rows each time, which beats a sort of the history. Without one it scans the whole
history each time.
"""

from __future__ import annotations

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
    query = exp.select(
        *(column(name, "asked") for name in join.found_by),
        column(EVENT, "newest"),
        *(column(feature, "newest") for feature in join.features),
        copy=False,
    ).from_(cte(join.asked, "asked"), copy=False)
    newest = exp.Lateral(
        this=_newest(join, dialect, as_known).subquery(copy=False),
        alias=exp.TableAlias(this=as_name("newest")),
    )
    query = query.join(exp.Join(this=newest, kind="CROSS"), copy=False)
    query.add_comments([f"{join.name}: the newest row known by then"])
    return [(join.cte, query)]


def _newest(join: ViewJoin, dialect: str, as_known: bool) -> exp.Select:
    view = join.view
    event, *ties = order_of(join, dialect, "history")
    # The condition has removed NULL timestamps, and NULLS FIRST is the order of a descending index.
    event.set("nulls_first", True)
    return (
        exp.select(
            named(column(view.event_timestamp.name, "history"), EVENT),
            *(column(feature, "history") for feature in join.features),
            copy=False,
        )
        .from_(relation(view.relation, dialect, "history"), copy=False)
        .where(*_known(join, dialect, as_known), copy=False)
        .order_by(event, *ties, copy=False)
        .limit(1, copy=False)
    )


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
