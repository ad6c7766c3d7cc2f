"""DuckDB: the reference that every other dialect has to agree with."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from featurestore.sql.dialects.calls import at_utc, call, cast_to
from featurestore.sql.dialects.record import Clock, Dialect, InstantSeries, JoinShape, Nanoseconds
from featurestore.sql.dialects.shifts import add_interval
from featurestore.values.missing import Missing

__all__ = ["DUCKDB"]

_NAIVE = cast_to("timestamp")
_MICROSECOND = exp.Literal.number(1000)
_NANOSECONDS_HOLD = ("1677-09-21 00:12:43.145225", "2262-04-11 23:47:16.854775")
"""The first and the last whole microsecond of a TIMESTAMP_NS."""


def _floor(node: exp.Expr) -> exp.Expr:
    """Subtract the nanoseconds beyond the last microsecond.

    DuckDB's CAST, DATE_TRUNC and EPOCH_US round to the nearest, and `//` rounds towards 1970.
    """
    return _from_ticks(exp.Sub(this=call("EPOCH_NS", node), expression=_beyond(node)), node)


def _ceil(node: exp.Expr) -> exp.Expr:
    missing = exp.Mod(
        this=exp.paren(exp.Sub(this=_MICROSECOND.copy(), expression=_beyond(node))),
        expression=_MICROSECOND.copy(),
    )
    return _from_ticks(exp.Add(this=call("EPOCH_NS", node), expression=missing), node)


def _clamp(node: exp.Expr) -> exp.Expr:
    # Not LEAST and GREATEST, which ignore NULL and would move the infinities.
    finite, case = call("ISFINITE", node.copy()), exp.Case()
    first, last = (_NAIVE(exp.Literal.string(text)) for text in _NANOSECONDS_HOLD)
    case = case.when(exp.and_(finite, node.copy() < first), first.copy(), copy=False)
    case = case.when(exp.and_(finite.copy(), node.copy() > last), last.copy(), copy=False)
    return case.else_(node.copy(), copy=False)


def _beyond(node: exp.Expr) -> exp.Expr:
    return exp.Mod(this=call("NANOSECOND", node.copy()), expression=_MICROSECOND.copy())


def _from_ticks(ticks: exp.Expr, node: exp.Expr) -> exp.Expr:
    micros = exp.IntDiv(this=exp.paren(ticks), expression=_MICROSECOND.copy())
    # An infinity has no ticks, and no digits that a cast could round.
    return exp.Coalesce(this=call("MAKE_TIMESTAMP", micros), expressions=[_NAIVE(node.copy())])


def _quantiles(x: str, points: Sequence[float]) -> str:
    listed = ", ".join(f"{point:g}" for point in points)
    return f"APPROX_QUANTILE({x}, [{listed}]) FILTER (WHERE ISFINITE({x}))"


def _write_nulls_last(query: exp.Expr) -> None:
    """Write NULLS LAST, which sqlglot leaves out: `default_null_order` can be another.

    `with_fill` is what sqlglot writes after a term, unchanged.
    """
    for term in query.find_all(exp.Ordered):
        if term.meta.get("nulls_last"):
            term.set("with_fill", exp.var("NULLS LAST"))


DUCKDB = Dialect(
    name="duckdb",
    grammar="duckdb",
    shapes=(JoinShape.ASOF, JoinShape.WINDOW),
    missing_shapes={JoinShape.LATERAL: Missing("its ASOF join does the same, faster")},
    clock=Clock(
        naive=_NAIVE,
        zoned=at_utc,
        to_zoned=at_utc,
        shift=add_interval,
        nanoseconds=Nanoseconds(_floor, _ceil, _clamp),
    ),
    series=InstantSeries("GENERATE_SERIES", "UNNEST"),
    # Below four joins, making the numbers costs more than joining on one integer saves.
    numbered_from=4,
    respell=_write_nulls_last,
    local_files={".parquet": "read_parquet", ".csv": "read_csv"},
    quantiles=_quantiles,
    sample="{table} TABLESAMPLE BERNOULLI({percent}%)",
)
