"""Training sets written by hand: for one engine and for this data, in the forms that people use.

Each form finds, for one view, the row of each entity row: a CTE with `row_id` and the features.
None of them decides ties, since this data has none.
"""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.engines.histories import FEATURES, TTL_DAYS

__all__ = ["FORMS", "training_sql"]

Form = Callable[[int], str]
_TTL = f"INTERVAL '{TTL_DAYS}' DAY"
_KEYS = "f.entity_id = s.entity_id"
_KNOWN = f"f.event_ts <= s.event_timestamp AND f.event_ts >= s.event_timestamp - {_TTL}"


def _features(view: int, table: str) -> str:
    return ", ".join(f"{table}.{name}{view} AS {name}{view}" for name in FEATURES)


def _fresh(view: int) -> str:
    """Return the features of an ASOF join, which takes no second bound."""
    fresh = f"f.event_ts >= s.event_timestamp - {_TTL}"
    return ", ".join(f"CASE WHEN {fresh} THEN f.{n}{view} END AS {n}{view}" for n in FEATURES)


def _union(view: int) -> str:
    both = (
        "SELECT row_id, entity_id, event_timestamp AS moment, event_timestamp AS asked,"
        " CAST(NULL AS TIMESTAMP) AS event_ts FROM entity_rows UNION ALL"
        f" SELECT NULL, entity_id, event_ts, NULL, event_ts FROM v{view}"
    )
    running = "max(event_ts) OVER (PARTITION BY entity_id ORDER BY moment)"
    newest = f"SELECT row_id, entity_id, asked, {running} AS event_ts FROM ({both}) AS u"
    return (
        f"SELECT n.row_id, {_features(view, 'f')} FROM ({newest}) AS n JOIN v{view} AS f"
        " ON f.entity_id = n.entity_id AND f.event_ts = n.event_ts"
        f" WHERE n.row_id IS NOT NULL AND n.event_ts >= n.asked - {_TTL}"
    )


def _interval(view: int) -> str:
    periods = (
        "SELECT *, lead(event_ts) OVER (PARTITION BY entity_id ORDER BY event_ts) AS until"
        f" FROM v{view}"
    )
    return (
        f"SELECT s.row_id, {_features(view, 'f')} FROM entity_rows AS s JOIN ({periods}) AS f"
        f" ON {_KEYS} AND {_KNOWN} AND (f.until IS NULL OR f.until > s.event_timestamp)"
    )


def _max_join(view: int) -> str:
    newest = (
        "SELECT s.row_id, s.entity_id, max(f.event_ts) AS event_ts"
        f" FROM entity_rows AS s JOIN v{view} AS f ON {_KEYS} AND {_KNOWN}"
        " GROUP BY s.row_id, s.entity_id"
    )
    return (
        f"SELECT n.row_id, {_features(view, 'f')} FROM ({newest}) AS n JOIN v{view} AS f"
        " ON f.entity_id = n.entity_id AND f.event_ts = n.event_ts"
    )


def _row_number(view: int) -> str:
    ranked = (
        f"SELECT s.row_id, {_features(view, 'f')},"
        " row_number() OVER (PARTITION BY s.row_id ORDER BY f.event_ts DESC) AS r"
        f" FROM entity_rows AS s JOIN v{view} AS f ON {_KEYS} AND {_KNOWN}"
    )
    return f"SELECT * FROM ({ranked}) AS ranked WHERE r = 1"


def _distinct_on(view: int) -> str:
    return (
        f"SELECT DISTINCT ON (s.row_id) s.row_id, {_features(view, 'f')}"
        f" FROM entity_rows AS s JOIN v{view} AS f ON {_KEYS} AND {_KNOWN}"
        " ORDER BY s.row_id, f.event_ts DESC"
    )


def _lateral(view: int) -> str:
    return (
        f"SELECT s.row_id, {_features(view, 'f')} FROM entity_rows AS s CROSS JOIN LATERAL"
        f" (SELECT * FROM v{view} AS f WHERE {_KEYS} AND {_KNOWN}"
        " ORDER BY f.event_ts DESC LIMIT 1) AS f"
    )


def _asof(view: int) -> str:
    return (
        f"SELECT s.row_id, {_fresh(view)} FROM entity_rows AS s ASOF LEFT JOIN v{view} AS f"
        f" ON {_KEYS} AND s.event_timestamp >= f.event_ts"
    )


def _asof_of_spark(view: int) -> str:
    return (
        f"SELECT s.row_id, {_fresh(view)} FROM entity_rows AS s LEFT ASOF JOIN v{view} AS f"
        f" MATCH_CONDITION (s.event_timestamp >= f.event_ts) ON {_KEYS}"
    )


def _union_of_structs(view: int) -> str:
    columns = ", ".join(["event_ts", *(f"{name}{view}" for name in FEATURES)])
    both = (
        "SELECT row_id, entity_id, event_timestamp AS moment, NULL AS f FROM entity_rows UNION ALL"
        f" SELECT NULL, entity_id, event_ts, struct({columns}) FROM v{view}"
    )
    last = (
        "SELECT row_id, moment, last(f, true) OVER (PARTITION BY entity_id ORDER BY moment, row_id"
        f" NULLS FIRST ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS f FROM ({both})"
    )
    return (
        f"SELECT row_id, {_features(view, 'f')} FROM ({last})"
        f" WHERE row_id IS NOT NULL AND f.event_ts >= moment - {_TTL}"
    )


_PORTABLE = {"union and running max": _union, "row_number": _row_number}
_JOINED = {**_PORTABLE, "max and join": _max_join, "interval by lead": _interval}
FORMS: dict[str, dict[str, Form]] = {
    "duckdb": {"ASOF": _asof, **_JOINED},
    "postgres": {**_JOINED, "DISTINCT ON": _distinct_on},
    "postgres, indexed": {**_JOINED, "DISTINCT ON": _distinct_on, "LATERAL": _lateral},
    "spark": {"ASOF": _asof_of_spark, "union of structs": _union_of_structs, **_JOINED},
    "clickhouse": {"ASOF": _asof, "max and join": _max_join, "row_number": _row_number},
}
"""The forms of each engine. Without an index, LATERAL reads the history once per entity row."""


def training_sql(form: Form, views: int) -> str:
    """Return the statement for a training set with the features of all views."""
    ctes = ", ".join(f"m{view} AS ({form(view)})" for view in range(views))
    joins = " ".join(f"LEFT JOIN m{view} ON m{view}.row_id = s.row_id" for view in range(views))
    features = ", ".join(_features(view, f"m{view}") for view in range(views))
    return f"WITH {ctes} SELECT s.row_id, {features} FROM entity_rows AS s {joins}"
