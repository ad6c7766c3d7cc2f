"""Casts, between the types whose meaning is the same under every setting of a session."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from typing import Any

from sqlglot import exp

from featurestore.request_time.decimal_rules import (
    EXACT,
    decimal_to_float,
    quantizer,
    rounded,
    within_digits,
)
from featurestore.request_time.failures import Refusal
from featurestore.request_time.families import INT32, Family, family
from featurestore.request_time.form import EXECUTED, ON_POSTGRES, ON_SPARK, Call, Form
from featurestore.request_time.forms.integers import within
from featurestore.request_time.operands import Meaning
from featurestore.values.type_spellings import UnknownType, parse_type
from featurestore.values.types import DataType, Kind

__all__ = ["CASTS", "CAST_FORMS", "cast_target"]

Caster = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Cast:
    """A cast: the type that it converts, the type that it makes, and the warehouse's dialect."""

    source: DataType
    target: DataType
    dialect: str


Converter = Callable[[Cast], Caster | None]
_UNIT = Decimal(1)
_SIZED = re.compile(r"char|text|string|time", re.IGNORECASE)


def cast_target(node: exp.Expr, dialect: str) -> DataType | None:
    """Return the type that a cast names; None for one that expressions do not have."""
    to = node.args["to"]
    text = to.sql(dialect)
    if to.expressions and _SIZED.search(text):
        return None  # varchar(3) cuts text on some engines, timestamp(3) rounds
    try:
        return parse_type(text, dialect)
    except UnknownType:
        return None


def _cast(call: Call) -> Meaning | None:
    if call.node.args.get("safe") or call.node.args.get("format"):
        return None
    target = cast_target(call.node, call.dialect)
    if target is None or family(target) is Family.OTHER:
        return None
    if call.operands[0].is_null:
        return Meaning(target, column=lambda _, count: [None] * count)
    source = call.operands[0].data_type
    if source == target:
        return Meaning(target, column=call.operands[0].run)
    found = _CONVERTERS.get((_family(source), family(target)))
    convert = found(Cast(source, target, call.dialect)) if found else None
    return convert and Meaning(target, row=convert, is_total=False)


_CAST_FIRST = {
    **dict.fromkeys(
        map(DataType, (Kind.INT8, Kind.UINT8, Kind.UINT16, Kind.UINT32, Kind.UINT64)),
        Family.INTEGER,
    ),
    DataType(Kind.FLOAT32): Family.FLOAT,
    DataType(Kind.UUID): Family.TEXT,
    DataType(Kind.STRING, text="enum"): Family.TEXT,
}
"""Types that have no form but a cast, and the families that they are cast with."""


def _family(source: DataType) -> Family:
    """Return the family of a type that is cast, which can be one without other forms."""
    coarse = source.kind is Kind.TIMESTAMP and source.precision in (0, 3)
    return Family.TIMESTAMP if coarse else _CAST_FIRST.get(source, family(source))


def _checked(target: DataType, compute: Caster) -> Caster:
    check = within(target)
    return lambda x: check(compute(x))


def _float_to_integer(cast: Cast) -> Caster:
    target, check = cast.target, within(cast.target)
    round_to: Caster = math.trunc if cast.dialect == ON_SPARK else round

    def convert(number: float) -> int:
        if not math.isfinite(number):
            raise Refusal(f"{number!r} is out of range for {target}.")
        return check(round_to(number))

    return convert


def _decimal_to_integer(cast: Cast) -> Caster:
    rounding = ROUND_DOWN if cast.dialect == ON_SPARK else ROUND_HALF_UP
    return _checked(cast.target, lambda x: int(rounded(x, _UNIT, rounding)))


def _float_to_decimal(cast: Cast) -> Caster | None:
    target, dialect = cast.target, cast.dialect
    if target.scale is None or cast.source.kind is Kind.FLOAT32:
        return None
    write, check, scale = quantizer(target), within_digits(target), target.scale
    power = float(10**scale)

    def convert(number: float) -> Decimal:
        if not math.isfinite(number):
            raise Refusal(f"{number!r} is out of range for {target}.")
        if dialect == ON_POSTGRES:
            return write(Decimal(f"{number:.15g}"))
        if dialect == ON_SPARK:
            return write(Decimal(repr(number)))
        scaled = rounded(Decimal(number * power), _UNIT, ROUND_HALF_EVEN)
        return check(scaled.scaleb(-scale, EXACT))

    return convert


def _to_text(cast: Cast) -> Caster:
    if family(cast.source) is Family.BOOLEAN:
        return lambda x: "true" if x else "false"
    if family(cast.source) is Family.DECIMAL:
        return lambda x: f"{x:f}"
    return str


def _timestamp_to_text(_: Cast) -> Caster:
    def convert(value: dt.datetime) -> str:
        text = value.isoformat(" ", "seconds")
        fraction = f".{value.microsecond:06}".rstrip("0") if value.microsecond else ""
        return text + fraction

    return convert


def _text(pattern: str, convert: Caster) -> Converter:
    """Return the conversion of text in the one spelling that all dialects read alike."""
    matches = re.compile(pattern, re.ASCII).fullmatch

    def converter(cast: Cast) -> Caster:
        def read(text: str) -> Any:
            if not matches(text):
                raise Refusal(f"{text!r} is not a plain {cast.target}.")
            return convert(text)

        return read

    return converter


_INTEGER_TEXT = _text(r"[+-]?\d{1,25}", int)


def _text_to_integer(cast: Cast) -> Caster | None:
    read = _INTEGER_TEXT(cast)
    return read and _checked(cast.target, read)


