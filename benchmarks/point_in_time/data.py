"""Deterministic data: histories of views and entity rows, in one DuckDB file and as Parquet."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb

from benchmarks.project import duckdb_target, view_node, write_project

FEATURES = ("a", "b", "c", "d")
TTL_DAYS = 30
_SECONDS = 86_400 * 365


@dataclass(frozen=True)
class Size:
    """The size of the data: entity rows, rows per view, views; about `fan_out` rows per key."""

    entity_rows: int
    view_rows: int
    views: int
    fan_out: int = 20

    @property
    def name(self) -> str:
        """A short name, such as 100k-1M-3."""
        return f"{_short(self.entity_rows)}-{_short(self.view_rows)}-{self.views}"

    @property
    def keys(self) -> int:
        """The number of distinct entities."""
        return max(self.view_rows // self.fan_out, 1)


def _short(count: int) -> str:
    return f"{count // 1_000_000}M" if count >= 1_000_000 else f"{count // 1000}k"


SIZES = {
    size.name: size
    for size in (
        Size(100_000, 1_000_000, 3),
        Size(50_000, 10_000_000, 1),
        Size(1_000_000, 10_000_000, 3),
        Size(100_000, 500_000, 20),
    )
}
SPILL = Size(5_000_000, 100_000_000, 1)


def make(size: Size, folder: Path, *, parquet: bool = True) -> None:
    """Write the data of one size, unless it exists; data frames read the Parquet files."""
    if (folder / "done").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(folder / "warehouse.duckdb")) as con:
        con.execute("SET threads = 2; SET TimeZone = 'UTC'")
        for view in range(size.views):
            con.execute(f"CREATE TABLE v{view} AS {_history(size, view)}")
        con.execute(f"CREATE TABLE entity_rows AS {_entities(size)}")
        for table in ("entity_rows", *(f"v{view}" for view in range(size.views))):
            if parquet:
                con.execute(f"COPY {table} TO '{folder}/{table}.parquet'")
    nodes = {f"v{view}": _node(view) for view in range(size.views)}
    write_project(folder, nodes, duckdb_target({"threads": 2}))
    (folder / "done").touch()


def _history(size: Size, view: int) -> str:
    features = ", ".join(
        f"(hash(i, {view}, {n}) % 1000000)::DOUBLE / 1000 AS {name}{view}"
        for n, name in enumerate(FEATURES)
    )
    return f"""SELECT (hash(i, {view}) % {size.keys})::BIGINT AS entity_id,
      TIMESTAMP '2024-01-01' + to_seconds((hash(i, {view}, 'ts') % {_SECONDS})::BIGINT) AS event_ts,
      {features}
    FROM range({size.view_rows}) AS t(i)"""


def _entities(size: Size) -> str:
    return f"""SELECT i AS row_id, (hash(i, 'entity') % {size.keys})::BIGINT AS entity_id,
      TIMESTAMP '2024-01-01' + to_seconds((hash(i, 'at') % {_SECONDS})::BIGINT) AS event_timestamp
    FROM range({size.entity_rows}) AS t(i)"""


def _node(view: int) -> dict[str, object]:
    types = {"entity_id": "bigint", "event_ts": "timestamp"}
    types |= {f"{name}{view}": "double" for name in FEATURES}
    meta = {
        "entities": {"entity": "entity_id"},
        "event_timestamp": "event_ts",
        "ttl": f"{TTL_DAYS} days",
    }
    return view_node(f"v{view}", types, meta)
