"""Dates and timestamps. Nothing here depends on the time zone of a session."""

from __future__ import annotations

import calendar
import datetime as dt
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from sqlglot import exp

from featurestore.request_time.decimal_rules import NUMERIC, decimal
from featurestore.request_time.failures import Refusal
from featurestore.request_time.families import (
    DATE,
    FLOAT64,
    INT32,
    INT64,
    TIMESTAMP,
    TIMESTAMPTZ,
    Family,
)
from featurestore.request_time.form import (
    EXECUTED,
    ON_DUCKDB,
    ON_POSTGRES,
    ON_SPARK,
    VENDORS,
    Call,
    Form,
    MeaningOf,
)
from featurestore.request_time.operands import Meaning
from featurestore.values.epoch import EPOCH

__all__ = ["DATE_FORMS"]

_MONTHS = {"YEAR": 12, "QUARTER": 3, "MONTH": 1}
_LENGTHS = {
    "WEEK": dt.timedelta(weeks=1),
    "DAY": dt.timedelta(days=1),
    "HOUR": dt.timedelta(hours=1),
    "MINUTE": dt.timedelta(minutes=1),
    "SECOND": dt.timedelta(seconds=1),
}
_SHORT = ("HOUR", "MINUTE", "SECOND")
_MOST_STEPS = 1_000_000_000


def _interval(node: exp.Expr) -> tuple[int, str] | None:
    """Return the number and the unit of a literal interval; None for another one."""
    count, unit = node.this, str(node.args.get("unit") or "").upper().removesuffix("S")
    sign = 1
    if isinstance(count, exp.Neg):
        count, sign = count.this, -1
    if not isinstance(count, exp.Literal) or not re.fullmatch(r"-?\d+", count.this):
        return None
    number = sign * int(count.this)
    known = unit in _MONTHS or unit in _LENGTHS
    return (number, unit) if known and abs(number) <= _MOST_STEPS else None


def _with_interval(node: exp.Expr) -> list[exp.Expr] | None:
    interval = node.expression
    return [node.this] if isinstance(interval, exp.Interval) and _interval(interval) else None


def _months_later(value: Any, months: int) -> Any:
    """Add months; the day becomes the month's last one where the month is shorter."""
    years, month = divmod(value.month - 1 + months, 12)
    year = value.year + years
    if not dt.MINYEAR <= year <= dt.MAXYEAR:
        raise Refusal(f"{value} and {months} months is outside of the years 1 to 9999.")
    day = min(value.day, calendar.monthrange(year, month + 1)[1])
    return value.replace(year=year, month=month + 1, day=day)


def _midnight(value: dt.date) -> dt.datetime:
    return dt.datetime(value.year, value.month, value.day)  # noqa: DTZ001, naive means UTC


def _mover(number: int, unit: str) -> Callable[[Any], Any]:
    if unit in _MONTHS:
        months = number * _MONTHS[unit]
        return lambda value: _months_later(value, months)
    step = number * _LENGTHS[unit]
    return lambda value: value + step


def _is_elapsed(number: int, unit: str, dialect: str) -> bool:
    """Return whether an interval has the same length in each time zone.

    Days and months have not. Spark makes days of 24 hours too.
    """
    if unit not in _SHORT:
        return False
    return dialect != ON_SPARK or abs(number) * _LENGTHS[unit] < _LENGTHS["DAY"]


def _moved(sign: int) -> MeaningOf:
    def meaning(call: Call) -> Meaning | None:
        number, unit = _interval(call.node.expression) or (0, "")
        found = call.operands[0].data_type
        if found == TIMESTAMPTZ and not _is_elapsed(number, unit, call.dialect):
            return None
        if call.dialect == ON_SPARK and unit == "QUARTER":
            return None
        row = _mover(sign * number, unit)
        if found != DATE:
            return Meaning(found, row=row, is_total=False)
        if call.dialect == ON_SPARK:
            return None if unit in _SHORT else Meaning(DATE, row=row, is_total=False)
        return Meaning(TIMESTAMP, row=lambda value: row(_midnight(value)), is_total=False)

    return meaning


