"""The window form: rank all rows known by then. Every engine with window functions can run it."""

from __future__ import annotations

from sqlglot import exp

from featurestore.sql.dialects import dialect_record
from featurestore.sql.expressions import (
    EVENT,
    INSTANT,
    Named,
    both,
    column,
    cte,
    equal_keys,
    named,
    nulls_last,
    ranked,
    relation,
)
from featurestore.sql.instants import as_bound_of, instant, minus
from featurestore.sql.plan import ViewJoin
from featurestore.sql.strategies.common import order_of, picked, written_by_then

__all__ = ["window"]


def window(join: ViewJoin, dialect: str, as_known: bool) -> list[Named]:
    """Write the window form.

    Args:
        join: The join to write.
        dialect: The warehouse's dialect.
        as_known: Whether to leave out rows written after the requested instant.

    Returns:
        The CTE `<name>`.
    """
    view = join.view
    partition = [column(name, "asked") for name in join.found_by]
    candidates = exp.select(
        *partition,
        named(column(view.event_timestamp.name, "history"), EVENT),
        *(column(feature, "history") for feature in join.features),
        ranked(partition, _order(join, dialect)),
        copy=False,
    ).from_(cte(join.asked, "asked"), copy=False)
    candidates = candidates.join(
        relation(view.relation, dialect, "history"),
        on=both(_known(join, dialect, as_known)),
        copy=False,
    )
    return [picked(join, candidates, f"{join.name}: the newest row known by then", dialect)]


def _order(join: ViewJoin, dialect: str) -> list[exp.Expr]:
    order = order_of(join, dialect, "history")
    if len(order) == 1 and dialect_record(dialect).lone_sort_keys:
        # A second term keeps the engine from an aggregate that changes the values of the row.
        event = column(join.view.event_timestamp.name, "history")
        order.append(nulls_last(event.is_(exp.null()), desc=True))
    return order


def _known(join: ViewJoin, dialect: str, as_known: bool) -> list[exp.Expr]:
    view = join.view
    now = column(INSTANT, "asked")
    event = instant(view.event_timestamp, dialect, "history")
    # Both bounds are inclusive, and shift the requested instant instead of the history's column.
    latest = minus(now.copy(), view.available_after, dialect)
    conditions = [
        *equal_keys(join.keys, "asked", "history"),
        event <= as_bound_of(view.event_timestamp, latest, dialect),
    ]
    if view.ttl is not None:
        oldest = minus(now.copy(), view.ttl, dialect)
        conditions.append(event.copy() >= as_bound_of(view.event_timestamp, oldest, dialect))
    written = written_by_then(join, dialect, now.copy()) if as_known else None
    return conditions if written is None else [*conditions, written]