_DECIMAL_TEXT = _text(r"[+-]?\d{1,40}(\.\d{1,40})?", Decimal)


def _text_to_decimal(cast: Cast) -> Caster | None:
    read = _DECIMAL_TEXT(cast)
    target, write = cast.target, quantizer(cast.target)

    def convert(text: str) -> Decimal:
        number: Decimal = read(text)  # type: ignore[misc]
        written = write(number)
        if written != number:
            raise Refusal(f"{text!r} has too many digits after the point for {target}.")
        return written

    return convert if target.scale is not None else None


def _finite(text: str) -> float:
    number = float(text)
    if text[-1].isalpha():
        return number
    if math.isinf(number) or (number == 0 and re.search("[1-9]", text.lower().partition("e")[0])):
        raise Refusal(f"{text!r} is out of range for a double.")
    return number


def _as(convert: Caster) -> Converter:
    return lambda _: convert


def _to_or_of_boolean(cast: Cast, other: DataType, convert: Caster) -> Caster | None:
    # PostgreSQL has these casts for `integer` alone.
    return None if cast.dialect == ON_POSTGRES and other != INT32 else convert


def _date_to_timestamp(_: Cast) -> Caster:
    return lambda x: dt.datetime(x.year, x.month, x.day)  # noqa: DTZ001, naive means UTC


_CONVERTERS: dict[tuple[Family, Family], Converter] = {
    (Family.INTEGER, Family.INTEGER): lambda cast: within(cast.target),
    (Family.INTEGER, Family.FLOAT): _as(float),
    (Family.INTEGER, Family.DECIMAL): lambda cast: quantizer(cast.target),
    (Family.INTEGER, Family.TEXT): _to_text,
    (Family.INTEGER, Family.BOOLEAN): lambda cast: _to_or_of_boolean(cast, cast.source, bool),
    (Family.BOOLEAN, Family.INTEGER): lambda cast: _to_or_of_boolean(cast, cast.target, int),
    (Family.BOOLEAN, Family.TEXT): _to_text,
    (Family.FLOAT, Family.INTEGER): _float_to_integer,
    (Family.FLOAT, Family.DECIMAL): _float_to_decimal,
    (Family.FLOAT, Family.FLOAT): _as(float),
    (Family.DECIMAL, Family.INTEGER): _decimal_to_integer,
    (Family.DECIMAL, Family.FLOAT): lambda cast: decimal_to_float(cast.source, cast.dialect),
    (Family.DECIMAL, Family.DECIMAL): lambda cast: quantizer(cast.target),
    (Family.DECIMAL, Family.TEXT): _to_text,
    (Family.DATE, Family.TEXT): _to_text,
    (Family.DATE, Family.TIMESTAMP): _date_to_timestamp,
    (Family.TIMESTAMP, Family.DATE): _as(dt.datetime.date),
    (Family.TIMESTAMP, Family.TEXT): _timestamp_to_text,
    (Family.TEXT, Family.TEXT): _as(str),
    (Family.TIMESTAMP, Family.TIMESTAMP): _as(lambda instant: instant),
    (Family.TEXT, Family.INTEGER): _text_to_integer,
    (Family.TEXT, Family.DECIMAL): _text_to_decimal,
    (Family.TEXT, Family.FLOAT): _text(
        r"NaN|-?Infinity|[+-]?\d{1,40}(\.\d{1,40})?([eE][+-]?\d{1,3})?", _finite
    ),
    (Family.TEXT, Family.DATE): _text(r"\d{4}-\d\d-\d\d", dt.date.fromisoformat),
    (Family.TEXT, Family.TIMESTAMP): _text(
        r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d{1,6})?", dt.datetime.fromisoformat
    ),
    (Family.TEXT, Family.BOOLEAN): _text("true|false", lambda text: text == "true"),
}

_NOTES: dict[tuple[Family, Family], str] = {
    (Family.FLOAT, Family.INTEGER): "Rounds half to even; Spark cuts the fraction off.",
    (Family.DECIMAL, Family.INTEGER): "Rounds half away from zero; Spark cuts the fraction off.",
    (Family.FLOAT, Family.DECIMAL): "DuckDB multiplies by 10^scale first, PostgreSQL rounds to 15"
    " digits first, Spark rounds the shortest decimal. NaN and infinities are an error.",
    (Family.DECIMAL, Family.DECIMAL): "Rounds half away from zero.",
    (Family.TEXT, Family.INTEGER): "Digits with an optional sign; other text is an error.",
    (Family.TEXT, Family.DECIMAL): "Text with more digits after the point is an error.",
    (Family.TEXT, Family.FLOAT): "`1.5` or `1.5e3`; other text is an error.",
    (Family.TEXT, Family.DATE): "`2024-02-29`; other text is an error.",
    (Family.TEXT, Family.TIMESTAMP): "`2024-02-29 10:00:00.5`; other text is an error.",
    (Family.TEXT, Family.BOOLEAN): "`true` or `false`; other text is an error.",
}


def _parts(node: exp.Expr) -> list[exp.Expr] | None:
    return [node.this]


CAST_FORMS = tuple(
    Form(
        node,
        "cast(a as type)",
        (Family.ANY,),
        _cast,
        "the named type",
        dialects,
        "A value out of the type's range is an error.",
        _parts,
        takes_null=True,
    )
    # The parser makes a TryCast of Spark's CAST.
    for node, dialects in ((exp.Cast, EXECUTED), (exp.TryCast, (ON_SPARK,)))
)
CASTS = tuple((source, target, _NOTES.get((source, target), "")) for source, target in _CONVERTERS)
"""The families that a cast converts, with a note: for the documentation."""
