"""Measure the statement of a training set against the forms by hand, on one engine."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.engines.cpu import Ratio, in_turns, ratio
from benchmarks.engines.forms import FORMS, training_sql
from benchmarks.engines.histories import FEATURES, Size, columns_of, make
from benchmarks.engines.homes import HOMES, write_views
from featurestore import FeatureStore

__all__ = ["GOALS", "Line", "measure"]

STATEMENT, CALL = "the statement", "the whole call"
OURS = (STATEMENT, CALL)
GOALS = dict.fromkeys(FORMS, 1.25) | {"duckdb": 1.15}
"""The greatest ratio to the best by hand, by engine."""
_ENTITY_ROWS = {"row_id": "bigint", "entity_id": "bigint", "event_timestamp": "timestamp"}


@dataclass(frozen=True)
class Line:
    """What was measured.

    Attributes:
        what: The engine and the size.
        shapes: The shapes of join that the planner chose.
        best: The best form by hand.
        statement: The ratio of our statement to it.
        call: The ratio of the whole call, which also reads the project and plans.
        others: The medians of the other forms by hand, as ratios to the best.
    """

    what: str
    shapes: str
    best: str
    statement: Ratio
    call: Ratio
    others: str


def measure(engine: str, size: Size, rounds: int, files: Path) -> Line:
    """Measure all contenders of an engine in turns.

    Args:
        engine: A name of `HOMES`.
        size: The size of the data.
        rounds: The number of rounds.
        files: The folder of the data; it is made if it does not exist.
    """
    make(size, files)
    views = {f"v{view}": columns_of(view) for view in range(size.views)}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with HOMES[engine](files, {"entity_rows": _ENTITY_ROWS, **views}, folder) as home:
            write_views(folder, home, views)
            with FeatureStore(folder) as store, store.warehouse() as warehouse:
                features = [f"{view}:*" for view in views]
                job = store.get_historical_features("entity_rows", features)
                statements = {STATEMENT: job.to_sql()}
                for name, form in FORMS[engine].items():
                    statements[name] = training_sql(form, size.views)
                contenders = {
                    name: _runner(warehouse, sql, size) for name, sql in statements.items()
                }
                contenders[CALL] = lambda: _sums(
                    store.get_historical_features("entity_rows", features).to_arrow(), size
                )
                seconds = in_turns(contenders, rounds, home.servers)
                chosen = dict.fromkeys(join.strategy or "preferred" for join in job.plan.joins)
    return _line(f"{engine}, {size.name}", ", ".join(chosen), seconds)


def _runner(warehouse: Any, sql: str, size: Size) -> Callable[[], str]:
    return lambda: _sums(warehouse.stream(sql).read_all(), size)


def _sums(table: Any, size: Size) -> str:
    """Return the number of rows, and the sum of each feature."""
    import pyarrow.compute as pc

    names = (f"{name}{view}" for view in range(size.views) for name in FEATURES)
    sums = (pc.sum(table.column(name)).as_py() for name in names)
    return ":".join(map(str, [table.num_rows, *sums]))


def _line(what: str, shapes: str, seconds: dict[str, list[float]]) -> Line:
    by_hand = sorted(
        (name for name in seconds if name not in OURS), key=lambda n: _median(seconds[n])
    )
    best, *rest = by_hand
    others = "; ".join(f"{name} {ratio(seconds[name], seconds[best]).median:.1f}" for name in rest)
    statement, call = (ratio(seconds[name], seconds[best]) for name in OURS)
    return Line(what, shapes, best, statement, call, others)


def _median(found: Sequence[float]) -> float:
    return sorted(found)[len(found) // 2]
