"""Feast's Redis online store on the same data; runs in a separate environment.

python -m venv .venv-feast && .venv-feast/bin/pip install -r benchmarks/requirements-feast.txt
python -m benchmarks.online.run --feast .venv-feast/bin/python
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
import warnings
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import redis
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig
from feast.types import Bool, Float64, Int64, String, UnixTimestamp
from feast.value_type import ValueType

from benchmarks.memory import peak_mb

FEATURES = {
    **{f"i{n}": Int64 for n in range(3)},
    **{f"d{n}": Float64 for n in range(3)},
    "t0": String,
    "t1": String,
    "at": UnixTimestamp,
    "flag": Bool,
}
START, END = datetime(2023, 1, 1, tzinfo=UTC), datetime(2024, 2, 1, tzinfo=UTC)
SAMPLE = 100
VIEWS = 3
_WARM = 20


def view(folder: Path, number: int, entity: Entity) -> FeatureView:
    """Declare one view over its Parquet file."""
    return FeatureView(
        name=f"v{number}",
        entities=[entity],
        ttl=timedelta(0),
        schema=[
            Field(name="id", dtype=Int64),
            *(Field(name=n, dtype=t) for n, t in FEATURES.items()),
        ],
        source=FileSource(path=str(folder / f"v{number}.parquet"), timestamp_field="seen_at"),
    )


def open_store(folder: Path, url: str, views: int, *, anew: bool) -> FeatureStore:
    """Return a store with its views applied."""
    repository = folder / "feast"
    repository.mkdir(exist_ok=True)
    registry = repository / "registry.db"
    if anew:
        registry.unlink(missing_ok=True)
    address = urlsplit(url)
    store = FeatureStore(
        config=RepoConfig(
            project="bench",
            provider="local",
            registry=str(registry),
            offline_store={"type": "duckdb"},
            online_store={
                "type": "redis",
                "connection_string": f"{address.hostname}:{address.port}",
            },
            entity_key_serialization_version=3,
        )
    )
    if anew:
        entity = Entity(name="id", join_keys=["id"], value_type=ValueType.INT64)
        store.apply([entity, *(view(folder, number, entity) for number in range(views))])
    return store


def sync(folder: Path, url: str) -> dict[str, float]:
    """Publish one view, and print the rows that were written."""
    store = open_store(folder, url, 1, anew=True)
    # Warm-up: this period has no rows, so the call only loads the libraries.
    store.materialize(START, START + timedelta(seconds=1))
    start = time.perf_counter()
    store.materialize(START, END)
    seconds = time.perf_counter() - start
    peak = peak_mb()
    rows = [{"id": entity} for entity in range(SAMPLE)]
    found = store.get_online_features(["v0:i0"], rows).to_dict()
    written = redis.Redis.from_url(url).dbsize()
    return {"seconds": seconds, "peak_mb": peak, "rows": written, "sum": sum(found["i0"])}


def fill(folder: Path, url: str) -> dict[str, float]:
    """Publish all views for reading."""
    open_store(folder, url, VIEWS, anew=True).materialize(START, END)
    return {}


async def read(what: str, entities: int, calls: int, folder: Path, url: str) -> dict[str, float]:
    """Read the same entities repeatedly."""
    store = open_store(folder, url, VIEWS, anew=False)
    features = [f"v{number}:{name}" for number in range(VIEWS) for name in FEATURES]
    rows = [{"id": entity} for entity in range(entities)]
    seconds, found = [], None
    for number in range(_WARM + calls):
        start = time.perf_counter()
        if what == "read":
            found = store.get_online_features(features, rows, full_feature_names=True)
        else:
            found = await store.get_online_features_async(features, rows, full_feature_names=True)
        values: dict[str, Any] = found.to_dict()
        if number >= _WARM:
            seconds.append(time.perf_counter() - start)
    total = sum(sum(values[f"v{number}__i0"]) for number in range(VIEWS))
    return {"seconds": statistics.median(seconds), "sum": total}


def serve(folder: Path, url: str, port: int) -> None:
    """Run Feast's own server with one worker, which never starts another one in its place."""
    store = open_store(folder, url, VIEWS, anew=False)
    store.serve("127.0.0.1", port, no_access_log=False, workers=1, max_requests=0)


def main() -> None:
    """Run one task, and print its measurements as JSON."""
    warnings.filterwarnings("ignore")
    what = sys.argv[1]
    if what == "serve":
        serve(Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
        return
    if what in ("sync", "fill"):
        done = {"sync": sync, "fill": fill}[what](Path(sys.argv[2]), sys.argv[3])
    else:
        entities, calls, folder, url = sys.argv[2:6]
        done = asyncio.run(read(what, int(entities), int(calls), Path(folder), url))
    print(f"\n{json.dumps(done)}")


if __name__ == "__main__":
    main()
