"""How a dialect finds the newest row at an instant: one file per shape, one table to choose.

sqlglot passes an ASOF join to any dialect unchanged, whether or not the engine knows it, so a shape
is only ever used where the table says that the dialect can run it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from featurestore.errors import UnsupportedDialect
from featurestore.sql.dialects import ensure_known
from featurestore.sql.expressions import Named
from featurestore.sql.plan import ViewJoin
from featurestore.sql.strategies.asof import asof
from featurestore.sql.strategies.lateral import lateral
from featurestore.sql.strategies.match_condition import match_condition
from featurestore.sql.strategies.window import window

__all__ = ["DIALECTS", "STRATEGIES", "Strategy", "choose_strategy"]

Matcher = Callable[[ViewJoin, str, bool], list[Named]]
"""From a join, its dialect and `as_known` to CTEs; the last is named as the join, and holds the
columns `found_by`, `_event_timestamp` and the features: one row per key and instant matched."""


@dataclass(frozen=True, slots=True)
class Strategy:
    """A shape of join.

    Attributes:
        name: Its name, for `strategy=`; both spellings of the ASOF join have one.
        match: Writes the join.
        bounds_created: Whether it can leave out rows by their created timestamp.
    """

    name: str
    match: Matcher
    bounds_created: bool


def _asof_with_keys(join: ViewJoin, dialect: str, as_known: bool) -> list[Named]:
    # ClickHouse's ASOF join needs an equality: features without an entity get the window form.
    return (asof if join.keys else window)(join, dialect, as_known)


_ASOF = Strategy("asof", asof, bounds_created=False)
_ASOF_WITH_KEYS = Strategy("asof", _asof_with_keys, bounds_created=False)
_MATCH_CONDITION = Strategy("asof", match_condition, bounds_created=False)
_LATERAL = Strategy("lateral", lateral, bounds_created=True)
_WINDOW = Strategy("window", window, bounds_created=True)

STRATEGIES = ("asof", "lateral", "window")
"""The name of every shape, for `strategy=`."""

DIALECTS: dict[str, tuple[Strategy, ...]] = {
    "bigquery": (_WINDOW,),
    "clickhouse": (_ASOF_WITH_KEYS, _WINDOW),
    "databricks": (_WINDOW,),
    "datafusion": (_WINDOW,),
    "duckdb": (_ASOF, _WINDOW),
    "postgres": (_WINDOW, _LATERAL),
    "redshift": (_WINDOW,),
    "snowflake": (_MATCH_CONDITION, _WINDOW),
    "spark": (_WINDOW,),
    "trino": (_WINDOW,),
}
"""The shapes a dialect can run, the preferred one first."""


def choose_strategy(dialect: str, *, as_known: bool, wanted: str | None = None) -> Strategy:
    """Choose the shape of join for a dialect.

    Args:
        dialect: The warehouse's dialect.
        as_known: Whether the join must leave out rows by their created timestamp.
        wanted: The shape the caller insists on.

    Raises:
        UnsupportedDialect: The dialect is unknown, or cannot run what is wanted.

    >>> choose_strategy("duckdb", as_known=False).name
    'asof'
    >>> choose_strategy("duckdb", as_known=True).name
    'window'
    """
    ensure_known(dialect)
    able = [shape for shape in DIALECTS[dialect] if shape.bounds_created or not as_known]
    for strategy in able:
        if wanted in (None, strategy.name):
            return strategy
    raise UnsupportedDialect(
        f"The strategy '{wanted}' cannot run on {dialect}{' with as_known' if as_known else ''}.",
        remedy=f"Possible: {', '.join(strategy.name for strategy in able)}.",
    )
