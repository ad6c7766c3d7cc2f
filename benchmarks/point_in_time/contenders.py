"""The contenders: each turns one folder of data into rows in memory, in its own process.

Each is a function from the folder and the size to an Arrow table with `row_id` and every feature.
Run one with: python -m benchmarks.point_in_time.contenders NAME SIZE FOLDER
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.memory import peak_mb
from benchmarks.point_in_time.data import FEATURES, SIZES, SPILL, TTL_DAYS, Size

Contender = Callable[[Path, Size], Callable[[], Any]]


def ours(folder: Path, size: Size) -> Callable[[], Any]:
    """This project, as a user calls it."""
    # Load the libraries before the clock starts, as for the other contenders.
    import duckdb  # noqa: F401
    import jinja2  # noqa: F401
    import pyarrow as pa  # noqa: F401
    import sqlglot.dialects.duckdb  # noqa: F401
    import yaml  # noqa: F401

    import featurestore.training.training_job
    import featurestore.warehouse.duckdb  # noqa: F401
    from featurestore import FeatureStore

    features = [f"v{view}:*" for view in range(size.views)]

    def run() -> Any:
        with FeatureStore(folder) as store:
            return store.get_historical_features("entity_rows", features).to_arrow()

    return run


def _columns(view: int, table: str) -> str:
    return ", ".join(f"{table}.{name}{view}" for name in FEATURES)


def _null_if_old(view: int) -> str:
    fresh = f"m{view}.event_ts >= s.event_timestamp - INTERVAL {TTL_DAYS} DAY"
    return ", ".join(f"CASE WHEN {fresh} THEN m{view}.{n}{view} END AS {n}{view}" for n in FEATURES)


def _asof_chain(size: Size, history: Callable[[int], str]) -> str:
    joins = "\n".join(
        f"ASOF LEFT JOIN {history(view)} AS m{view}"
        f" ON s.entity_id = m{view}.entity_id AND s.event_timestamp >= m{view}.event_ts"
        for view in range(size.views)
    )
    outputs = ", ".join(_null_if_old(view) for view in range(size.views))
    return f"SELECT s.row_id, {outputs} FROM entity_rows AS s {joins}"


def _window(size: Size, *, ties: bool = False) -> str:
    ctes, joins = [], []
    for view in range(size.views):
        newest = ", ".join(["f.event_ts DESC", *(f"f.{n}{view} DESC" for n in FEATURES if ties)])
        ctes.append(
            f"m{view} AS (SELECT s.row_id, {_columns(view, 'f')} FROM entity_rows AS s"
            f" JOIN v{view} AS f ON s.entity_id = f.entity_id AND f.event_ts <= s.event_timestamp"
            f" AND f.event_ts >= s.event_timestamp - INTERVAL {TTL_DAYS} DAY"
            f" QUALIFY row_number() OVER (PARTITION BY s.row_id ORDER BY {newest}) = 1)"
        )
        joins.append(f"LEFT JOIN m{view} USING (row_id)")
    outputs = ", ".join(_columns(view, f"m{view}") for view in range(size.views))
    return (
        f"WITH {', '.join(ctes)} SELECT s.row_id, {outputs} FROM entity_rows AS s {' '.join(joins)}"
    )


def _sql(write: Callable[[Size], str]) -> Contender:
    def prepare(folder: Path, size: Size) -> Callable[[], Any]:
        import duckdb

        def run() -> Any:
            with duckdb.connect(
                str(folder / "warehouse.duckdb"), read_only=True, config={"threads": 2}
            ) as con:
                return con.sql(write(size)).to_arrow_table()

        return run

    return prepare


def polars_join_asof(folder: Path, size: Size) -> Callable[[], Any]:
    """polars: one join_asof per view, on frames sorted by time."""
    import polars as pl

    def run() -> Any:
        rows = pl.read_parquet(folder / "entity_rows.parquet").sort("event_timestamp")
        for view in range(size.views):
            history = pl.read_parquet(folder / f"v{view}.parquet").sort("event_ts")
            rows = rows.join_asof(
                history,
                left_on="event_timestamp",
                right_on="event_ts",
                by="entity_id",
                tolerance=f"{TTL_DAYS}d",
                check_sortedness=False,
            )
            rows = rows.drop("event_ts", strict=False)
        return rows.to_arrow()

    return run


def pandas_merge_asof(folder: Path, size: Size) -> Callable[[], Any]:
    """pandas: one merge_asof per view, on frames sorted by time."""
    import pandas as pd
    import pyarrow as pa

    def run() -> Any:
        rows = pd.read_parquet(folder / "entity_rows.parquet").sort_values("event_timestamp")
        for view in range(size.views):
            history = pd.read_parquet(folder / f"v{view}.parquet").sort_values("event_ts")
            rows = pd.merge_asof(
                rows,
                history,
                left_on="event_timestamp",
                right_on="event_ts",
                by="entity_id",
                tolerance=pd.Timedelta(days=TTL_DAYS),
            ).drop(columns="event_ts")
        return pa.Table.from_pandas(rows, preserve_index=False)

    return run


CONTENDERS: dict[str, Contender] = {
    "featurestore": ours,
    "SQL: ASOF chain": _sql(lambda size: _asof_chain(size, lambda view: f"v{view}")),
    "SQL: ASOF on narrowed history": _sql(
        lambda size: _asof_chain(
            size,
            lambda v: f"(FROM v{v} WHERE entity_id IN (SELECT entity_id FROM entity_rows))",
        )
    ),
    "SQL: row_number window": _sql(_window),
    "SQL: window, ties decided": _sql(lambda size: _window(size, ties=True)),
    "polars join_asof": polars_join_asof,
    "pandas merge_asof": pandas_merge_asof,
}


def checksum(table: Any, size: Size) -> str:
    """Return the number of rows and of values, which must be the same for all contenders.

    It counts values instead of adding them up, because contenders decide ties differently.
    """
    import pyarrow.compute as pc

    counts = [
        pc.count(table.column(f"{name}{view}"), mode="only_valid").as_py()
        - pc.sum(pc.is_nan(table.column(f"{name}{view}").cast("double"))).as_py()
        for view in range(size.views)
        for name in FEATURES[:1]
    ]
    return f"{table.num_rows}:{':'.join(map(str, counts))}"


def main() -> None:
    """Run one contender, and print its seconds, peak memory and checksum as JSON."""
    name, size_name, folder = sys.argv[1:4]
    size = SIZES.get(size_name, SPILL)
    # The first Arrow table loads pyarrow; that time belongs to no contender.
    import pyarrow as pa  # noqa: F401

    run = CONTENDERS[name](Path(folder), size)
    start = time.perf_counter()
    table = run()
    seconds = time.perf_counter() - start
    peak = peak_mb()
    print(json.dumps({"seconds": seconds, "peak_mb": peak, "checksum": checksum(table, size)}))


if __name__ == "__main__":
    main()
