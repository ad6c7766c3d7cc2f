"""Deterministic data: the history of each view in one DuckDB file, and as Parquet for Feast.

An entity's rows do not depend on the number of entities, so that runs of any size are comparable.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import duckdb

from benchmarks.project import duckdb_target, view_node, write_project

HISTORY = 5
NOW = datetime(2024, 2, 1, tzinfo=UTC)
TTL_DAYS = 90
SAMPLE = 100
"""The number of entities, from the first on, to read back and compare between contenders."""

_NUMBER = "(hash(e, j, {view}, {n}) % 1000000)::BIGINT"
FEATURES = {
    **{f"i{n}": ("bigint", _NUMBER) for n in range(3)},
    **{f"d{n}": ("double", f"{_NUMBER} / 1000.0") for n in range(3)},
    "t0": ("varchar", f"'carrier ' || {_NUMBER} % 50"),
    "t1": ("varchar", f"'tail number ' || {_NUMBER}"),
    "at": ("timestamp", f"TIMESTAMP '2023-06-01' + to_seconds({_NUMBER} * 20)"),
    "flag": ("boolean", f"{_NUMBER} % 2 = 0"),
}


def make(folder: Path, entities: int, views: int = 1, *, ttl: bool = False) -> None:
    """Write a project and its warehouse, unless they exist."""
    if (folder / "done").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(folder / "warehouse.duckdb")) as con:
        con.execute("SET threads = 2; SET TimeZone = 'UTC'")
        for view in range(views):
            con.execute(f"CREATE TABLE v{view} AS {_rows(view, entities, 0, HISTORY)}")
            con.execute(f"COPY v{view} TO '{folder}/v{view}.parquet'")
    nodes = {f"v{view}": _node(view, ttl=ttl) for view in range(views)}
    write_project(folder, nodes, duckdb_target({"threads": 2, "memory_limit": "200MB"}))
    (folder / "done").touch()


def change(folder: Path, entities: int) -> int:
    """Give one entity in a hundred a newer row, other ones on each call; return their number."""
    with duckdb.connect(str(folder / "warehouse.duckdb")) as con:
        con.execute("SET TimeZone = 'UTC'")
        hours = con.sql("SELECT max(date_diff('hour', TIMESTAMP '2024-01-01', seen_at)) FROM v0")
        next_hour = hours.fetchall()[0][0] + 1
        # Leave out the first entities: they are read back, and their values must stay.
        few = f"id >= {SAMPLE} AND id % 100 = {next_hour % 100}"
        newer = f"SELECT * FROM ({_rows(0, entities, next_hour, next_hour + 1)}) WHERE {few}"
        con.execute(f"INSERT INTO v0 {newer}")
        return int(con.sql(f"SELECT count(*) FROM ({newer})").fetchall()[0][0])


def newest(folder: Path) -> datetime:
    """Return the instant of the newest event."""
    with duckdb.connect(str(folder / "warehouse.duckdb"), read_only=True) as con:
        instant: datetime = con.sql("SELECT max(seen_at) FROM v0").fetchall()[0][0]
    return instant.replace(tzinfo=UTC)


def _rows(view: int, entities: int, first: int, end: int) -> str:
    features = ", ".join(
        f"{text.format(view=view, n=n)} AS {name}"
        for n, (name, (_, text)) in enumerate(FEATURES.items())
    )
    return f"""SELECT e::BIGINT AS id,
      TIMESTAMP '2024-01-01' + to_hours(j::BIGINT) + to_seconds((e % 3600)::BIGINT) AS seen_at,
      {features}
    FROM range({first}, {end}) AS h(j), range({entities}) AS t(e)"""


def _node(view: int, *, ttl: bool) -> dict[str, object]:
    types = {"id": "bigint", "seen_at": "timestamp"}
    types |= {name: kind for name, (kind, _) in FEATURES.items()}
    meta = {"entities": {"entity": "id"}, "event_timestamp": "seen_at"}
    if ttl:
        meta["ttl"] = f"{TTL_DAYS} days"
    return view_node(f"v{view}", types, meta)
