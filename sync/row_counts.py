"""Counts and extremes of a view's rows, for its status."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlglot import exp

from featurestore.registry.definitions import FeatureView
from featurestore.sql.dialects import render
from featurestore.sql.expressions import as_name, column, not_null, relation
from featurestore.sql.instants import instant_literal, minus, naive
from featurestore.sql.latest_rows import VALID_UNTIL
from featurestore.values.far_instants import python_rows
from featurestore.warehouse.protocol import Warehouse
from sync.survey import Survey
from sync.warehouse.expired_rows import expired_condition
from sync.warehouse.publication import Publication

__all__ = ["PublishedCounts", "newest_event", "newest_valid_event", "published_counts"]

_LAST = datetime(9999, 12, 31, tzinfo=UTC)
"""The last instant that counts: what lies beyond it never comes."""


@dataclass(frozen=True, slots=True)
class PublishedCounts:
    """Counts and extremes of a view's table of published rows.

    Attributes:
        rows: The number of rows.
        newest: The newest event of the rows that have not expired; as text if it is before the
            year 1.
        oldest: The oldest event of these rows; None without a ttl.
        next_end: The next end of validity of these rows.
    """

    rows: int
    newest: datetime | str | None
    oldest: datetime | None
    next_end: datetime | None = None


def newest_event(survey: Survey, view: FeatureView) -> datetime | str | None:
    """Return the newest event of a view's table that is known by now, expired or not.

    An event before the year 1 is a text. Rows with a NULL join key do not count, because they are
    never published.
    """
    dialect = survey.warehouse.dialect
    at = naive(view.event_timestamp, dialect)
    known = minus(instant_literal(survey.now, dialect), view.available_after, dialect)
    newest = exp.Max(this=_until(at, known))
    query = exp.select(exp.alias_(newest, as_name("newest")), copy=False)
    query = query.from_(relation(view.relation, dialect))
    query = query.where(*not_null([key.name for key in view.join_keys]), copy=False)
    found: datetime | str | None = _in_utc(_only_row(survey.warehouse, query)["newest"])
    return found


def published_counts(survey: Survey, view: FeatureView) -> PublishedCounts:
    """Summarize the table of a view's published rows.

    Args:
        survey: Both sides.
        view: The feature view, with all types known.
    """
    dialect = survey.ledger.database.dialect
    at, end = naive(view.event_timestamp, dialect), instant_literal(_LAST, dialect)
    # An expired row stays for a day, and longer if every sync has a `since`.
    current = exp.not_(expired_condition(view, survey.now, dialect))
    columns: dict[str, exp.Expr] = {
        "held": exp.Count(this=exp.Star()),
        "newest": exp.Max(this=_until(at, end, current)),
    }
    if view.ttl is not None:
        columns["oldest"] = exp.Min(this=_until(at, end, current))
    if view.valid_until is not None:
        columns["next_end"] = exp.Min(this=_until(column(VALID_UNTIL), end, current))
    query = exp.select(*(exp.alias_(node, as_name(name)) for name, node in columns.items()))
    table = relation(survey.ledger.published(view.name), dialect)
    found = _only_row(survey.ledger.database, query.from_(table))
    return PublishedCounts(
        rows=int(found["held"]),
        newest=_in_utc(found["newest"]),
        oldest=_in_utc(found.get("oldest")),
        next_end=_in_utc(found.get("next_end")),
    )


def newest_valid_event(survey: Survey, publication: Publication) -> datetime | str | None:
    """Return the newest event of the rows that count now, expired rows excluded."""
    dialect = survey.ledger.database.dialect
    at, end = naive(publication.view.event_timestamp, dialect), instant_literal(_LAST, dialect)
    newest = exp.alias_(exp.Max(this=_until(at, end)), as_name("newest"))
    table = relation(survey.current_rows(publication), dialect)
    query = exp.select(newest, copy=False).from_(table)
    found: datetime | str | None = _in_utc(_only_row(survey.ledger.database, query)["newest"])
    return found


def _until(at: exp.Expr, end: exp.Expr, *conditions: exp.Expr) -> exp.Expr:
    """Return an instant, or NULL if it is later than the end or a condition is false."""
    return exp.Case().when(exp.and_(at <= end, *conditions), at.copy())


def _only_row(warehouse: Warehouse, query: exp.Select) -> dict[str, Any]:
    table = warehouse.stream(render(query, warehouse.dialect)).read_all()
    return python_rows(table)[0]


def _in_utc(moment: Any) -> Any:
    """Return an instant with its zone; the text of one that Python cannot hold stays a text."""
    return moment.replace(tzinfo=UTC) if isinstance(moment, datetime) else moment
