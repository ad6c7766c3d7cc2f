"""How each dialect writes instants: a table, because warehouses disagree on all about time.

What `TIMESTAMP` means, which conversions ask the session for its zone, which units an interval has:
statements know nothing of it. They compare timestamps without a zone that hold UTC.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from sqlglot import exp

from featurestore.errors import UnsupportedDialect

__all__ = ["CLOCKS", "Clock"]

_UNITS = (
    ("DAY", timedelta(days=1)),
    ("HOUR", timedelta(hours=1)),
    ("MINUTE", timedelta(minutes=1)),
    ("SECOND", timedelta(seconds=1)),
    ("MILLISECOND", timedelta(milliseconds=1)),
    ("MICROSECOND", timedelta(microseconds=1)),
)
_UTC = exp.Literal.string("UTC")
_INT32 = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Clock:
    """How a dialect writes instants.

    Attributes:
        naive: Makes a timestamp without a zone of one, of a date or of text.
        zoned: Makes a timestamp without a zone, in UTC, of one with a zone.
        shift: Moves a timestamp by a duration, which may be negative.
    """

    naive: Callable[[exp.Expr], exp.Expr]
    zoned: Callable[[exp.Expr], exp.Expr]
    shift: Callable[[exp.Expr, timedelta], exp.Expr]


def _whole(duration: timedelta) -> tuple[int, str]:
    """Return a duration in its largest whole unit."""
    unit, length = next((u, length) for u, length in _UNITS if not duration % length)
    return duration // length, unit


def _interval(node: exp.Expr, duration: timedelta) -> exp.Expr:
    count, unit = _whole(abs(duration))
    length = exp.Interval(this=exp.Literal.string(str(count)), unit=exp.var(unit))
    operator = exp.Sub if duration < timedelta() else exp.Add
    return operator(this=node, expression=length)


def _interval_of_seconds(node: exp.Expr, duration: timedelta) -> exp.Expr:
    """Shift where an interval has no unit below a second, and no digits below a thousandth."""
    if duration % timedelta(milliseconds=1):
        raise UnsupportedDialect(
            f"An interval of {duration} is finer than the dialect 'trino' can say.",
            remedy="Give ttl and available_after in whole milliseconds.",
        )
    if not duration % timedelta(seconds=1):
        return _interval(node, duration)
    seconds = exp.Literal.string(f"{abs(duration).total_seconds():.3f}")
    operator = exp.Sub if duration < timedelta() else exp.Add
    return operator(this=node, expression=exp.Interval(this=seconds, unit=exp.var("SECOND")))


def _absolute_interval(node: exp.Expr, duration: timedelta) -> exp.Expr:
    """Shift where a day is a day of the column's own zone: by hours, which are 60 minutes."""
    if duration % timedelta(days=1):
        return _interval(node, duration)
    hours = exp.Literal.string(str(abs(duration) // timedelta(hours=1)))
    operator = exp.Sub if duration < timedelta() else exp.Add
    return operator(this=node, expression=exp.Interval(this=hours, unit=exp.var("HOUR")))


def _dateadd(node: exp.Expr, duration: timedelta) -> exp.Expr:
    count, unit = _whole(duration)
    if abs(count) <= _INT32:
        return _call("DATEADD", exp.var(unit), exp.convert(count), node)
    # Redshift counts in 32 bits.
    sign, length = (-1 if duration < timedelta() else 1), abs(duration)
    parts = {"DAY": length.days, "SECOND": length.seconds, "MICROSECOND": length.microseconds}
    for name, part in parts.items():
        if part:
            node = _call("DATEADD", exp.var(name), exp.convert(sign * part), node)
    return node


def _datetime_add(node: exp.Expr, duration: timedelta) -> exp.Expr:
    count, unit = _whole(abs(duration))
    name = "DATETIME_SUB" if duration < timedelta() else "DATETIME_ADD"
    return _call(name, node, exp.Interval(this=exp.convert(count), unit=exp.var(unit)))


def _call(name: str, *arguments: exp.Expr) -> exp.Expr:
    # By its own name, so that sqlglot writes the call as it stands.
    return exp.Anonymous(this=name, expressions=list(arguments))


def _cast(data_type: str) -> Callable[[exp.Expr], exp.Expr]:
    return lambda node: exp.cast(node, exp.DataType.build(data_type))


def _at_utc(node: exp.Expr) -> exp.Expr:
    return exp.AtTimeZone(this=node, zone=_UTC.copy())


def _spark_zoned(node: exp.Expr) -> exp.Expr:
    # Spark's TIMESTAMP is shown and cast in the session's zone: only its count since the epoch is
    # free of it. Counted in an interval, because TIMESTAMPADD takes 32 bits on older versions.
    tick = exp.Interval(this=exp.Literal.string("0.000001"), unit=exp.var("SECOND"))
    epoch = _cast("timestamp_ntz")(exp.Literal.string("1970-01-01 00:00:00"))
    ticks = exp.Mul(this=tick, expression=_call("UNIX_MICROS", node))
    return exp.paren(exp.Add(this=epoch, expression=ticks))


def _clickhouse_naive(node: exp.Expr) -> exp.Expr:
    # ClickHouse has instants alone, and a zone to show them in.
    return _call("toDateTime64", node, exp.convert(6), _UTC.copy())


def _arrow(data_type: str) -> Callable[[exp.Expr], exp.Expr]:
    # SQL's own words for timestamps count nanoseconds here, which end in the years 1677 and 2262.
    return lambda node: _call("arrow_cast", node, exp.Literal.string(data_type))


_ARROW_NAIVE = _arrow("Timestamp(Microsecond, None)")
_ARROW_UTC = _arrow('Timestamp(Microsecond, Some("UTC"))')
_CAST = _cast("timestamp")
_CAST_NTZ = _cast("timestamp_ntz")
_CAST_6 = _cast("timestamp(6)")
_SPARK = Clock(_CAST_NTZ, _spark_zoned, _interval)

CLOCKS: dict[str, Clock] = {
    "bigquery": Clock(
        _cast("datetime"), lambda node: _call("DATETIME", node, _UTC.copy()), _datetime_add
    ),
    "clickhouse": Clock(_clickhouse_naive, lambda node: node, _absolute_interval),
    "databricks": _SPARK,
    "datafusion": Clock(_ARROW_NAIVE, lambda node: _ARROW_NAIVE(_ARROW_UTC(node)), _interval),
    "duckdb": Clock(_CAST, _at_utc, _interval),
    "postgres": Clock(_CAST, _at_utc, _interval),
    "redshift": Clock(_CAST, _at_utc, _dateadd),
    "snowflake": Clock(
        _CAST_NTZ, lambda node: _CAST_NTZ(_call("CONVERT_TIMEZONE", _UTC.copy(), node)), _dateadd
    ),
    "spark": _SPARK,
    "trino": Clock(
        _CAST_6, lambda node: _CAST_6(_call("AT_TIMEZONE", node, _UTC.copy())), _interval_of_seconds
    ),
}
"""Every dialect's clock."""
