"""DuckDB: the reference that every other dialect has to agree with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from sqlglot import exp

from featurestore.sql.dialects.calls import (
    at_utc,
    call,
    cast_to,
    date_text_as,
    utc_text_as,
)
from featurestore.sql.dialects.record import (
    Clock,
    Dialect,
    Exit,
    InstantSeries,
    JoinShape,
    Nanoseconds,
    NewestRows,
    Rates,
)
from featurestore.sql.dialects.shifts import add_interval
from featurestore.values.missing import Missing
from featurestore.values.types import DataType, Kind

__all__ = ["DUCKDB"]

_NAIVE = cast_to("timestamp")
_TEXT = DataType(Kind.STRING)
_WIDEST_INTEGER = DataType(Kind.DECIMAL, precision=38, scale=0)
_GREATEST = 10**38 - 1
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


def _beyond_38_digits(node: exp.Expr) -> exp.Expr:
    low = exp.Neg(this=exp.Literal.number(_GREATEST))
    return exp.Between(this=node, low=low, high=exp.Literal.number(_GREATEST)).not_()


def _above_38_digits(node: exp.Expr) -> exp.Expr:
    # Without the cast, DuckDB compares signed with unsigned numbers as DOUBLE.
    return node > exp.cast(exp.Literal.number(_GREATEST), "uint128")


def _text_as_own(data_type: str, offset: str = "") -> Callable[[str], exp.Expr]:
    # As a type of the user's, because sqlglot does not know all of DuckDB's.
    own = exp.DataType.build(data_type, udt=True)
    return lambda text: exp.cast(exp.Literal.string(f"{text}{offset}"), own.copy())


def _is_end_of_day(node: exp.Expr) -> exp.Expr:
    """Return whether a time is 24:00, which Python and Arrow write as the 00:00 before it."""
    return node.eq(exp.cast(exp.Literal.string("24:00:00"), "time"))


def _quantiles(x: str, points: Sequence[float]) -> str:
    listed = ", ".join(f"{point:g}" for point in points)
    return f"APPROX_QUANTILE({x}, [{listed}]) FILTER (WHERE ISFINITE({x}))"


def _write_orders(query: exp.Expr) -> None:
    """Write NULLS LAST and ASC, which sqlglot leaves out.

    The session can have another `default_null_order` and `default_order`. `with_fill` is what
    sqlglot writes after a term, unchanged.
    """
    for term in query.find_all(exp.Ordered):
        if term.meta.get("nulls_last"):
            term.set("with_fill", exp.var("NULLS LAST"))
    for window in query.find_all(exp.Window):
        order = window.args.get("order")
        for node in order.expressions if order else ():
            # A parser makes an `Ordered` of every term, so a bare column is ours.
            if isinstance(node, exp.Column):
                node.replace(exp.Ordered(this=node.copy(), desc=False))


DUCKDB = Dialect(
    name="duckdb",
    grammar="duckdb",
    # With `as_known` the union comes first: for 20,000 entity rows on a million rows of 1,000 keys
    # it takes 0.5 seconds of CPU, and the window 4.8.
    shapes=(JoinShape.ASOF, JoinShape.UNION, JoinShape.WINDOW, JoinShape.INTERVAL),
    missing_shapes={JoinShape.LATERAL: Missing("its ASOF join does the same, faster")},
    # Measured with benchmarks/point_in_time, with sizes on both sides of the break-even point.
    rates=Rates(asked=3.0, pair_seen=0.2, pair_ranked=2.0),
    newest_rows=NewestRows.GROUPED,
    clock=Clock(
        naive=_NAIVE,
        zoned=at_utc,
        to_zoned=at_utc,
        shift=add_interval,
        literals={
            "date": date_text_as("date"),
            "timestamp(0)": _text_as_own("TIMESTAMP_S"),
            "timestamp(3)": _text_as_own("TIMESTAMP_MS"),
            "timestamptz": utc_text_as("timestamptz"),
            "timestamptz_ns": _text_as_own("TIMESTAMPTZ_NS", "+00:00"),
        },
        nanoseconds=Nanoseconds(_floor, _ceil, _clamp),
        is_finite=partial(call, "ISFINITE"),
    ),
    # A window that sorts by one column may become an aggregate (the optimizer's
    # `top_n_window_elimination`), which keeps rows as sort keys: -0.0 comes back as 0.0.
    reads_texts=True,
    lone_sort_keys=frozenset({Kind.FLOAT32, Kind.FLOAT64, Kind.ARRAY, Kind.OTHER}),
    exits={
        "int128": Exit(_WIDEST_INTEGER, _beyond_38_digits),
        "uint128": Exit(_WIDEST_INTEGER, _above_38_digits),
        "uuid": Exit(_TEXT),
        "json": Exit(_TEXT),
        "enum": Exit(_TEXT),
        "null": Exit(_TEXT),
        "timestamp(0)": Exit(DataType(Kind.TIMESTAMP)),
        "timestamp(3)": Exit(DataType(Kind.TIMESTAMP)),
        "time": Exit(DataType(Kind.TIME), _is_end_of_day),
    },
    # DuckDB 2.0: after the optimizer has swapped the sides of an outer join (`join_order`), rows
    # without a match hold arrays of memory that was never written.
    outer_joins_spoil_arrays=True,
    series=InstantSeries("GENERATE_SERIES", "UNNEST"),
    # Below four joins, making the numbers costs more than joining on one integer saves.
    hints_ctes=True,
    numbered_from=4,
    respell=_write_orders,
    local_files={".parquet": "read_parquet", ".csv": "read_csv"},
    quantiles=_quantiles,
    sample="{table} TABLESAMPLE BERNOULLI({percent}%)",
)
