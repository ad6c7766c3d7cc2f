"""DuckDB: the reference that every other dialect has to agree with."""

from __future__ import annotations

from collections.abc import Sequence

from featurestore.sql.dialects.calls import at_utc, cast_to
from featurestore.sql.dialects.record import Clock, Dialect, InstantSeries, JoinShape
from featurestore.sql.dialects.shifts import add_interval
from featurestore.values.missing import Missing

__all__ = ["DUCKDB"]


def _quantiles(x: str, points: Sequence[float]) -> str:
    listed = ", ".join(f"{point:g}" for point in points)
    return f"APPROX_QUANTILE({x}, [{listed}]) FILTER (WHERE ISFINITE({x}))"


DUCKDB = Dialect(
    name="duckdb",
    grammar="duckdb",
    shapes=(JoinShape.ASOF, JoinShape.WINDOW),
    missing_shapes={JoinShape.LATERAL: Missing("its ASOF join is faster")},
    clock=Clock(naive=cast_to("timestamp"), zoned=at_utc, shift=add_interval),
    series=InstantSeries("GENERATE_SERIES", "UNNEST"),
    # Below four joins, making the numbers costs more than joining on one integer saves.
    numbered_from=4,
    local_files={".parquet": "read_parquet", ".csv": "read_csv"},
    quantiles=_quantiles,
    sample="{table} TABLESAMPLE BERNOULLI({percent}%)",
)
