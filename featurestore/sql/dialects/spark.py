"""Spark SQL: `TIMESTAMP_NTZ` is the timestamp without a zone."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from featurestore.sql.dialects.calls import call, cast_to, date_text_as, utc_text_as, written_by
from featurestore.sql.dialects.record import Clock, Dialect, InstantSeries, JoinShape, NewestRows
from featurestore.sql.dialects.shifts import add_interval
from featurestore.values.missing import Missing
from featurestore.values.types import Kind

__all__ = ["SPARK"]

_NAIVE = cast_to("timestamp_ntz")


def _zoned(node: exp.Expr) -> exp.Expr:
    """Add the microseconds since the epoch to the epoch.

    Spark casts and formats a TIMESTAMP in the session's zone; only its count since the epoch does
    not depend on it. The count is an interval, because older versions of TIMESTAMPADD take 32 bits.
    """
    tick = exp.Interval(this=exp.Literal.string("0.000001"), unit=exp.var("SECOND"))
    epoch = _NAIVE(exp.Literal.string("1970-01-01 00:00:00"))
    ticks = exp.Mul(this=tick, expression=call("UNIX_MICROS", node))
    return exp.paren(exp.Add(this=epoch, expression=ticks))


def _quantiles(x: str, points: Sequence[float]) -> str:
    listed = ", ".join(f"{point:g}" for point in points)
    # 1000 is a relative error of at most 1/1000; the default of 10000 takes more memory.
    return f"PERCENTILE_APPROX({x}, ARRAY({listed}), 1000)"


SPARK = Dialect(
    name="spark",
    grammar="spark",
    shapes=(JoinShape.UNION_OF_STRUCTS, JoinShape.INTERVAL, JoinShape.WINDOW),
    missing_shapes={
        # With ties decided it takes 0.8 of the union's CPU (100,000 entity rows, a million rows of
        # 20,000 keys), and a statement that is printed or a dbt model could not count on it.
        JoinShape.ASOF: Missing(
            "Spark 4.3 has one behind a session setting that is off by default"
        ),
        JoinShape.LATERAL: Missing("it would read the history once per entity row"),
    },
    newest_rows=NewestRows.RANKED,
    clock=Clock(
        naive=_NAIVE,
        zoned=_zoned,
        shift=add_interval,
        literals={"timestamptz": utc_text_as("timestamptz"), "date": date_text_as("date")},
    ),
    # Spark cannot sort maps.
    sort_keys=dict.fromkeys((Kind.JSON, Kind.OTHER), written_by("TO_JSON")),
    series=InstantSeries("SEQUENCE", "EXPLODE"),
    numbered_from=Missing("Spark SQL has no hint to compute a CTE only once", engine_cannot=True),
    local_files=Missing("the rows are uploaded instead, which also works on a cluster"),
    quantiles=_quantiles,
    sample="{table} TABLESAMPLE ({percent} PERCENT)",
)