def _days_later(sign: int) -> MeaningOf:
    def row(value: dt.date, days: int) -> dt.date:
        return value + dt.timedelta(days=sign * days)

    return lambda call: (
        None if call.operands[1].data_type == INT64 else Meaning(DATE, row=row, is_total=False)
    )


def _days_before(call: Call) -> Meaning:
    return Meaning(INT64 if call.dialect == ON_DUCKDB else INT32, row=lambda x, y: (x - y).days)


def _unit(node: exp.Expr) -> str:
    unit = node.args.get("unit") or node.this
    return str(getattr(unit, "name", unit) or unit).upper()


_CLOCK = ("HOUR", "MINUTE", "SECOND", "MICROSECOND")


def _start_of(unit: str) -> Callable[[dt.datetime], dt.datetime] | None:
    if months := _MONTHS.get(unit):
        return lambda x: dt.datetime(x.year, x.month - (x.month - 1) % months, 1)  # noqa: DTZ001
    if unit == "WEEK":
        return lambda x: _midnight(x) - dt.timedelta(days=x.weekday())
    if unit == "DAY":
        return _midnight
    if unit not in ("HOUR", "MINUTE", "SECOND"):
        return None
    zeroed = {name.lower(): 0 for name in _CLOCK[_CLOCK.index(unit) + 1 :]}
    return lambda x: x.replace(**zeroed)  # type: ignore[arg-type]


def _truncated(call: Call) -> Meaning | None:
    start = _start_of(_unit(call.node))
    if start is None:
        return None
    if call.operands[0].data_type == DATE:
        return Meaning(TIMESTAMP, row=lambda x: start(_midnight(x)), is_total=False)
    return Meaning(TIMESTAMP, row=start, is_total=False)


_FIELDS: dict[str, Callable[[Any], int]] = {
    "YEAR": lambda x: x.year,
    "QUARTER": lambda x: (x.month + 2) // 3,
    "MONTH": lambda x: x.month,
    "WEEK": lambda x: x.isocalendar().week,
    "DAY": lambda x: x.day,
    "DOY": lambda x: x.timetuple().tm_yday,
    "DOW": lambda x: x.isoweekday() % 7,
    "ISODOW": lambda x: x.isoweekday(),
    "HOUR": lambda x: x.hour,
    "MINUTE": lambda x: x.minute,
}
_OF_A_DAY = ("HOUR", "MINUTE", "SECOND", "EPOCH")
_AGREED = ("YEAR", "MONTH", "DAY", "HOUR", "MINUTE")
_WITHOUT = {ON_SPARK: ("ISODOW",)}


def _field(call: Call) -> Meaning | None:
    field = _unit(call.node)
    if call.operands[0].data_type == DATE and field in _OF_A_DAY:
        return None
    if field not in _FIELDS:
        return _seconds(field, call.dialect)
    if field in _WITHOUT.get(call.dialect, ()) or (
        call.dialect in VENDORS and field not in _AGREED
    ):
        return None
    read = _FIELDS[field]
    if call.dialect == ON_SPARK and field == "DOW":
        # Spark counts from 1, for Sunday.
        return Meaning(INT32, row=lambda x: x.isoweekday() % 7 + 1)
    if call.dialect == ON_POSTGRES:
        return Meaning(NUMERIC, row=lambda x: Decimal(read(x)))
    return Meaning(INT32 if call.dialect == ON_SPARK else INT64, row=read)


def _seconds(field: str, dialect: str) -> Meaning | None:
    """Return the meaning of a field with a fraction: the second, or all seconds since 1970."""
    if dialect not in EXECUTED:
        return None
    if field == "SECOND":
        if dialect == ON_DUCKDB:
            return Meaning(INT64, row=lambda x: x.second)
        result = NUMERIC if dialect == ON_POSTGRES else decimal(8, 6)
        return Meaning(result, row=lambda x: _micros(x.second * 1_000_000 + x.microsecond))
    if field == "EPOCH" and dialect == ON_DUCKDB:
        return Meaning(FLOAT64, row=lambda x: _since_1970(x) / 1_000_000)
    if field == "EPOCH" and dialect == ON_POSTGRES:
        return Meaning(NUMERIC, row=lambda x: _micros(_since_1970(x)))
    return None


def _micros(count: int) -> Decimal:
    return Decimal(count).scaleb(-6)


