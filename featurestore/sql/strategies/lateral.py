"""The LATERAL form: for each key and instant, the first row of the history in the order of winning.

It reads the history once per key and instant, so it is for a history with an index on its keys and
event timestamp. There it reads a handful of rows each time, and beats sorting everything.
"""

from __future__ import annotations

from sqlglot import exp

from featurestore.sql.expressions import Named, as_name, column, cte, equal_keys, named, relation
from featurestore.sql.instants import as_type_of, minus
from featurestore.sql.plan import ViewJoin
from featurestore.sql.tie_order import winning_order

__all__ = ["lateral"]


def lateral(join: ViewJoin, dialect: str, as_known: bool) -> list[Named]:
    """Write the LATERAL form.

    Args:
        join: What to join.
        dialect: The warehouse's dialect.
        as_known: Leave out rows written after the instant asked for.

    Returns:
        The CTE `<name>`.
    """
    query = exp.select(
        *(column(name, "asked") for name in join.found_by),
        column("_event_timestamp", "newest"),
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
    event, *ties = winning_order(view, dialect, "history", event=True)
    # No row without an event timestamp gets here: this order is the one that an index has.
    event.set("nulls_first", True)
    return (
        exp.select(
            named(column(view.event_timestamp.name, "history"), "_event_timestamp"),
            *(column(feature, "history") for feature in join.features),
            copy=False,
        )
        .from_(relation(view.relation, dialect, "history"), copy=False)
        .where(*_known(join, dialect, as_known), copy=False)
        .order_by(event, *ties, copy=False)
        .limit(1, copy=False)
    )


def _known(join: ViewJoin, dialect: str, as_known: bool) -> list[exp.Expr]:
    # The bounds are brought into the column's type, not the column into theirs: so an index serves.
    view, now = join.view, column("_instant", "asked")
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
        written = created <= as_type_of(view.created_timestamp, now.copy(), dialect)
        conditions.append(exp.paren(exp.or_(written, created.copy().is_(exp.null()))))
    return conditions
