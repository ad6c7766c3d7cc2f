"""Instants in the words of a dialect: naive timestamps in UTC, in any session's time zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlglot import exp

from featurestore.errors import UnsupportedDialect
from featurestore.registry.definitions import Column
from featurestore.sql.dialects import dialect_record
from featurestore.sql.dialects.record import Nanoseconds
from featurestore.sql.expressions import column
from featurestore.values.durations import format_duration
from featurestore.values.epoch import EPOCH, MICROSECOND
from featurestore.values.types import DataType, Kind

__all__ = [
    "as_bound_of",
    "as_type_of",
    "bound_literal",
    "ceil",
    "finite",
    "floor",
    "instant",
    "instant_literal",
    "minus",
    "naive",
    "plus",
    "time_bound",
]

_NANOSECONDS_HOLD = (datetime(1677, 9, 22, tzinfo=UTC), datetime(2262, 4, 11, tzinfo=UTC))
"""Days between which 64 bits count the nanoseconds since 1970."""
_STEPS = {0: timedelta(seconds=1), 3: timedelta(milliseconds=1)}
"""The time between two instants, by the digits of their type."""


def instant(source: Column, dialect: str, table: str | None = None) -> exp.Expr:
    r"""Return a timestamp column as a naive timestamp in UTC.

    A naive timestamp is already in UTC, a zoned one is converted, a date becomes its midnight.

    >>> from featurestore.values.type_spellings import parse_type
    >>> at = Column("at", parse_type("timestamptz"))
    >>> instant(at, "duckdb", "s").sql("duckdb")
    's."at" AT TIME ZONE \'UTC\''
    >>> instant(at, "bigquery", "s").sql("bigquery")
    "DATETIME(s.`at`, 'UTC')"
    """
    node = column(source.name, table)
    kind = source.data_type.kind if source.data_type else Kind.TIMESTAMP
    clock = dialect_record(dialect).clock
    if kind is Kind.TIMESTAMPTZ:
        rounding = _rounding(source, dialect)
        return ((rounding and rounding.zoned) or clock.zoned)(node)
    return clock.naive(node) if kind is Kind.DATE else node


def floor(source: Column, dialect: str, table: str | None = None) -> exp.Expr:
    r"""Return a timestamp column like `instant`, without nanoseconds that the dialect would round.

    The instant that a row asks for is rounded down, so that nothing is known a nanosecond early.

    >>> from featurestore.values.type_spellings import parse_type
    >>> floor(Column("at", parse_type("timestamp")), "duckdb", "s").sql("duckdb")
    's."at"'
    """
    return _rounded(source, dialect, table, up=False)


def ceil(source: Column, dialect: str, table: str | None = None) -> exp.Expr:
    """Return a timestamp column like `floor`, rounded up: the first instant not before it."""
    return _rounded(source, dialect, table, up=True)


def _rounded(source: Column, dialect: str, table: str | None, *, up: bool) -> exp.Expr:
    node, rounding = instant(source, dialect, table), _rounding(source, dialect)
    if rounding is None:
        return node
    return rounding.ceil(node) if up else rounding.floor(node)


def _rounding(source: Column, dialect: str) -> Nanoseconds | None:
    """Return how the dialect rounds a column; None if it has nothing to round."""
    fine = source.data_type is not None and source.data_type.has_nanoseconds
    return dialect_record(dialect).clock.nanoseconds if fine else None


def naive(source: Column, dialect: str) -> exp.Expr:
    """Return a timestamp column like `floor`, cast to the one type that the statement compares.

    >>> from featurestore.values.type_spellings import parse_type
    >>> naive(Column("seen", parse_type("timestamp_s")), "duckdb").sql("duckdb")
    'CAST(seen AS TIMESTAMP)'
    """
    node = floor(source, dialect)
    bare = isinstance(node, exp.Column | exp.AtTimeZone)
    return dialect_record(dialect).clock.naive(node) if bare else node


def finite(node: exp.Expr, dialect: str) -> exp.Expr:
    """Return the condition that a timestamp or a date is not an infinity.

    >>> finite(column("seen"), "duckdb").sql("duckdb"), finite(column("seen"), "spark").sql("spark")
    ('ISFINITE(seen)', 'TRUE')
    """
    is_finite = dialect_record(dialect).clock.is_finite
    return is_finite(node) if is_finite else exp.true()


def as_bound_of(source: Column, node: exp.Expr, dialect: str) -> exp.Expr:
    """Return an instant in a form that can be compared with a column, in every year.

    On DuckDB, a timestamp with nanoseconds ends in 2262: a later instant becomes its last one.
    """
    rounding = dialect_record(dialect).clock.nanoseconds
    clamp = rounding.clamp if rounding else None
    if clamp is None or source.data_type is None or not source.data_type.has_nanoseconds:
        return node
    return clamp(node)


def as_type_of(source: Column, node: exp.Expr, dialect: str) -> exp.Expr:
    r"""Return a naive timestamp in UTC in the type of a column, to compare with the bare column.

    Only for dialects in which `AT TIME ZONE` converts both ways and a date compares as midnight.

    >>> from featurestore.values.type_spellings import parse_type
    >>> at = Column("at", parse_type("timestamptz"))
    >>> as_type_of(at, column("_instant"), "postgres").sql("postgres")
    "_instant AT TIME ZONE 'UTC'"
    """
    if source.data_type is None or source.data_type.kind is not Kind.TIMESTAMPTZ:
        return node
    # AT TIME ZONE binds tighter than a subtraction.
    operand = exp.paren(node) if isinstance(node, exp.Binary) else node
    return dialect_record(dialect).clock.zoned(operand)


def instant_literal(moment: datetime, dialect: str) -> exp.Expr:
    """Return a moment as a naive timestamp in UTC; a naive moment is already in UTC.

    >>> from datetime import timezone
    >>> instant_literal(datetime(2024, 1, 1, 12, tzinfo=timezone.utc), "duckdb").sql("duckdb")
    "CAST('2024-01-01 12:00:00.000000' AS TIMESTAMP)"
    """
    utc = moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
    text = utc.isoformat(sep=" ", timespec="microseconds")
    return dialect_record(dialect).clock.naive(exp.Literal.string(text))


def bound_literal(source: Column, moment: datetime, dialect: str) -> exp.Expr | None:
    """Return a moment in UTC as a literal of the type of a column, to compare with the bare column.

    A type of fewer digits than microseconds rounds the moment, and then no value of the type lies
    between the moment and the literal. A date is the midnight at or before the moment.

    Returns:
        The literal; None if the column's type may not hold the moment.

    >>> from featurestore.values.type_spellings import parse_type
    >>> day, moment = Column("day", parse_type("date")), datetime(2024, 1, 1, 12, tzinfo=UTC)
    >>> bound_literal(day, moment, "duckdb").sql("duckdb")
    "CAST('2024-01-01' AS DATE)"
    """
    clock = dialect_record(dialect).clock
    held = [clock.held]
    if source.data_type is not None and source.data_type.has_nanoseconds:
        held.append(_NANOSECONDS_HOLD)
    if not all(first <= moment <= last for first, last in held):
        return None
    kind = source.data_type or DataType(Kind.TIMESTAMP)
    written = clock.literals.get(str(kind)) or clock.literals.get(kind.variant)
    text = moment.replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")
    return written(text) if written else instant_literal(moment, dialect)


def time_bound(
    source: Column,
    comparison: type[exp.LTE | exp.GTE],
    moment: datetime,
    dialect: str,
    table: str | None = None,
    *,
    earlier: timedelta = timedelta(),
) -> exp.Expr:
    """Return the condition that a timestamp column is at most, or at least, a moment.

    The bare column is compared with a literal of its own type, so that partitions prune. Where the
    type may not hold the literal, the column is converted instead.

    Args:
        source: The column.
        comparison: Whether the column is at most or at least the moment.
        moment: The moment.
        dialect: The dialect.
        table: The column's table.
        earlier: How much earlier than the moment the bound lies.

    >>> from featurestore.values.type_spellings import parse_type
    >>> day, moment = Column("day", parse_type("date")), datetime(2024, 1, 1, 12, tzinfo=UTC)
    >>> time_bound(day, exp.GTE, moment, "duckdb").sql("duckdb")
    "day >= CAST('2024-01-02' AS DATE)"
    """
    literal = _exact_literal(source, comparison, moment, earlier, dialect)
    if literal is not None:
        return comparison(this=column(source.name, table), expression=literal)
    bound = minus(instant_literal(moment, dialect), earlier, dialect)
    return comparison(
        this=instant(source, dialect, table), expression=as_bound_of(source, bound, dialect)
    )


def _exact_literal(
    source: Column,
    comparison: type[exp.LTE | exp.GTE],
    moment: datetime,
    earlier: timedelta,
    dialect: str,
) -> exp.Expr | None:
    """Return the last value of a column's type that is at most the bound, or the first at least."""
    try:
        at = moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC) - earlier
        beyond = (at - EPOCH) % _step(source)
        at += _step(source) - beyond if beyond and comparison is exp.GTE else -beyond
    except OverflowError:
        return None
    return bound_literal(source, at, dialect)


