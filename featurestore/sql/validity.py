"""The end of a row's validity: whether the chosen row still counts at an instant.

The newest row is chosen first. Then it counts only before its end, and only if it does not record a
deletion. So a row that has ended does not bring an older one back.
"""

from __future__ import annotations

from dataclasses import replace

from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError

from featurestore.errors import RegistryError
from featurestore.registry.definitions import Column, FeatureView
from featurestore.sql.dialects import grammar
from featurestore.sql.expressions import column
from featurestore.sql.instants import as_bound_of, instant, minus

__all__ = ["end_of", "not_deleted", "not_ended", "still_counts"]

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


def _endless(view: FeatureView, dialect: str, until: Column, table: str | None) -> list[exp.Expr]:
    """Return the conditions of a row without an end, each of them enough."""
    node = column(until.name, table)
    conditions: list[exp.Expr] = [node.is_(exp.null())]
    if view.no_end:
        # As dbt compares it: the bare column with the bare expression.
        conditions.append(exp.EQ(this=node.copy(), expression=_no_end(view, dialect)))
    return conditions


def _no_end(view: FeatureView, dialect: str) -> exp.Expr:
    try:
        return parse_one(view.no_end, dialect=grammar(dialect))
    except SqlglotError as error:
        raise RegistryError(
            f"The snapshot '{view.name}' ({view.path}) has dbt_valid_to_current"
            f" `{view.no_end}`, which cannot be parsed as {dialect}.",
            remedy="Write an expression of one value, such as \"to_date('9999-12-31')\".",
        ) from error
