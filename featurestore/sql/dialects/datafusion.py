"""DataFusion: PostgreSQL's grammar with Arrow's types."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from featurestore.sql.dialects.calls import call
from featurestore.sql.dialects.record import Clock, Dialect, JoinShape
from featurestore.sql.dialects.shifts import add_interval
from featurestore.values.missing import Missing

__all__ = ["DATAFUSION"]

_UNTRIED = Missing("featurestore has no connection to DataFusion to try it on")


def _arrow_cast(data_type: str) -> Callable[[exp.Expr], exp.Expr]:
    # SQL's own type names count nanoseconds, which cover the years 1677 to 2262 only.
    return lambda node: call("arrow_cast", node, exp.Literal.string(data_type))


_NAIVE = _arrow_cast("Timestamp(Microsecond, None)")
_UTC = _arrow_cast('Timestamp(Microsecond, Some("UTC"))')


def _zoned(node: exp.Expr) -> exp.Expr:
    return _NAIVE(_UTC(node))


DATAFUSION = Dialect(
    name="datafusion",
    # Its parser follows PostgreSQL, including the place of NULL in an order.
    grammar="postgres",
    shapes=(JoinShape.WINDOW,),
    missing_shapes={
        JoinShape.ASOF: Missing("DataFusion has no ASOF join", engine_cannot=True),
        JoinShape.LATERAL: Missing("it would read the history once per entity row"),
    },
    clock=Clock(naive=_NAIVE, zoned=_zoned, shift=add_interval),
    series=_UNTRIED,
    numbered_from=Missing("DataFusion has no hint to compute a CTE only once", engine_cannot=True),
    local_files=_UNTRIED,
    quantiles=_UNTRIED,
    sample=_UNTRIED,
)
