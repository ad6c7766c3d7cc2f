"""The small SQL expressions that every statement is made of, as sqlglot nodes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache

from sqlglot import exp
from sqlglot.dialects import Dialect

from featurestore.definitions import Column, FeatureView
from featurestore.types import Kind

__all__ = [
    "Named",
    "as_name",
    "both",
    "column",
    "cte",
    "equal_keys",
    "instant",
    "instant_literal",
    "interval",
    "minus",
    "newest_first",
    "not_null",
    "plus",
    "ranked",
    "relation",
    "with_ctes",
]

Named = tuple[str, exp.Select]
"""A common table expression: its name and its query."""

_SIMPLE = re.compile(r"[a-z_][a-z0-9_]*")
_UNITS = (
    ("DAY", timedelta(days=1)),
    ("HOUR", timedelta(hours=1)),
    ("MINUTE", timedelta(minutes=1)),
    ("SECOND", timedelta(seconds=1)),
    ("MILLISECOND", timedelta(milliseconds=1)),
    ("MICROSECOND", timedelta(microseconds=1)),
)


@cache
def _keywords() -> frozenset[str]:
    # Every word that any dialect treats specially: quoting one too many does no harm.
    words = Dialect.get_or_raise("duckdb").tokenizer_class.KEYWORDS
    return frozenset(word.lower() for word in words) | {"at", "user", "time", "position", "lateral"}


def as_name(name: str) -> exp.Identifier:
    """Return an identifier, quoted only where the name needs it.

    >>> as_name("tailnum").sql(), as_name("Order No").sql(), as_name("select").sql()
    ('tailnum', '"Order No"', '"select"')
    """
    simple = _SIMPLE.fullmatch(name) is not None and name not in _keywords()
    return exp.to_identifier(name, quoted=not simple)


def column(name: str, table: str | None = None) -> exp.Column:
    """Return a column, of a table where one is given.

    >>> column("seats", "plane").sql()
    'plane.seats'
    """
    return exp.Column(this=as_name(name), table=as_name(table) if table else None)


def relation(text: str, dialect: str, alias: str | None = None) -> exp.Table:
    """Return a table by the quoted name that dbt's manifest gives it.

    >>> relation('"dev"."main"."plane_features"', "duckdb", "history").sql("duckdb")
    '"dev"."main"."plane_features" AS history'
    """
    table = exp.to_table(text, dialect=dialect)
    if alias:
        table.set("alias", exp.TableAlias(this=as_name(alias)))
    return table


def cte(name: str, alias: str | None = None) -> exp.Table:
    """Return a reference to a common table expression.

    >>> cte("plane_features_asked", "asked").sql()
    'plane_features_asked AS asked'
    """
    return exp.Table(
        this=as_name(name), alias=exp.TableAlias(this=as_name(alias)) if alias else None
    )


def instant(source: Column, table: str | None = None) -> exp.Expr:
    r"""Return a timestamp as a naive one in UTC, whatever the session's time zone is.

    A naive timestamp is in UTC already, one with a zone is converted, a date is its midnight.

    >>> from featurestore.types import parse_type
    >>> instant(Column("at", parse_type("timestamptz")), "s").sql("duckdb")
    's."at" AT TIME ZONE \'UTC\''
    """
    node = column(source.name, table)
    kind = source.data_type.kind if source.data_type else Kind.TIMESTAMP
    if kind is Kind.TIMESTAMPTZ:
        return exp.AtTimeZone(this=node, zone=exp.Literal.string("UTC"))
    if kind is Kind.DATE:
        return exp.cast(node, "timestamp")
    return node


def instant_literal(moment: datetime) -> exp.Expr:
    """Return a moment as a naive timestamp in UTC.

    >>> from datetime import timezone
    >>> instant_literal(datetime(2024, 1, 1, 12, tzinfo=timezone.utc)).sql("duckdb")
    "CAST('2024-01-01 12:00:00.000000' AS TIMESTAMP)"
    """
    naive = moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
    return exp.cast(
        exp.Literal.string(naive.isoformat(sep=" ", timespec="microseconds")), "timestamp"
    )


def interval(duration: timedelta) -> exp.Interval:
    """Return a duration in its largest whole unit.

    >>> interval(timedelta(days=30)).sql("duckdb"), interval(timedelta(minutes=90)).sql("duckdb")
    ("INTERVAL '30' DAY", "INTERVAL '90' MINUTE")
    """
    unit, length = next((u, length) for u, length in _UNITS if not duration % length)
    return exp.Interval(this=exp.Literal.string(str(duration // length)), unit=exp.var(unit))


def minus(node: exp.Expr, duration: timedelta) -> exp.Expr:
    """Return the instant `duration` earlier; the node itself where that is no time."""
    return exp.Sub(this=node, expression=interval(duration)) if duration else node


def plus(node: exp.Expr, duration: timedelta) -> exp.Expr:
    """Return the instant `duration` later; the node itself where that is no time."""
    return exp.Add(this=node, expression=interval(duration)) if duration else node


def both(conditions: Iterable[exp.Expr]) -> exp.Expr:
    """Return the conjunction of conditions, `TRUE` where there is none."""
    listed = list(conditions)
    return exp.and_(*listed, copy=False) if listed else exp.true()


def not_null(names: Sequence[str], table: str | None = None) -> list[exp.Expr]:
    """Return one condition per column, that it is not NULL."""
    return [column(name, table).is_(exp.null()).not_() for name in names]


def equal_keys(names: Sequence[str], left: str, right: str) -> list[exp.Expr]:
    """Return one equality per key, between columns of the same name."""
    return [column(name, left).eq(column(name, right)) for name in names]


def newest_first(view: FeatureView, table: str, *, event: bool) -> list[exp.Expr]:
    """Return the order in which rows of a view win: the first of it is the row to use.

    The newest event timestamp wins, then the newest created timestamp. Rows that agree on both are
    ordered by their features, all of them in the view's order, whichever are asked for: so the same
    row wins in every training set, on every run, and online.

    Args:
        view: The feature view.
        table: The name that its table has in the statement.
        event: Whether the rows to be ordered differ in their event timestamp.
    """
    names = [feature.name for feature in view.features]
    if view.created_timestamp is not None:
        names.insert(0, view.created_timestamp.name)
    if event:
        names.insert(0, view.event_timestamp.name)
    return [exp.Ordered(this=column(name, table), desc=True, nulls_first=False) for name in names]


def ranked(partition: Sequence[exp.Expr], order: Sequence[exp.Expr]) -> exp.Expr:
    """Return `ROW_NUMBER()` over a partition in an order, as `_rank`."""
    window = exp.Window(
        this=exp.RowNumber(),
        partition_by=list(partition),
        order=exp.Order(expressions=list(order)),
    )
    return exp.alias_(window, "_rank")


def with_ctes(query: exp.Select, ctes: Iterable[Named]) -> exp.Select:
    """Return the query with common table expressions before it."""
    for name, body in ctes:
        query = query.with_(as_name(name), as_=body, copy=False)
    return query
