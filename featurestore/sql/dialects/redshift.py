"""Amazon Redshift: PostgreSQL's grammar with its own date functions. No test runs it."""

from __future__ import annotations

from featurestore.sql.dialects.calls import (
    at_utc,
    cast_to,
    date_text_as,
    utc_text_as,
    written_by,
)
from featurestore.sql.dialects.record import Clock, Dialect, JoinShape, NewestRows
from featurestore.sql.dialects.shifts import dateadd
from featurestore.values.missing import Missing
from featurestore.values.types import Kind

__all__ = ["REDSHIFT"]

_UNTRIED = Missing("no test can run it on Redshift")

REDSHIFT = Dialect(
    name="redshift",
    grammar="redshift",
    shapes=(JoinShape.WINDOW, JoinShape.UNION, JoinShape.INTERVAL),
    missing_shapes={
        JoinShape.ASOF: Missing("Redshift has no ASOF join", engine_cannot=True),
        JoinShape.LATERAL: Missing("Redshift has no LATERAL join", engine_cannot=True),
    },
    newest_rows=NewestRows.RANKED,
    clock=Clock(
        naive=cast_to("timestamp"),
        zoned=at_utc,
        to_zoned=at_utc,
        shift=dateadd,
        literals={"timestamptz": utc_text_as("timestamptz"), "date": date_text_as("date")},
    ),
    # Text needs no key: Redshift sorts it by its bytes.
    sort_keys=dict.fromkeys((Kind.ARRAY, Kind.JSON, Kind.OTHER), written_by("JSON_SERIALIZE")),
    series=_UNTRIED,
    numbered_from=_UNTRIED,
    longest_name=127,
    local_files=Missing("the cluster does not see the files of this machine", engine_cannot=True),
    quantiles=_UNTRIED,
    sample=_UNTRIED,
)
