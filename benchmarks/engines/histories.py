"""Deterministic data for all engines: Parquet files without ties, of exact numbers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb

__all__ = ["FEATURES", "RECENT", "SIZES", "TTL_DAYS", "TYPES", "Size", "columns_of", "make"]

FEATURES = ("a", "b", "c", "d")
TTL_DAYS = 30
TYPES = {"entity_id": "bigint", "event_ts": "timestamp"}
_YEAR = 86_400 * 365
_WEEK = 86_400 * 7


@dataclass(frozen=True)
class Size:
    """The size of the data.

    Attributes:
        entity_rows: The entity rows.
        view_rows: The rows of each view.
        views: The views.
        recent: Whether the history is in the order of time, and all entity rows are of its last
            week.
    """

    entity_rows: int
    view_rows: int
    views: int = 1
    recent: bool = False

    @property
    def name(self) -> str:
        """A short name, such as 100k-1M-3."""
        words = f"{_short(self.entity_rows)}-{_short(self.view_rows)}-{self.views}"
        return f"{words}, recent" if self.recent else words

    @property
    def keys(self) -> int:
        """The number of distinct entities."""
        return max(self.view_rows // 20, 1)


def _short(count: int) -> str:
    return f"{count / 1_000_000:g}M" if count >= 1_000_000 else f"{count / 1000:g}k"


SIZES = (
    Size(100_000, 1_000_000, 3),
    Size(50_000, 10_000_000),
    Size(1_000_000, 10_000_000, 3),
    Size(100_000, 500_000, 20),
)
RECENT = Size(100_000, 10_000_000, recent=True)


def columns_of(view: int) -> dict[str, str]:
    """Return the columns of a view and their types."""
    return {**TYPES, **{f"{name}{view}": "double" for name in FEATURES}}


def make(size: Size, folder: Path) -> None:
    """Write one file for each table, unless they exist."""
    if (folder / "done").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(config={"threads": 2}) as con:
        con.execute(f"COPY ({_entities(size)}) TO '{folder}/entity_rows.parquet'")
        for view in range(size.views):
            con.execute(f"COPY ({_history(size, view)}) TO '{folder}/v{view}.parquet'")
    (folder / "done").touch()


def _history(size: Size, view: int) -> str:
    # Eighths add up exactly in any order. The microseconds differ, so no rows tie.
    features = ", ".join(
        f"(hash(i, {view}, {n}) % 1000000)::DOUBLE / 8 AS {name}{view}"
        for n, name in enumerate(FEATURES)
    )
    second = f"i * {_YEAR} // {size.view_rows}" if size.recent else f"hash(i, {view}) % {_YEAR}"
    return f"""SELECT (hash(i, {view}, 'key') % {size.keys})::BIGINT AS entity_id,
      TIMESTAMP '2024-01-01' + to_microseconds(({second})::BIGINT * 1000000 + i % 1000000)
        AS event_ts,
      {features}
    FROM range({size.view_rows}) AS t(i)"""


def _entities(size: Size) -> str:
    length, first = (_WEEK, _YEAR - _WEEK) if size.recent else (_YEAR, 0)
    return f"""SELECT i AS row_id, (hash(i, 'entity') % {size.keys})::BIGINT AS entity_id,
      TIMESTAMP '2024-01-01' + to_seconds(({first} + hash(i, 'at') % {length})::BIGINT)
        AS event_timestamp
    FROM range({size.entity_rows}) AS t(i)"""
