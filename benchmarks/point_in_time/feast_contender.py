"""Feast's DuckDB offline store on the same data; runs in a separate environment.

python -m venv .venv-feast && .venv-feast/bin/pip install -r benchmarks/requirements-feast.txt
python -m benchmarks.point_in_time.run --feast .venv-feast/bin/python
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pyarrow.compute as pc
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig
from feast.types import Float64, Int64
from feast.value_type import ValueType

from benchmarks.memory import peak_mb

FEATURES = ("a", "b", "c", "d")
TTL = timedelta(days=30)


def feature_view(folder: Path, number: int, entity: Entity) -> FeatureView:
    """Declare one view over its Parquet file."""
    features = [Field(name=f"{name}{number}", dtype=Float64) for name in FEATURES]
    return FeatureView(
        name=f"v{number}",
        entities=[entity],
        ttl=TTL,
        schema=[Field(name="entity_id", dtype=Int64), *features],
        source=FileSource(path=str(folder / f"v{number}.parquet"), timestamp_field="event_ts"),
    )


def prepare(folder: Path, views: int) -> FeatureStore:
    """Return a new store with all views applied."""
    repository = folder / "feast"
    repository.mkdir(exist_ok=True)
    for path in repository.iterdir():
        path.unlink()
    store = FeatureStore(
        config=RepoConfig(
            project="bench",
            provider="local",
            registry=str(repository / "registry.db"),
            offline_store={"type": "duckdb"},
            online_store={"type": "sqlite", "path": str(repository / "online.db")},
            entity_key_serialization_version=3,
        )
    )
    entity = Entity(name="entity_id", join_keys=["entity_id"], value_type=ValueType.INT64)
    store.apply([entity, *(feature_view(folder, number, entity) for number in range(views))])
    return store


def main() -> None:
    """Run once, and print seconds, peak memory and checksum as JSON."""
    warnings.filterwarnings("ignore")
    folder, views = Path(sys.argv[1]), int(sys.argv[2])
    store = prepare(folder, views)
    rows = pd.read_parquet(folder / "entity_rows.parquet")
    rows["event_timestamp"] = rows["event_timestamp"].dt.tz_localize("UTC")
    features = [f"v{number}:{name}{number}" for number in range(views) for name in FEATURES]
    start = time.perf_counter()
    table = store.get_historical_features(entity_df=rows, features=features).to_arrow()
    seconds = time.perf_counter() - start
    counts = [pc.count(table.column(f"a{n}"), mode="only_valid").as_py() for n in range(views)]
    peak = peak_mb()
    checksum = f"{table.num_rows}:{':'.join(map(str, counts))}"
    print(json.dumps({"seconds": seconds, "peak_mb": peak, "checksum": checksum}))


if __name__ == "__main__":
    main()
