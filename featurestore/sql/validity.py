"""The end of a row's validity: whether the chosen row still counts at an instant.

The newest row is chosen first. Then it counts only before its end, and only if it does not record a
deletion. So a row that has ended does not bring an older one back.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError

from featurestore.errors import RegistryError
from featurestore.registry.definitions import Column, FeatureView
from featurestore.sql.dialects import grammar
from featurestore.sql.expressions import column
from featurestore.sql.instants import (
    as_bound_of,
    ceil,
    instant,
    instant_literal,
    minus,
    plus,
)

__all__ = ["end_of", "known_end", "not_deleted", "not_ended", "shown_end", "still_counts"]

_LAST_DAY = datetime(9999, 12, 31, tzinfo=UTC)
_DELETED = "True"
"""What dbt writes into `dbt_is_deleted` of a row that records a deletion."""


def still_counts(view: FeatureView, dialect: str, table: str, now: exp.Expr) -> list[exp.Expr]:
    """Return the conditions under which the chosen row counts; none without validity columns.

    Args:
        view: The feature view, with all types known.
        dialect: The warehouse's dialect.
        table: The table, or the alias, with the row's own columns.
        now: The requested instant, as a naive timestamp in UTC.
    """
    return [*not_ended(view, dialect, table, now), *not_deleted(view, table)]


def not_ended(
    view: FeatureView, dialect: str, table: str | None, now: exp.Expr, *, named: str = ""
) -> list[exp.Expr]:
    """Return the condition that the row's end plus `available_after` lies after an instant.

    Args:
        view: The feature view, with all types known.
        dialect: The warehouse's dialect.
        table: The table with the column.
        now: The requested instant.
        named: The name of the column with the end, if it is not the view's own.
    """
    if view.valid_until is None:
        return []
    until = replace(view.valid_until, name=named or view.valid_until.name)
    # Shift the instant, not the end: a year of 9999 plus a delay would overflow.
    known = minus(now.copy(), view.available_after, dialect)
    later = instant(until, dialect, table) > as_bound_of(until, known, dialect)
    return [exp.paren(exp.or_(*_endless(view, dialect, until, table), later, copy=False))]


def not_deleted(view: FeatureView, table: str | None) -> list[exp.Expr]:
    """Return the condition that the row does not record a deletion."""
    if view.is_deleted is None:
        return []
    node = column(view.is_deleted.name, table)
    # Rows from before `hard_deletes: new_record` have NULL.
    marked = exp.NEQ(this=node.copy(), expression=exp.Literal.string(_DELETED))
    return [exp.paren(exp.or_(node.is_(exp.null()), marked, copy=False))]


def end_of(view: FeatureView, dialect: str, table: str | None) -> exp.Expr:
    """Return the column with a row's end, and NULL in place of a value that means no end."""
    until = view.valid_until
    assert until is not None  # noqa: S101, the callers ask only views that have it
    node = column(until.name, table)
    if not view.no_end:
        return node
    return exp.Nullif(this=node, expression=_no_end(view, dialect))


def known_end(view: FeatureView, dialect: str, table: str | None) -> exp.Expr:
    """Return the instant from which a row no longer counts, its delay included; NULL for no end.

    The last day that Python's datetime has, and infinity, mean no end too.
    """
    assert view.valid_until is not None  # noqa: S101, the callers ask only views that have it
    until = ceil(view.valid_until, dialect, table)
    end = plus(until, view.available_after, dialect)
    # The `no_end` first: it may be any value, such as a date long ago.
    last = until.copy() >= instant_literal(_LAST_DAY, dialect)
    endless = exp.or_(*_equals_no_end(view, dialect, table), last, copy=False)
    return exp.Case().when(endless, exp.null()).else_(end)


def shown_end(view: FeatureView, dialect: str, table: str | None) -> exp.Expr:
    """Return a row's end as a naive timestamp in UTC; NULL for infinity, which Python lacks."""
    assert view.valid_until is not None  # noqa: S101, the callers ask only views that have it
    until = instant(view.valid_until, dialect, table)
    # In microseconds, because an engine that compares in nanoseconds cannot hold the last day.
    micros = ceil(view.valid_until, dialect, table)
    finite = micros < instant_literal(_LAST_DAY + timedelta(days=1, microseconds=-1), dialect)
    return exp.Case().when(finite, until)


def _endless(view: FeatureView, dialect: str, until: Column, table: str | None) -> list[exp.Expr]:
    """Return the conditions of a row without an end, each of them enough."""
    return [column(until.name, table).is_(exp.null()), *_equals_no_end(view, dialect, table, until)]


def _equals_no_end(
    view: FeatureView, dialect: str, table: str | None, until: Column | None = None
) -> list[exp.Expr]:
    """Return the condition that a row has the value for no end, if the view has such a value."""
    source = until or view.valid_until
    if not view.no_end or source is None:
        return []
    # As dbt compares it: the bare column with the bare expression.
    return [exp.EQ(this=column(source.name, table), expression=_no_end(view, dialect))]


def _no_end(view: FeatureView, dialect: str) -> exp.Expr:
    try:
        return parse_one(view.no_end, dialect=grammar(dialect))
    except SqlglotError as error:
        raise RegistryError(
            f"The snapshot '{view.name}' ({view.path}) has dbt_valid_to_current"
            f" `{view.no_end}`, which cannot be parsed as {dialect}.",
            remedy="Write an expression of one value, such as \"to_date('9999-12-31')\".",
        ) from error
