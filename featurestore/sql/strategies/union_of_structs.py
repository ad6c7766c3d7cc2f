"""The union of structs: each row travels through the sort as one struct, so nothing is fetched.

Sorted by instant, and at one instant so that the winner of a tie comes last, the last row before a
requested instant is the row to use. With `as_known` the last row need not be the newest one, so the
other union is written.
"""

from __future__ import annotations

from sqlglot import exp

from featurestore.sql.dialects.calls import call
from featurestore.sql.expressions import (
    EVENT,
    INSTANT,
    KNOWN,
    VALUES,
    Named,
    as_name,
    column,
    named,
    not_null,
)
from featurestore.sql.plan import ViewJoin
from featurestore.sql.strategies.common import features_of, order_of
from featurestore.sql.strategies.union import recent_enough, together, union
from featurestore.sql.tie_order import reversed_order

__all__ = ["union_of_structs"]


def union_of_structs(join: ViewJoin, dialect: str, as_known: bool) -> list[Named]:
    """Write the union of structs.

    Args:
        join: The join to write.
        dialect: The warehouse's dialect.
        as_known: Whether to leave out rows written after the requested instant.

    Returns:
        The CTE `<name>`; with `as_known` those of `union`.
    """
    if as_known:
        return union(join, dialect, as_known)
    ties = reversed_order(order_of(join, dialect, VALUES, event=False))
    deciding = {node.name for term in ties for node in term.find_all(exp.Column)}
    # A row without an event timestamp would come first of all, and be the newest before any other.
    dated = not_null([join.view.event_timestamp.name], "history")
    taken: dict[str, exp.Expr] = {VALUES: _values(join, deciding)}
    rows = together(join, dialect, taken, as_known=False, conditions=dated)
    # Rows of the history have no `_instant`, so at the same instant they come before who asks.
    order = [column(KNOWN), exp.Ordered(this=column(INSTANT), nulls_first=True)]
    last = exp.Window(
        this=call("LAST", column(VALUES), exp.true()),
        partition_by=[column(key) for key in join.keys],
        order=exp.Order(expressions=[*order, *ties]),
        spec=exp.WindowSpec(
            kind="ROWS", start="UNBOUNDED", start_side="PRECEDING", end="CURRENT ROW"
        ),
    )
    names = (*join.keys, INSTANT)
    running = exp.select(*(column(name) for name in names), named(last, VALUES), copy=False)
    running = running.from_(rows, copy=False)
    query = exp.select(
        *(column(name) for name in names),
        column(EVENT, VALUES),
        *features_of(join, dialect, VALUES),
        copy=False,
    ).from_(running.subquery("newest", copy=False), copy=False)
    found = not_null([INSTANT, VALUES])
    query = query.where(*found, *recent_enough(join, dialect, VALUES), copy=False)
    query.add_comments([f"{join.name}: the newest row known by then"])
    return [(join.cte, query)]


def _values(join: ViewJoin, deciding: set[str]) -> exp.Expr:
    """Return the struct of what is wanted of a row, and of what decides ties."""
    names = dict.fromkeys((*join.features, *sorted(deciding - set(join.features))))
    event = column(join.view.event_timestamp.name, "history")
    fields = (column(name, "history") for name in names)
    return exp.Struct(expressions=[exp.PropertyEQ(this=as_name(EVENT), expression=event), *fields])
