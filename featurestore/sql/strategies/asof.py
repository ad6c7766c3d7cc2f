"""The ASOF join: the newest instant by a sorted merge, then the row at that instant.

An ASOF join cannot break ties: the engine returns any of the tied rows. So the join reads only keys
and timestamps, and a second join fetches the rows at that instant by equality and ranks them. This
is exact, and as fast as an ASOF join over all columns, because it ranks only rows that matched.
Where the engine itself refuses ties, the ASOF join takes the whole row.
"""

from __future__ import annotations

from sqlglot import exp

from featurestore.sql.expressions import (
    EVENT,
    INSTANT,
    Named,
    both,
    column,
    cte,
    equal_keys,
    named,
    ranked,
    relation,
)
from featurestore.sql.instants import as_bound_of, instant, minus
from featurestore.sql.plan import ViewJoin
from featurestore.sql.strategies.common import (
    features_of,
    order_of,
    picked,
    written_by_then,
)

__all__ = ["asof", "rows_at_that_instant"]


def asof(join: ViewJoin, dialect: str, as_known: bool) -> list[Named]:
    """Write the ASOF form, for engines where `ASOF JOIN` takes an inequality in ON.

    Args:
        join: The join to write.
        dialect: The warehouse's dialect.
        as_known: Must be False, because the join takes only one inequality.

    Returns:
        The CTEs `<name>_newest` and `<name>`; only the second if ties cannot be.
    """
    if as_known:
        raise AssertionError("as_known needs another shape: an ASOF join takes one inequality")
    query = _newest(join, dialect)
    if join.unique:
        query = query.select(*features_of(join, dialect, "history"), copy=False)
        query.add_comments([f"{join.name}: the newest row known by then; its table has no ties"])
        return [(join.cte, query)]
    query.add_comments([f"{join.name}: the newest instant known by then"])
    return [(f"{join.cte}_newest", query), rows_at_that_instant(join, dialect)]


def _newest(join: ViewJoin, dialect: str) -> exp.Select:
    view = join.view
    # Shift the bound, not the history, so that the statistics of the history's column apply.
    known_until = minus(column(INSTANT, "asked"), view.available_after, dialect)
    known_until = as_bound_of(view.event_timestamp, known_until, dialect)
    event = instant(view.event_timestamp, dialect, "history")
    # The second step needs the keys again.
    names = join.found_by if join.unique else dict.fromkeys((*join.keys, *join.found_by))
    query = exp.select(
        *(column(name, "asked") for name in names),
        named(column(view.event_timestamp.name, "history"), EVENT),
        copy=False,
    ).from_(cte(join.asked, "asked"), copy=False)
    conditions = [*equal_keys(join.keys, "asked", "history"), known_until >= event]
    # An inner join: the LEFT JOIN of the training set brings back the rows without a match.
    query = query.join(
        exp.Join(
            this=relation(view.relation, dialect, "history"), on=both(conditions), method="ASOF"
        ),
        copy=False,
    )
    # After the join, which takes only one inequality. If the newest row is too old, all are, so
    # no row is lost.
    if view.ttl is not None:
        oldest = minus(column(INSTANT, "asked"), view.ttl, dialect)
        oldest = as_bound_of(view.event_timestamp, oldest, dialect)
        query = query.where(instant(view.event_timestamp, dialect, "history") >= oldest, copy=False)
    return query


def rows_at_that_instant(join: ViewJoin, dialect: str, *, as_known: bool = False) -> Named:
    """Return the rows at the instants that `<name>_newest` found, with ties decided."""
    view = join.view
    partition = [column(name, "newest") for name in join.found_by]
    at_that_instant = [
        *equal_keys(join.keys, "newest", "history"),
        column(EVENT, "newest").eq(column(view.event_timestamp.name, "history")),
    ]
    written = written_by_then(join, dialect, column(INSTANT, "newest")) if as_known else None
    if written is not None:
        at_that_instant.append(written)
    rows = exp.select(*partition, column(EVENT, "newest"), copy=False)
    rows = rows.from_(cte(f"{join.cte}_newest", "newest"), copy=False).join(
        relation(view.relation, dialect, "history"), on=both(at_that_instant), copy=False
    )
    if join.unique:
        rows = rows.select(*features_of(join, dialect, "history"), copy=False)
        rows.add_comments([f"{join.name}: the row at that instant; its table has no ties"])
        return join.cte, rows
    rank = ranked(partition, order_of(join, dialect, "history", event=False))
    features = (column(feature, "history") for feature in join.features)
    rows = rows.select(*features, rank, copy=False)
    return picked(join, rows, f"{join.name}: the row at that instant, ties decided", dialect)
