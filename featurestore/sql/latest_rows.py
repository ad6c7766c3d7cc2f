"""The newest row of each entity as of one moment: what the online store should hold.

It is the point-in-time join for a single instant, with the same bounds and the same order of ties.
"""

from __future__ import annotations

from datetime import datetime

from sqlglot import exp

from featurestore.definitions import FeatureView
from featurestore.sql.dialects import render
from featurestore.sql.expressions import (
    as_name,
    both,
    column,
    cte,
    equal_keys,
    newest_first,
    not_null,
    ranked,
    relation,
    with_ctes,
)
from featurestore.sql.instants import instant, instant_literal, minus

__all__ = ["latest_rows"]


def latest_rows(
    view: FeatureView, dialect: str, now: datetime, *, since: datetime | None = None
) -> str:
    """Write the statement for the newest row per entity.

    Args:
        view: The feature view, with all types known.
        dialect: The warehouse's dialect.
        now: The moment; rows known later, or older than the ttl by then, are left out.
        since: Leave out entities without an event since then; of the others it is the same row.

    Returns:
        One SELECT of the join keys, the event and the created timestamp, and all features.

    Raises:
        UnsupportedDialect: The dialect is unknown.
    """
    names = [c.name for c in view.columns] + list(view.feature_names)
    keys = [key.name for key in view.join_keys]
    ranked_rows = exp.select(
        *(column(name, "history") for name in names),
        ranked(
            [column(key, "history") for key in keys],
            newest_first(view, dialect, "history", event=False),
        ),
        copy=False,
    ).from_(cte("newest"))
    at_that_instant = [
        *equal_keys(keys, "newest", "history"),
        column("_event_timestamp", "newest").eq(column(view.event_timestamp.name, "history")),
    ]
    ranked_rows = ranked_rows.join(
        relation(view.relation, dialect, "history"), on=both(at_that_instant), copy=False
    )
    query = exp.select(*(column(name) for name in names), copy=False)
    query = query.from_(ranked_rows.subquery("ranked")).where(column("_rank").eq(1), copy=False)
    query.add_comments([f"{view.name}: the row at that instant, ties decided"])
    return render(with_ctes(query, [("newest", _newest(view, dialect, now, since))]), dialect)


def _newest(view: FeatureView, dialect: str, now: datetime, since: datetime | None) -> exp.Select:
    """Return the newest instant of each entity: few columns, and no sorting."""
    keys = [column(key.name, "history") for key in view.join_keys]
    event = column(view.event_timestamp.name, "history")
    query = exp.select(
        *keys, exp.alias_(exp.Max(this=event), as_name("_event_timestamp")), copy=False
    ).from_(relation(view.relation, dialect, "history"))
    at, moment = instant(view.event_timestamp, dialect, "history"), instant_literal(now, dialect)
    query = query.where(
        *not_null([key.name for key in view.join_keys], "history"),
        at <= minus(moment, view.available_after, dialect),
        copy=False,
    )
    if view.ttl is not None:
        query = query.where(at.copy() >= minus(moment.copy(), view.ttl, dialect), copy=False)
    if since is not None:
        query = query.where(at.copy() >= instant_literal(since, dialect), copy=False)
    if keys:
        query = query.group_by(*(key.copy() for key in keys), copy=False)
    else:
        # The greatest of no instants is 1970 on ClickHouse, and a row may be from then.
        query = query.having(exp.Count(this=event.copy()) > 0, copy=False)
    query.add_comments(
        [f"{view.name}: the newest instant of each entity, known by then and not expired"]
    )
    return query
