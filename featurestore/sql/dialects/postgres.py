"""PostgreSQL: text sorts by the locale of the database, and LATERAL needs an index."""

from __future__ import annotations

from collections.abc import Sequence
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
    NewestRows,
    Rates,
)
from featurestore.sql.dialects.shifts import add_interval
from featurestore.values.missing import Missing
from featurestore.values.types import DataType, Kind

__all__ = ["POSTGRES"]


_TEXT = DataType(Kind.STRING)


def _by_code_point(node: exp.Expr) -> list[exp.Expr]:
    """Sort text by code points: without a collation, the locale of the database decides."""
    return [exp.Collate(this=node, expression=exp.to_identifier("C", quoted=True))]


def _as_text(node: exp.Expr) -> list[exp.Expr]:
    return _by_code_point(exp.cast(node, "text"))


def _quantiles(x: str, points: Sequence[float]) -> str:
    listed = ", ".join(f"{point:g}" for point in points)
    return f"PERCENTILE_CONT(ARRAY[{listed}]) WITHIN GROUP (ORDER BY {x})"


POSTGRES = Dialect(
    name="postgres",
    grammar="postgres",
    # LATERAL comes last: without an index on the keys and the event timestamp it reads the whole
    # history once per entity row, and dbt builds no index unless the model declares one.
    shapes=(JoinShape.UNION, JoinShape.INTERVAL, JoinShape.WINDOW, JoinShape.LATERAL),
    missing_shapes={JoinShape.ASOF: Missing("PostgreSQL has no ASOF join", engine_cannot=True)},
    # Measured on PostgreSQL 15: 500,000 rows of 500 to 200,000 keys, 500 to 250,000 entity rows.
    # The unit is 0.8 microseconds of CPU.
    rates=Rates(
        asked=3.5,
        pair_seen=0.1,
        pair_ranked=0.75,
        scanned=0.25,
        ranked_for=1.5,
        replaced=0.6,
        covered=1.8,
        pair_covered=0.065,
        looked_up=7.0,
        sorted_by_index=0.5,
    ),
    newest_rows=NewestRows.DISTINCT_ON,
    clock=Clock(
        naive=cast_to("timestamp"),
        zoned=at_utc,
        to_zoned=at_utc,
        shift=add_interval,
        literals={"timestamptz": utc_text_as("timestamptz"), "date": date_text_as("date")},
        is_finite=partial(call, "ISFINITE"),
    ),
    sort_keys={
        Kind.STRING: _by_code_point,
        **dict.fromkeys((Kind.JSON, Kind.OPAQUE, Kind.OTHER), _as_text),
    },
    # A collation applies to an array of text as to the text itself.
    arrays_sort_as_elements=True,
    exits={
        "uuid": Exit(_TEXT),
        "json": Exit(_TEXT),
        "enum": Exit(_TEXT),
        # As text it has no blanks at its end, which do not count in a comparison of char(n).
        "bpchar": Exit(_TEXT),
        # Without digits a numeric holds any number and NaN: of Arrow's types only a float fits all.
        "numeric": Exit(DataType(Kind.FLOAT64)),
    },
    series=InstantSeries("GENERATE_SERIES"),
    hints_ctes=True,
    longest_name=63,
    numbered_from=Missing("the gain is not measured"),
    local_files=Missing("the server does not see the files of this machine", engine_cannot=True),
    # PostgreSQL has no approximate count.
    distinct="COUNT(DISTINCT {x})",
    quantiles=_quantiles,
    sample="{table} TABLESAMPLE BERNOULLI ({percent})",
)
