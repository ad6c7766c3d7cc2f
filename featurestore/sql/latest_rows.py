"""The newest row of each entity as of one moment: what the online store should hold.

It is the point-in-time join for a single instant, with the same bounds and the same order of ties.
"""

from __future__ import annotations

from datetime import datetime

from sqlglot import exp

from featurestore.definitions import FeatureView
from featurestore.sql.dialects import render
from featurestore.sql.expressions import column, newest_first, not_null, ranked, relation
from featurestore.sql.instants import instant, instant_literal, minus

__all__ = ["latest_rows"]


def latest_rows(view: FeatureView, dialect: str, now: datetime) -> str:
    """Write the statement for the newest row per entity.

    Args:
        view: The feature view, with all types known.
        dialect: The warehouse's dialect.
        now: The moment; rows known later, or older than the ttl by then, are left out.

    Returns:
        One SELECT of the join keys, the event and the created timestamp, and all features.

    Raises:
        UnsupportedDialect: The dialect is unknown.
    """
    names = [c.name for c in view.columns] + list(view.feature_names)
    keys = [column(key.name, "history") for key in view.join_keys]
    candidates = exp.select(
        *(column(name, "history") for name in names),
        ranked(keys, newest_first(view, dialect, "history", event=True)),
        copy=False,
    ).from_(relation(view.relation, dialect, "history"))
    event = instant(view.event_timestamp, dialect, "history")
    moment = instant_literal(now, dialect)
    candidates = candidates.where(
        *not_null([key.name for key in view.join_keys], "history"),
        event <= minus(moment, view.available_after, dialect),
        copy=False,
    )
    if view.ttl is not None:
        oldest = minus(moment.copy(), view.ttl, dialect)
        candidates = candidates.where(event.copy() >= oldest, copy=False)
    query = exp.select(*(column(name) for name in names), copy=False)
    query = query.from_(candidates.subquery("ranked")).where(column("_rank").eq(1), copy=False)
    query.add_comments(
        [f"{view.name}: the newest row of each entity, known by then and not expired"]
    )
    return render(query, dialect)
