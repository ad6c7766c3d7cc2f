"""The bounds of a history: literals that let the engine skip whole partitions and files.

An engine prunes by a comparison of the bare column with a constant. The join itself compares the
column with the instant of each entity row, which no engine knows while it plans.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlglot import exp

from featurestore.registry.definitions import FeatureView
from featurestore.sql.expressions import Named, as_name, column
from featurestore.sql.instants import bound_literal

__all__ = ["Extent", "bounded", "reach"]

_HISTORY = "history"
"""The alias under which every shape of join reads the rows of a view."""


@dataclass(frozen=True, slots=True)
class Extent:
    """The first and the last of some instants, both inclusive, in UTC.

    Attributes:
        first: The first instant; None if it may be any.
        last: The last instant; None if it may be any.
    """

    first: datetime | None = None
    last: datetime | None = None


def reach(view: FeatureView, asked: Extent) -> Extent:
    """Return the event timestamps that can be the newest one known at some instants.

    Args:
        view: The feature view.
        asked: The instants.
    """
    first = None if view.ttl is None else _earlier(asked.first, view.ttl)
    return Extent(first, _earlier(asked.last, view.available_after))


def _earlier(moment: datetime | None, duration: timedelta) -> datetime | None:
    if moment is None:
        return None
    try:
        return moment - duration
    except OverflowError:
        return None


def bounded(named: Named, view: FeatureView, asked: Extent, dialect: str) -> Named:
    """Return a common table expression that reads only the reach of some instants of a history.

    A row out of reach is the newest one known at none of the instants, so no choice changes.

    Args:
        named: A common table expression of a join. Its query changes in place.
        view: The view that the join reads.
        asked: The instants that the entity rows ask for.
        dialect: The warehouse's dialect.
    """
    name, query = named
    for table in [each for each in query.find_all(exp.Table) if each.alias == _HISTORY]:
        _bound(table, list(_conditions(view, reach(view, asked), dialect)))
    return name, query


def _conditions(view: FeatureView, within: Extent, dialect: str) -> Iterator[exp.Expr]:
    source = view.event_timestamp
    for moment, comparison in ((within.first, exp.GTE), (within.last, exp.LTE)):
        literal = bound_literal(source, moment, dialect) if moment is not None else None
        if literal is not None:
            yield comparison(this=column(source.name, _HISTORY), expression=literal)


def _bound(table: exp.Table, conditions: list[exp.Expr]) -> None:
    select = table.find_ancestor(exp.Select)
    assert select is not None  # noqa: S101, a table is read by a select
    if not conditions:
        return
    if not select.args.get("joins"):
        select.where(*conditions, copy=False)
        return
    # Beside a join, a subquery: an ASOF join takes no further condition, and not every engine
    # prunes by a condition in ON.
    read = {each.name: each for each in select.find_all(exp.Column) if each.table == _HISTORY}
    rows = exp.select(*(each.copy() for each in read.values()), copy=False)
    rows = rows.from_(table.copy(), copy=False).where(*conditions, copy=False)
    table.replace(rows.subquery(as_name(_HISTORY), copy=False))
