"""The keys with two rows that are valid at one instant; a snapshot has one row at a time."""

from __future__ import annotations

from sqlglot import exp

from featurestore.registry.definitions import FeatureView
from featurestore.sql.dialects import render
from featurestore.sql.dialects.own_names import OwnName
from featurestore.sql.expressions import (
    RANK,
    column,
    cte,
    named,
    not_null,
    ranked,
    relation,
    with_ctes,
)
from featurestore.sql.instants import instant
from featurestore.sql.validity import end_of

__all__ = ["OVERLAP_COUNT", "OVERLAP_START", "overlapping_keys"]

OVERLAP_START = "_featurestore_start"
"""The name of the column with the first instant at which two rows are valid."""
OVERLAP_COUNT = "_featurestore_count"
"""The name of the column with the number of all keys whose validities overlap."""
_EVENT, _NEXT, _UNTIL = OwnName("_event"), OwnName("_next"), OwnName("_until")


def overlapping_keys(view: FeatureView, dialect: str) -> str:
    """Write the statement that finds overlapping validities.

    Args:
        view: The feature view, with all types known and a `valid_until`.
        dialect: The warehouse's dialect.

    Returns:
        One SELECT of the first key whose validities overlap: the join keys, `OVERLAP_START` and
        `OVERLAP_COUNT`. It returns no row if no validities overlap.
    """
    keys = [column(key.name) for key in view.join_keys]
    # In the order of their starts, a row overlaps any later one only if it overlaps the next one.
    overlaps = [column(_UNTIL).is_(exp.null()), column(_UNTIL) > column(_NEXT)]
    query = exp.select(
        *keys,
        named(exp.Min(this=column(_NEXT)), OVERLAP_START),
        named(exp.Window(this=exp.Count(this=exp.Literal.number(1))), OVERLAP_COUNT),
        copy=False,
    ).from_(cte("ordered"), copy=False)
    query = query.where(*not_null([_NEXT]), exp.paren(exp.or_(*overlaps, copy=False)), copy=False)
    if keys:
        query = query.group_by(*(key.copy() for key in keys), copy=False)
        query = query.order_by(*(key.copy() for key in keys), copy=False)
    query = query.having(exp.Count(this=exp.Literal.number(1)) > 0, copy=False).limit(1, copy=False)
    query.add_comments([f"{view.name}: the first key with two rows valid at one instant"])
    ctes = [("validities", _validities(view, dialect)), ("ordered", _ordered(view))]
    return render(with_ctes(query, ctes), dialect)


def _validities(view: FeatureView, dialect: str) -> exp.Select:
    """Return the start and the end of each row; of restated rows only the newest counts."""
    assert view.valid_until is not None  # noqa: S101, the callers ask only views that have it
    keys = [column(key.name, "history") for key in view.join_keys]
    event = instant(view.event_timestamp, dialect, "history")
    until = instant(view.valid_until, dialect, "history")
    endless = end_of(view, dialect, "history").is_(exp.null())
    query = exp.select(
        *keys,
        named(event, _EVENT),
        named(exp.Case().when(endless, exp.null()).else_(until), _UNTIL),
        copy=False,
    ).from_(relation(view.relation, dialect, "history"), copy=False)
    if view.created_timestamp is not None:
        created = column(view.created_timestamp.name, "history")
        newest = exp.Ordered(this=created, desc=True, nulls_first=False)
        partition = [*(key.copy() for key in keys), event.copy()]
        query = query.select(ranked(partition, [newest]), copy=False)
    needed = [*(key.name for key in view.join_keys), view.event_timestamp.name]
    query = query.where(*not_null(needed, "history"), copy=False)
    query.add_comments([f"{view.name}: the start and the end of each row"])
    return query


def _ordered(view: FeatureView) -> exp.Select:
    """Return each row with the start of the next row of its key."""
    keys = [column(key.name) for key in view.join_keys]
    following = exp.Window(
        this=exp.Anonymous(this="LEAD", expressions=[column(_EVENT)]),
        partition_by=keys,
        order=exp.Order(expressions=[exp.Ordered(this=column(_EVENT), nulls_first=False)]),
    )
    query = exp.select(
        *(key.copy() for key in keys),
        column(_UNTIL),
        named(following, _NEXT),
        copy=False,
    ).from_(cte("validities"), copy=False)
    # A row that ends at its start is never valid.
    nonempty = exp.or_(column(_UNTIL).is_(exp.null()), column(_UNTIL) > column(_EVENT), copy=False)
    query = query.where(exp.paren(nonempty), copy=False)
    if view.created_timestamp is not None:
        query = query.where(column(RANK).eq(1), copy=False)
    query.add_comments([f"{view.name}: each row with the start of the next one"])
    return query
