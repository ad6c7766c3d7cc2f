"""The condition that a row has expired: its ttl ran out, or its end came."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from sqlglot import exp

from featurestore.registry.definitions import FeatureView
from featurestore.sql.dialects import render
from featurestore.sql.expressions import column
from featurestore.sql.instants import instant_literal, minus, naive
from featurestore.sql.latest_rows import VALID_UNTIL

__all__ = ["expired_condition", "has_expired"]


def has_expired(
    view: FeatureView, moment: datetime, dialect: str, *, event: str = "", end: str = VALID_UNTIL
) -> str:
    """Write the condition that a row of a view has expired by a moment; it is never NULL.

    Args:
        view: The feature view, with all types known.
        moment: The moment.
        dialect: The warehouse's dialect.
        event: The column with the row's event timestamp; by default the view's own.
        end: The column with the row's end of validity.
    """
    return render(expired_condition(view, moment, dialect, event=event, end=end), dialect)


def expired_condition(
    view: FeatureView, moment: datetime, dialect: str, *, event: str = "", end: str = VALID_UNTIL
) -> exp.Expr:
    """Return the condition of `has_expired` as an expression."""
    now = instant_literal(moment, dialect)
    conditions: list[exp.Expr] = []
    if view.ttl is not None:
        at = replace(view.event_timestamp, name=event or view.event_timestamp.name)
        conditions.append(naive(at, dialect) < minus(now.copy(), view.ttl, dialect))
    if view.valid_until is not None:
        conditions.append(column(end) <= now)
    known = [exp.Coalesce(this=one, expressions=[exp.false()]) for one in conditions]
    return exp.or_(*known) if known else exp.false()
