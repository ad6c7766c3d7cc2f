"""DataFusion: PostgreSQL's grammar with Arrow's types."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from featurestore.sql.dialects.calls import call, date_text_as
from featurestore.sql.dialects.record import Clock, Dialect, JoinShape, Nanoseconds, NewestRows
from featurestore.sql.dialects.shifts import add_interval
from featurestore.values.missing import Missing

__all__ = ["DATAFUSION"]

_UNTRIED = Missing("featurestore has no connection to DataFusion to try it on")


def _arrow_cast(data_type: str) -> Callable[[exp.Expr], exp.Expr]:
    # SQL's own type names count nanoseconds, which cover the years 1677 to 2262 only.
    return lambda node: call("arrow_cast", node, exp.Literal.string(data_type))


_NAIVE = _arrow_cast("Timestamp(Microsecond, None)")
_UTC = _arrow_cast('Timestamp(Microsecond, Some("UTC"))')


_NANOSECONDS = _arrow_cast("Timestamp(Nanosecond, None)")
_UTC_NANOSECONDS = _arrow_cast('Timestamp(Nanosecond, Some("UTC"))')
_TICKS = _arrow_cast("Int64")


def _zoned_literal(text: str) -> exp.Expr:
    return _UTC(exp.Literal.string(text))


def _zoned(node: exp.Expr) -> exp.Expr:
    return _NAIVE(_UTC(node))


def _zoned_with_all_digits(node: exp.Expr) -> exp.Expr:
    return _NANOSECONDS(_UTC_NANOSECONDS(node))


def _floor(node: exp.Expr) -> exp.Expr:
    """Divide the nanoseconds since 1970; a cast and `/` round towards 1970."""
    return _divided(_TICKS(_NANOSECONDS(node)))


def _ceil(node: exp.Expr) -> exp.Expr:
    ticks = _TICKS(_NANOSECONDS(node))
    return _divided(exp.paren(exp.Add(this=ticks, expression=exp.Literal.number(999))))


def _divided(ticks: exp.Expr) -> exp.Expr:
    thousand = exp.Literal.number(1000)
    # The remainder has the sign of the ticks.
    shifted = exp.paren(exp.Mod(this=ticks.copy(), expression=thousand.copy()) + thousand.copy())
    beyond = exp.Mod(this=shifted, expression=thousand.copy())
    whole = exp.paren(exp.Sub(this=ticks, expression=beyond))
    return _NAIVE(exp.Div(this=whole, expression=thousand))


DATAFUSION = Dialect(
    name="datafusion",
    # Its parser follows PostgreSQL, including the place of NULL in an order.
    grammar="postgres",
    shapes=(JoinShape.WINDOW, JoinShape.INTERVAL),
    missing_shapes={
        JoinShape.ASOF: Missing("DataFusion has no ASOF join", engine_cannot=True),
        JoinShape.UNION: Missing(
            "its UNION ALL loses the type of a column that is NULL in one part", engine_cannot=True
        ),
        JoinShape.LATERAL: Missing("it would read the history once per entity row"),
    },
    newest_rows=NewestRows.RANKED,
    clock=Clock(
        naive=_NAIVE,
        zoned=_zoned,
        shift=add_interval,
        literals={"timestamptz": _zoned_literal, "date": date_text_as("date")},
        nanoseconds=Nanoseconds(_floor, _ceil, zoned=_zoned_with_all_digits),
    ),
    series=_UNTRIED,
    numbered_from=Missing("DataFusion has no hint to compute a CTE only once", engine_cannot=True),
    local_files=_UNTRIED,
    quantiles=_UNTRIED,
    sample=_UNTRIED,
)