def _step(source: Column) -> timedelta:
    """Return the time between two values of a column's type, a microsecond at least."""
    kind = source.data_type or DataType(Kind.TIMESTAMP)
    if kind.kind is Kind.DATE:
        return timedelta(days=1)
    return MICROSECOND if kind.precision is None else _STEPS.get(kind.precision, MICROSECOND)


def minus(node: exp.Expr, duration: timedelta, dialect: str) -> exp.Expr:
    r"""Return the instant `duration` earlier; for a duration of zero the node itself.

    >>> minus(column("at"), timedelta(days=30), "duckdb").sql("duckdb")
    '"at" - INTERVAL \'30\' DAY'
    >>> minus(column("seen"), timedelta(minutes=90), "snowflake").sql("snowflake")
    'DATEADD(MINUTE, -90, seen)'
    """
    return plus(node, -duration, dialect)


def plus(node: exp.Expr, duration: timedelta, dialect: str) -> exp.Expr:
    """Return the instant `duration` later; for a duration of zero the node itself.

    Raises:
        UnsupportedDialect: The dialect cannot write the duration exactly.
    """
    if not duration:
        return node
    clock = dialect_record(dialect).clock
    if duration % clock.finest:
        raise UnsupportedDialect(
            f"An interval of {abs(duration)} is finer than the dialect '{dialect}' can write.",
            remedy=f"Give ttl and available_after in multiples of {format_duration(clock.finest)}.",
        )
    return clock.shift(node, duration)
