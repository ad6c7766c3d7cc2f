"""BigQuery: `DATETIME` is the timestamp without a zone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sqlglot import exp

from featurestore.sql.dialects.calls import (
    call,
    cast_to,
    date_text_as,
    nan_first,
    utc,
    utc_text_as,
    written_by,
)
from featurestore.sql.dialects.record import Clock, Dialect, JoinShape, NewestRows
from featurestore.sql.dialects.shifts import in_one_unit
from featurestore.values.missing import Missing
from featurestore.values.types import Kind

__all__ = ["BIGQUERY"]


def _zoned(node: exp.Expr) -> exp.Expr:
    return call("DATETIME", node, utc())


def _to_zoned(node: exp.Expr) -> exp.Expr:
    return call("TIMESTAMP", node, utc())


def _datetime_add(node: exp.Expr, duration: timedelta) -> exp.Expr:
    count, unit = in_one_unit(abs(duration))
    name = "DATETIME_SUB" if duration < timedelta() else "DATETIME_ADD"
    return call(name, node, exp.Interval(this=exp.convert(count), unit=exp.var(unit)))


def _quantiles(x: str, points: Sequence[float]) -> str:
    # The function takes the number of steps, because its points are always evenly spaced.
    return f"APPROX_QUANTILES({x}, {len(points) - 1})"


BIGQUERY = Dialect(
    name="bigquery",
    grammar="bigquery",
    shapes=(JoinShape.WINDOW, JoinShape.UNION, JoinShape.INTERVAL),
    missing_shapes={
        JoinShape.ASOF: Missing("BigQuery has no ASOF join", engine_cannot=True),
        JoinShape.LATERAL: Missing("BigQuery has no LATERAL join", engine_cannot=True),
    },
    newest_rows=NewestRows.RANKED,
    clock=Clock(
        naive=cast_to("datetime"),
        zoned=_zoned,
        to_zoned=_to_zoned,
        shift=_datetime_add,
        literals={"timestamptz": utc_text_as("timestamptz"), "date": date_text_as("date")},
    ),
    sort_keys={
        Kind.FLOAT64: nan_first("IS_NAN"),
        **dict.fromkeys((Kind.ARRAY, Kind.JSON, Kind.OTHER), written_by("TO_JSON_STRING")),
    },
    series=Missing("its arrays are of TIMESTAMP, and statements compare DATETIME"),
    numbered_from=Missing("BigQuery has no hint to compute a CTE only once", engine_cannot=True),
    local_files=Missing("BigQuery does not see the files of this machine", engine_cannot=True),
    quantiles=_quantiles,
    sample="{table} TABLESAMPLE SYSTEM ({percent} PERCENT)",
)
