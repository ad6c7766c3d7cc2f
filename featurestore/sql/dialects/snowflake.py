"""Snowflake: names in upper case, and an ASOF join with a clause of its own."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from featurestore.sql.dialects.calls import (
    call,
    cast_to,
    date_text_as,
    utc,
    utc_text_as,
    written_by,
)
from featurestore.sql.dialects.record import Clock, Dialect, JoinShape, NewestRows
from featurestore.sql.dialects.shifts import dateadd
from featurestore.values.missing import Missing
from featurestore.values.types import Kind

__all__ = ["SNOWFLAKE"]

_RESERVED = """
    account all alter and any as asof between by case cast check column connect connection
    constraint create cross current current_date current_time current_timestamp current_user
    database delete describe distinct drop else exists false fetch following for from full grant
    group gscluster having ilike in increment inner insert intersect into is issue join lateral
    left like localtime localtimestamp match_condition minus natural not notnull null of on or
    order organization outer qualify recursive regexp revoke right rlike row rows sample schema
    select set some start table tablesample then to trigger true try_cast union unique update
    using values view when whenever where with
"""
_NAIVE = cast_to("timestamp_ntz")


def _zoned(node: exp.Expr) -> exp.Expr:
    return _NAIVE(call("CONVERT_TIMEZONE", utc(), node))


def _fold_names(query: exp.Expr) -> None:
    """Write plain words as Snowflake stores them.

    Snowflake stores an unquoted name in upper case, so the same word in lower case and quotes is
    another name. Only words that Snowflake itself reserves keep their quotes, in upper case.
    """
    reserved = _RESERVED.split()
    for identifier in query.find_all(exp.Identifier):
        if not identifier.meta.get("is_word"):
            continue
        # Two places of a tree may share one identifier, so a second visit must change nothing.
        if identifier.name.lower() in reserved:
            identifier.set("this", identifier.name.upper())
        else:
            identifier.set("quoted", False)


def _quantiles(x: str, points: Sequence[float]) -> str:
    # Each call takes one point.
    calls = ", ".join(f"APPROX_PERCENTILE({x}, {point:g})" for point in points)
    return f"ARRAY_CONSTRUCT({calls})"


SNOWFLAKE = Dialect(
    name="snowflake",
    grammar="snowflake",
    shapes=(
        JoinShape.MATCH_CONDITION,
        JoinShape.WINDOW,
        JoinShape.UNION,
        JoinShape.INTERVAL,
    ),
    missing_shapes={JoinShape.LATERAL: Missing("its ASOF join does the same, faster")},
    newest_rows=NewestRows.RANKED,
    clock=Clock(
        naive=_NAIVE,
        zoned=_zoned,
        shift=dateadd,
        literals={"timestamptz": utc_text_as("timestamptz"), "date": date_text_as("date")},
    ),
    sort_keys=dict.fromkeys((Kind.ARRAY, Kind.JSON, Kind.OTHER), written_by("TO_JSON")),
    series=Missing("its GENERATOR makes numbers, not instants"),
    numbered_from=Missing("Snowflake has no hint to compute a CTE only once", engine_cannot=True),
    respell=_fold_names,
    local_files=Missing("Snowflake does not see the files of this machine", engine_cannot=True),
    quantiles=_quantiles,
    sample="{table} SAMPLE BERNOULLI ({percent})",
)
