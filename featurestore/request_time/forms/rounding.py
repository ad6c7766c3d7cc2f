"""Rounding: half away from zero or half to even, by type and dialect."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Decimal

from sqlglot import exp

from featurestore.request_time.common_types import converted
from featurestore.request_time.decimal_rules import EXACT, NUMERIC, decimal, rounded
from featurestore.request_time.failures import Refusal
from featurestore.request_time.families import FLOAT64, INT64, Family, family
from featurestore.request_time.form import (
    EXECUTED,
    ON_DUCKDB,
    ON_POSTGRES,
    ON_SPARK,
    Call,
    Form,
    MeaningOf,
)
from featurestore.request_time.forms.floats import as_doubles
from featurestore.request_time.forms.integers import within
from featurestore.request_time.operands import Meaning
from featurestore.values.types import DataType

__all__ = ["ROUNDING_FORMS", "half_away"]

_MOST_PLACES = 15
_WHOLE_FROM = float(1 << 52)
"""From here on, every double is a whole number."""


def half_away(number: float) -> float:
    """Round to a whole number, half away from zero; the sign of a zero stays."""
    if not abs(number) < _WHOLE_FROM:
        return number
    whole = math.floor(abs(number))
    if abs(number) - whole >= 0.5:  # noqa: PLR2004
        whole += 1
    return math.copysign(whole, number)


def half_even(number: float) -> float:
    """Round to a whole number, half to even; the sign of a zero stays."""
    return math.copysign(round(number), number) if abs(number) < _WHOLE_FROM else number


def _places(node: exp.Expr) -> int | None:
    """Return the literal number of places of ROUND; 0 without one; None for another one."""
    places = node.args.get("decimals")
    if places is None:
        return 0
    if isinstance(places, exp.Literal) and not places.is_string and places.this.isdigit():
        return int(places.this) if int(places.this) <= _MOST_PLACES else None
    return None


def _duckdb_double(call: Call) -> Meaning | None:
    places = _places(call.node)
    if places is None:
        return None
    power = float(10**places)

    def row(number: float) -> float:
        rounded = half_away(number * power) / power
        return rounded if math.isfinite(rounded) else number

    return Meaning(FLOAT64, row=row if places else half_away)


def _spark_double(call: Call) -> Meaning | None:
    places = _places(call.node)
    if places is None:
        return None
    unit = Decimal(1).scaleb(-places)

    def row(number: float) -> float:
        """Round the shortest decimal that reads back as the number."""
        if not math.isfinite(number):
            return number
        rounded = float(Decimal(repr(number)).quantize(unit, ROUND_HALF_UP, EXACT))
        # A decimal has no -0.0.
        return rounded or 0.0

    return Meaning(FLOAT64, row=row)


def _decimal_round(call: Call) -> Meaning | None:
    places = _places(call.node)
    found = call.operands[0].data_type
    if places is None:
        return None
    if call.dialect == ON_POSTGRES:
        return _to_places(NUMERIC, places, ROUND_HALF_UP)
    precision, scale = found.precision or 0, found.scale or 0
    kept = min(places, scale)
    if call.dialect == ON_SPARK:
        result = decimal(min(precision - scale + kept + 1, 38), kept)
    else:
        result = found if kept == scale else decimal(precision, kept)
    return _to_places(result, kept, ROUND_HALF_UP)


def _to_places(result: DataType, places: int, rounding: str) -> Meaning:
    unit = Decimal(1).scaleb(-places)
    return Meaning(result, row=lambda x: rounded(x, unit, rounding))


def _round_integer(call: Call) -> Meaning | None:
    if call.node.args.get("decimals") is not None:
        return None
    operand = call.operands[0]
    if call.dialect == ON_POSTGRES:
        operand = converted(operand, FLOAT64, call.dialect)
    return Meaning(operand.data_type, column=operand.run)


def _whole_decimal(rounding: str) -> MeaningOf:
    def meaning(call: Call) -> Meaning:
        found = call.operands[0].data_type
        if call.dialect == ON_POSTGRES:
            return _to_places(NUMERIC, 0, rounding)
        precision, scale = found.precision or 0, found.scale or 0
        digits = precision if call.dialect == ON_DUCKDB or not scale else precision - scale + 1
        return _to_places(decimal(digits, 0), 0, rounding)

    return meaning


def _whole_double(round_to: Callable[[float], int]) -> MeaningOf:
    """Return the meaning of FLOOR or CEIL of a double: a double, and on Spark a 64-bit integer."""
    check = within(INT64)

    def to_double(number: float) -> float:
        return math.copysign(round_to(number), number) if abs(number) < _WHOLE_FROM else number

    def to_integer(number: float) -> int:
        if not math.isfinite(number):
            raise Refusal(f"{number!r} is out of range for {INT64}.")
        return check(round_to(number))

    def meaning(call: Call) -> Meaning | None:
        if call.dialect == ON_SPARK:
            if family(call.operands[0].data_type) is Family.FLOAT:
                return Meaning(INT64, row=to_integer, is_total=False)
            return Meaning(INT64, column=call.operands[0].run)
        return as_doubles(to_double)(call)

    return meaning


def _rounded(node: exp.Expr) -> list[exp.Expr] | None:
    more = {name for name, part in node.args.items() if part} - {"this", "decimals"}
    return None if more or _places(node) is None else [node.this]


def _alone(node: exp.Expr) -> list[exp.Expr] | None:
    return [node.this] if {name for name, part in node.args.items() if part} == {"this"} else None


_FLOAT, _DECIMAL, _INTEGER = (Family.FLOAT,), (Family.DECIMAL,), (Family.INTEGER,)
_AWAY = "Half rounds away from zero."
_ROUND = "round(a, n)"

ROUNDING_FORMS = (
    Form(
        exp.Round,
        _ROUND,
        _FLOAT,
        _duckdb_double,
        "double",
        (ON_DUCKDB,),
        f"{_AWAY} The number is multiplied by 10^n first: `round(0.285, 2)` is 0.28.",
        _rounded,
    ),
    Form(
        exp.Round,
        _ROUND,
        _FLOAT,
        _spark_double,
        "double",
        (ON_SPARK,),
        f"{_AWAY} The shortest decimal is rounded: `round(0.285, 2)` is 0.29.",
        _rounded,
    ),
    Form(
        exp.Round,
        "round(a)",
        _FLOAT,
        as_doubles(half_even),
        "double",
        (ON_POSTGRES,),
        "Half rounds to even. For more places, cast to `numeric` first.",
        _alone,
    ),
    Form(exp.Round, _ROUND, _DECIMAL, _decimal_round, "decimal", EXECUTED, _AWAY, _rounded),
    Form(
        exp.Round,
        "round(a)",
        _INTEGER,
        _round_integer,
        "as `a`; PostgreSQL: double",
        EXECUTED,
        parts=_alone,
    ),
    *(
        form
        for node, name, rounding, compute in (
            (exp.Floor, "floor(a)", ROUND_FLOOR, math.floor),
            (exp.Ceil, "ceil(a)", ROUND_CEILING, math.ceil),
        )
        for form in (
            Form(node, name, _DECIMAL, _whole_decimal(rounding), "decimal", EXECUTED, parts=_alone),
            *(
                Form(
                    node,
                    name,
                    one,
                    _whole_double(compute),
                    "double; Spark: bigint",
                    EXECUTED,
                    "On Spark, a result out of the range of a bigint is an error.",
                    _alone,
                )
                for one in (_FLOAT, _INTEGER)
            ),
        )
    ),
)
