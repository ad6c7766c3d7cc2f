"""How a dialect finds the newest row at an instant: one file for each join shape.

sqlglot passes an ASOF join to any dialect unchanged, even if the engine has none. So a shape is
written only for the dialects whose record lists it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from featurestore.errors import UnsupportedDialect
from featurestore.sql.dialects import dialect_record
from featurestore.sql.dialects.record import JoinShape
from featurestore.sql.expressions import Named
from featurestore.sql.plan import ViewJoin
from featurestore.sql.strategies.asof import asof
from featurestore.sql.strategies.interval import interval
from featurestore.sql.strategies.lateral import lateral
from featurestore.sql.strategies.match_condition import match_condition
from featurestore.sql.strategies.union import union
from featurestore.sql.strategies.union_of_structs import union_of_structs
from featurestore.sql.strategies.window import window

__all__ = ["STRATEGIES", "STRATEGY_NAMES", "Strategy", "choose_strategy", "strategies_of"]

Matcher = Callable[[ViewJoin, str, bool], list[Named]]
"""A function of a join, its dialect and `as_known` that returns CTEs.

The last CTE has the join's own name. It has the columns `found_by`, `_event_timestamp` and the
features, and one row for each key and instant with a match.
"""


@dataclass(frozen=True, slots=True)
class Strategy:
    """The emitter of a join shape.

    Attributes:
        name: The name for `strategy=`. The three kinds of ASOF join share one,
            and so do the two kinds of union.
        match: Writes the join.
        bounds_created: Whether it can leave out rows by their created timestamp.
    """

    name: str
    match: Matcher
    bounds_created: bool


def _asof_with_keys(join: ViewJoin, dialect: str, as_known: bool) -> list[Named]:
    """Write the ASOF form if there is a key; for features without an entity the union."""
    return (asof if join.keys else union)(join, dialect, as_known)


STRATEGIES = {
    JoinShape.ASOF: Strategy("asof", asof, bounds_created=False),
    JoinShape.KEYED_ASOF: Strategy("asof", _asof_with_keys, bounds_created=False),
    JoinShape.MATCH_CONDITION: Strategy("asof", match_condition, bounds_created=False),
    JoinShape.LATERAL: Strategy("lateral", lateral, bounds_created=True),
    JoinShape.UNION: Strategy("union", union, bounds_created=True),
    JoinShape.UNION_OF_STRUCTS: Strategy("union", union_of_structs, bounds_created=True),
    JoinShape.INTERVAL: Strategy("interval", interval, bounds_created=True),
    JoinShape.WINDOW: Strategy("window", window, bounds_created=True),
}
"""The emitter of every join shape that a dialect's record may list."""

STRATEGY_NAMES = tuple(dict.fromkeys(strategy.name for strategy in STRATEGIES.values()))
"""The names for `strategy=`."""


def strategies_of(dialect: str) -> tuple[Strategy, ...]:
    """Return the strategies that a dialect can run, the preferred one first.

    Raises:
        UnsupportedDialect: The dialect is unknown.

    >>> [strategy.name for strategy in strategies_of("postgres")]
    ['union', 'interval', 'window', 'lateral']
    """
    return tuple(STRATEGIES[shape] for shape in dialect_record(dialect).shapes)


def choose_strategy(dialect: str, *, as_known: bool, wanted: str | None = None) -> Strategy:
    """Return the strategy for a dialect.

    Args:
        dialect: The warehouse's dialect.
        as_known: Whether the join must leave out rows by their created timestamp.
        wanted: The name of the only acceptable strategy; None for the preferred one.

    Raises:
        UnsupportedDialect: The dialect is unknown, or it lacks the wanted strategy.

    >>> choose_strategy("duckdb", as_known=False).name
    'asof'
    >>> choose_strategy("duckdb", as_known=True).name
    'union'
    """
    able = [
        strategy for strategy in strategies_of(dialect) if strategy.bounds_created or not as_known
    ]
    for strategy in able:
        if wanted in (None, strategy.name):
            return strategy
    raise UnsupportedDialect(
        _refusal(dialect, wanted or ""),
        remedy=f"Possible on {dialect}: {', '.join(strategy.name for strategy in able)}.",
    )


def _refusal(dialect: str, wanted: str) -> str:
    if wanted not in STRATEGY_NAMES:
        return f"Unknown strategy '{wanted}'."
    for shape, missing in dialect_record(dialect).missing_shapes.items():
        if STRATEGIES[shape].name == wanted:
            return f"The strategy '{wanted}' is not available on {dialect} ({missing})."
    # The dialect has the shape, so only `as_known` can have ruled it out.
    return (
        f"The strategy '{wanted}' cannot run with as_known on {dialect}: an ASOF join compares one"
        " timestamp only."
    )