def _since_1970(value: dt.datetime) -> int:
    since: dt.timedelta = value.replace(tzinfo=dt.UTC) - EPOCH
    return since // dt.timedelta(microseconds=1)


def _at_utc(call: Call) -> Meaning | None:
    zone = call.node.args["zone"]
    if not isinstance(zone, exp.Literal) or zone.this.upper() != "UTC":
        return None
    if call.operands[0].data_type == TIMESTAMP:
        return Meaning(TIMESTAMPTZ, row=lambda x: x.replace(tzinfo=dt.UTC))
    return Meaning(TIMESTAMP, row=lambda x: x.astimezone(dt.UTC).replace(tzinfo=None))


def _of_unit(node: exp.Expr) -> list[exp.Expr] | None:
    # PostgreSQL's DATE_TRUNC can have a zone.
    return [node.this] if {name for name, part in node.args.items() if part} <= _UNIT else None


_UNIT = {"this", "unit"}


def _of_this(node: exp.Expr) -> list[exp.Expr]:
    return [node.this]


def _of_expression(node: exp.Expr) -> list[exp.Expr] | None:
    return [node.expression]


_CLAMPED = "A month or a year later is the month's last day if the month is shorter."
_LATE = f"{_CLAMPED} Spark has no quarters. A result outside of the years 1 to 9999 is an error."
_FIXED = (
    "Hours, minutes and seconds only: a day depends on the session's time zone. On Spark, less than"
    " 24 hours."
)
_OPERATORS = ((exp.Add, "+", 1), (exp.Sub, "-", -1))
_PLACES = (*EXECUTED, *VENDORS[:-1])

DATE_FORMS = (
    *(
        form
        for node, sign, direction in _OPERATORS
        for form in (
            Form(
                node,
                f"a {sign} interval 'n' unit",
                (Family.TIMESTAMP,),
                _moved(direction),
                "timestamp",
                EXECUTED,
                _LATE,
                _with_interval,
            ),
            Form(
                node,
                f"a {sign} interval 'n' unit",
                (Family.TIMESTAMPTZ,),
                _moved(direction),
                "timestamptz",
                EXECUTED,
                _FIXED,
                _with_interval,
            ),
            Form(
                node,
                f"a {sign} interval 'n' unit",
                (Family.DATE,),
                _moved(direction),
                "timestamp; Spark: date",
                EXECUTED,
                _LATE,
                _with_interval,
            ),
            Form(
                node,
                f"a {sign} n",
                (Family.DATE, Family.INTEGER),
                _days_later(direction),
                "date",
                EXECUTED,
                "`n` days; a bigint must be cast to an integer.",
            ),
        )
    ),
    Form(
        exp.Sub,
        "a - b",
        (Family.DATE, Family.DATE),
        _days_before,
        "integer; DuckDB: bigint",
        (ON_DUCKDB, ON_POSTGRES),
        "The number of days.",
    ),
    Form(
        exp.TimestampTrunc,
        "date_trunc('unit', a)",
        (Family.TIMESTAMP,),
        _truncated,
        "timestamp",
        (ON_DUCKDB, ON_POSTGRES),
        "A week begins on Monday.",
        _of_unit,
    ),
    Form(
        exp.TimestampTrunc,
        "date_trunc('unit', a)",
        (Family.DATE,),
        _truncated,
        "timestamp",
        (ON_DUCKDB,),
        "A week begins on Monday.",
        _of_unit,
    ),
    *(
        Form(
            exp.Extract,
            "extract(field from a)",
            (one,),
            _field,
            "bigint; PostgreSQL: numeric; Spark: integer",
            _PLACES,
            "`dow` is 0 on Sunday, on Spark 1. `second` has a fraction, except in DuckDB.",
            _of_expression,
        )
        for one in (Family.TIMESTAMP, Family.DATE)
    ),
    *(
        Form(
            exp.AtTimeZone,
            "a at time zone 'UTC'",
            (one,),
            _at_utc,
            gives,
            (ON_DUCKDB, ON_POSTGRES),
            "Other zones are refused.",
            _of_this,
        )
        for one, gives in ((Family.TIMESTAMP, "timestamptz"), (Family.TIMESTAMPTZ, "timestamp"))
    ),
)
