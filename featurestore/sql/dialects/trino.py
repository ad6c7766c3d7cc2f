"""Trino: intervals in milliseconds."""

from __future__ import annotations

from datetime import timedelta

from sqlglot import exp

from featurestore.sql.dialects.calls import (
    call,
    cast_to,
    date_text_as,
    utc,
    utc_text_as,
    written_by,
)
from featurestore.sql.dialects.record import Clock, Dialect, JoinShape, Nanoseconds, NewestRows
from featurestore.sql.dialects.shifts import add_interval, moved
from featurestore.values.missing import Missing
from featurestore.values.types import Kind

__all__ = ["TRINO"]

_UNTRIED = Missing("no test can run it on Trino")
_NAIVE = cast_to("timestamp(6)")
_ALL_DIGITS = cast_to("timestamp(12)")
_JSON_FORMAT = written_by("JSON_FORMAT")


def _zoned(node: exp.Expr) -> exp.Expr:
    return _NAIVE(call("AT_TIMEZONE", node, utc()))


def _zoned_with_all_digits(node: exp.Expr) -> exp.Expr:
    return _ALL_DIGITS(call("AT_TIMEZONE", node, utc()))


def _floor(node: exp.Expr) -> exp.Expr:
    """Cut the digits off as text, because a cast rounds and no interval is below a millisecond."""
    pattern, kept = exp.Literal.string(r"(\.\d{6})\d+"), exp.Literal.string("$1")
    return _NAIVE(call("REGEXP_REPLACE", exp.cast(node, "varchar"), pattern, kept))


def _unrounded(node: exp.Expr) -> exp.Expr:
    # Trino compares all digits.
    return node


def _shift(node: exp.Expr, duration: timedelta) -> exp.Expr:
    """Write fractions as seconds with three digits: a second is the smallest unit."""
    if not duration % timedelta(seconds=1):
        return add_interval(node, duration)
    return moved(node, duration, f"{abs(duration).total_seconds():.3f}", "SECOND")


def _as_json(node: exp.Expr) -> list[exp.Expr]:
    return _JSON_FORMAT(exp.cast(node, "json"))


TRINO = Dialect(
    name="trino",
    grammar="trino",
    shapes=(JoinShape.WINDOW, JoinShape.UNION, JoinShape.INTERVAL),
    missing_shapes={
        JoinShape.ASOF: Missing("Trino has no ASOF join", engine_cannot=True),
        JoinShape.LATERAL: Missing("it would read the history once per entity row"),
    },
    newest_rows=NewestRows.RANKED,
    clock=Clock(
        naive=_NAIVE,
        zoned=_zoned,
        shift=_shift,
        # Without its digits the type would round to milliseconds.
        literals={"timestamptz": utc_text_as("timestamptz(6)"), "date": date_text_as("date")},
        finest=timedelta(milliseconds=1),
        nanoseconds=Nanoseconds(_floor, _unrounded, zoned=_zoned_with_all_digits),
    ),
    sort_keys={Kind.JSON: _JSON_FORMAT, Kind.OTHER: _as_json},
    series=_UNTRIED,
    numbered_from=Missing("Trino has no hint to compute a CTE only once", engine_cannot=True),
    local_files=Missing("the cluster does not see the files of this machine", engine_cannot=True),
    quantiles=_UNTRIED,
    sample=_UNTRIED,
)
