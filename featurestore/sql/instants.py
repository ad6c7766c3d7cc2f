"""Instants in a dialect's own words: naive timestamps in UTC, whatever the session's zone is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlglot import exp

from featurestore.registry.definitions import Column
from featurestore.sql.clocks import CLOCKS, Clock
from featurestore.sql.dialects import ensure_known
from featurestore.sql.expressions import column
from featurestore.values.types import Kind

__all__ = ["as_type_of", "instant", "instant_literal", "minus", "naive", "plus"]


def instant(source: Column, dialect: str, table: str | None = None) -> exp.Expr:
    r"""Return a timestamp column as a naive timestamp in UTC.

    A naive timestamp is in UTC already, one with a zone is converted, a date is its midnight.

    >>> from featurestore.values.type_spellings import parse_type
    >>> at = Column("at", parse_type("timestamptz"))
    >>> instant(at, "duckdb", "s").sql("duckdb")
    's."at" AT TIME ZONE \'UTC\''
    >>> instant(at, "bigquery", "s").sql("bigquery")
    "DATETIME(s.`at`, 'UTC')"
    """
    node = column(source.name, table)
    kind = source.data_type.kind if source.data_type else Kind.TIMESTAMP
    if kind is Kind.TIMESTAMPTZ:
        return _clock(dialect).zoned(node)
    return _clock(dialect).naive(node) if kind is Kind.DATE else node


def naive(source: Column, dialect: str) -> exp.Expr:
    """Return a timestamp column as `instant` does, in the type that all instants asked for have.

    >>> from featurestore.values.type_spellings import parse_type
    >>> naive(Column("seen", parse_type("timestamp_s")), "duckdb").sql("duckdb")
    'CAST(seen AS TIMESTAMP)'
    """
    node = instant(source, dialect)
    bare = isinstance(node, exp.Column | exp.AtTimeZone)
    return _clock(dialect).naive(node) if bare else node


def as_type_of(source: Column, node: exp.Expr, dialect: str) -> exp.Expr:
    r"""Return a naive timestamp in UTC in a form that compares with a column as it stands.

    Only for the dialects in which `AT TIME ZONE` goes both ways, and a date compares as midnight.

    >>> from featurestore.values.type_spellings import parse_type
    >>> at = Column("at", parse_type("timestamptz"))
    >>> as_type_of(at, column("_instant"), "postgres").sql("postgres")
    "_instant AT TIME ZONE 'UTC'"
    """
    if source.data_type is None or source.data_type.kind is not Kind.TIMESTAMPTZ:
        return node
    # The conversion binds closer than a subtraction does.
    return _clock(dialect).zoned(exp.paren(node) if isinstance(node, exp.Binary) else node)


def instant_literal(moment: datetime, dialect: str) -> exp.Expr:
    """Return a moment as a naive timestamp in UTC.

    >>> from datetime import timezone
    >>> instant_literal(datetime(2024, 1, 1, 12, tzinfo=timezone.utc), "duckdb").sql("duckdb")
    "CAST('2024-01-01 12:00:00.000000' AS TIMESTAMP)"
    """
    utc = moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
    text = utc.isoformat(sep=" ", timespec="microseconds")
    return _clock(dialect).naive(exp.Literal.string(text))


def minus(node: exp.Expr, duration: timedelta, dialect: str) -> exp.Expr:
    r"""Return the instant `duration` earlier; the node itself where that is no time.

    >>> minus(column("at"), timedelta(days=30), "duckdb").sql("duckdb")
    '"at" - INTERVAL \'30\' DAY'
    >>> minus(column("seen"), timedelta(minutes=90), "snowflake").sql("snowflake")
    'DATEADD(MINUTE, -90, seen)'
    """
    return _clock(dialect).shift(node, -duration) if duration else node


def plus(node: exp.Expr, duration: timedelta, dialect: str) -> exp.Expr:
    """Return the instant `duration` later; the node itself where that is no time."""
    return _clock(dialect).shift(node, duration) if duration else node


def _clock(dialect: str) -> Clock:
    ensure_known(dialect)
    return CLOCKS[dialect]
