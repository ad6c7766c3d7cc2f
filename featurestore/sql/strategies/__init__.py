"""How a dialect finds the newest row at an instant: one file per shape, one table to choose.

sqlglot passes an ASOF join to any dialect unchanged, whether or not the engine knows it, so a shape
is only ever used where the table says that the dialect can run it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from featurestore.errors import UnsupportedDialect, did_you_mean
from featurestore.sql.expressions import Named
from featurestore.sql.plan import ViewJoin
from featurestore.sql.strategies.asof import asof
from featurestore.sql.strategies.window import window

__all__ = ["DIALECTS", "STRATEGIES", "Strategy", "choose_strategy"]

Matcher = Callable[[ViewJoin, str, bool], list[Named]]
"""From a join, its dialect and `as_known` to CTEs; the last is named as the join, and holds the
keys, `_instant`, `_event_timestamp` and the features: one row per key and instant that matched."""


@dataclass(frozen=True, slots=True)
class Strategy:
    """A shape of join.

    Attributes:
        name: Its name, for `strategy=`.
        match: Writes the join.
        bounds_created: Whether it can leave out rows by their created timestamp.
    """

    name: str
    match: Matcher
    bounds_created: bool


STRATEGIES = {
    "asof": Strategy("asof", asof, bounds_created=False),
    "window": Strategy("window", window, bounds_created=True),
}
"""Every shape by name."""

DIALECTS: dict[str, tuple[str, ...]] = {"duckdb": ("asof", "window")}
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
    if dialect not in DIALECTS:
        raise UnsupportedDialect(
            f"No point-in-time join is known for the dialect '{dialect}'.",
            remedy=did_you_mean(dialect, DIALECTS) or f"Supported: {', '.join(sorted(DIALECTS))}.",
        )
    able = [
        STRATEGIES[name]
        for name in DIALECTS[dialect]
        if not as_known or STRATEGIES[name].bounds_created
    ]
    for strategy in able:
        if wanted in (None, strategy.name):
            return strategy
    raise UnsupportedDialect(
        f"The strategy '{wanted}' cannot run on {dialect}{' with as_known' if as_known else ''}.",
        remedy=f"Possible: {', '.join(strategy.name for strategy in able)}.",
    )
