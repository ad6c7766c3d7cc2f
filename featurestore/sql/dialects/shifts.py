"""The ways to move a timestamp by a duration that several dialects share."""

from __future__ import annotations

from datetime import timedelta

from sqlglot import exp

from featurestore.sql.dialects.calls import call

__all__ = ["add_interval", "dateadd", "in_one_unit", "moved"]

_UNITS = (
    ("DAY", timedelta(days=1)),
    ("HOUR", timedelta(hours=1)),
    ("MINUTE", timedelta(minutes=1)),
    ("SECOND", timedelta(seconds=1)),
    ("MILLISECOND", timedelta(milliseconds=1)),
    ("MICROSECOND", timedelta(microseconds=1)),
)
_INT32 = 2**31 - 1


def in_one_unit(duration: timedelta) -> tuple[int, str]:
    """Return a duration as a count of the largest unit that divides it.

    >>> in_one_unit(timedelta(minutes=90)), in_one_unit(timedelta(days=2))
    ((90, 'MINUTE'), (2, 'DAY'))
    """
    unit, length = next((u, length) for u, length in _UNITS if not duration % length)
    return duration // length, unit


def moved(node: exp.Expr, duration: timedelta, count: str, unit: str) -> exp.Expr:
    """Add an interval to a timestamp, or subtract it if the duration is negative."""
    operator = exp.Sub if duration < timedelta() else exp.Add
    length = exp.Interval(this=exp.Literal.string(count), unit=exp.var(unit))
    return operator(this=node, expression=length)


def add_interval(node: exp.Expr, duration: timedelta) -> exp.Expr:
    """Add an interval in the largest unit that divides the duration."""
    count, unit = in_one_unit(abs(duration))
    return moved(node, duration, str(count), unit)


def dateadd(node: exp.Expr, duration: timedelta) -> exp.Expr:
    """Call `DATEADD`, in several steps if the count does not fit into 32 bits.

    Redshift declares the count as an INTEGER.
    """
    count, unit = in_one_unit(duration)
    if abs(count) <= _INT32:
        return call("DATEADD", exp.var(unit), exp.convert(count), node)
    sign, length = (-1 if duration < timedelta() else 1), abs(duration)
    parts = {"DAY": length.days, "SECOND": length.seconds, "MICROSECOND": length.microseconds}
    for name, part in parts.items():
        if part:
            node = call("DATEADD", exp.var(name), exp.convert(sign * part), node)
    return node
