"""The ASOF join with a MATCH_CONDITION: an outer join, with the inequality in its own clause.

The two steps are those of the other ASOF joins. `MATCH_CONDITION` compares one column of each side,
so a subquery first computes the instant at which each row of the history became known.
"""

from __future__ import annotations

from sqlglot import exp

from featurestore.sql.expressions import (
    EVENT,
    INSTANT,
    KNOWN,
    Named,
    both,
    column,
    cte,
    equal_keys,
    named,
    not_null,
    relation,
)
from featurestore.sql.instants import instant, minus, plus
from featurestore.sql.plan import ViewJoin
from featurestore.sql.strategies.asof import rows_at_that_instant

__all__ = ["match_condition"]


def match_condition(join: ViewJoin, dialect: str, as_known: bool) -> list[Named]:
    """Write the ASOF form with a match condition.

    Args:
        join: The join to write.
        dialect: The warehouse's dialect.
        as_known: Must be False, because the join takes only one inequality.

    Returns:
        The CTEs `<name>_newest` and `<name>`.
    """
    if as_known:
        raise AssertionError("as_known needs another shape: an ASOF join takes one inequality")
    return [_newest(join, dialect), rows_at_that_instant(join, dialect)]


def _newest(join: ViewJoin, dialect: str) -> Named:
    view = join.view
    now, known = column(INSTANT, "asked"), column(KNOWN, "history")
    query = exp.select(
        *(column(name, "asked") for name in dict.fromkeys((*join.keys, *join.found_by))),
        column(EVENT, "history"),
        copy=False,
    ).from_(cte(join.asked, "asked"), copy=False)
    asof = exp.Join(
        this=_known_since(join, dialect),
        method="ASOF",
        match_condition=now.copy() >= known,
        on=both(equal_keys(join.keys, "asked", "history")) if join.keys else None,
    )
    # Snowflake keeps the rows without a match; the join by equality drops them later.
    query = query.join(asof, copy=False)
    if view.ttl is not None:
        # `_known` is the event plus `available_after`, so the ttl's bound moves by the same length.
        oldest = minus(now.copy(), view.ttl - view.available_after, dialect)
        query = query.where(known.copy() >= oldest, copy=False)
    query.add_comments([f"{join.name}: the newest instant known by then"])
    return f"{join.cte}_newest", query


def _known_since(join: ViewJoin, dialect: str) -> exp.Subquery:
    """Return the keys and instants of the history, and when each row became known."""
    view = join.view
    known = plus(instant(view.event_timestamp, dialect, "history"), view.available_after, dialect)
    query = exp.select(
        *(column(key, "history") for key in join.keys),
        named(column(view.event_timestamp.name, "history"), EVENT),
        named(known, KNOWN),
        copy=False,
    )
    query = query.from_(relation(view.relation, dialect, "history"), copy=False)
    query = query.where(*not_null([view.event_timestamp.name], "history"), copy=False)
    return query.subquery("history", copy=False)
