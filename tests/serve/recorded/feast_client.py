"""Read a thousand rows with Feast's own client; run by `record_feast.py` in Feast's environment."""

from __future__ import annotations

import json
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

FEAST_TYPES = {
    "amount": "Float64",
    "visits": "Int64",
    "label": "String",
    "is_new": "Bool",
    "seen_at": "UnixTimestamp",
    "scores": "Array",
}


def main(url: str, folder: str) -> None:
    """Define the project for Feast, read it, and write what came by HTTP and what Feast returns."""
    import requests
    from feast import Entity, FeatureService, FeatureStore, FeatureView, Field, FileSource, types
    from feast.value_type import ValueType

    root = Path(folder)
    exchanges: list[dict[str, Any]] = []
    plain = requests.Session.send

    def recorded(self: Any, request: Any, **options: Any) -> Any:
        answer = plain(self, request, **options)
        exchanges.append(
            {
                "content_type": request.headers.get("content-type"),
                "request": json.loads(request.body),
                "response": answer.json(),
            }
        )
        return answer

    requests.Session.send = recorded
    settings = {
        "project": "shop",
        "provider": "local",
        "registry": str(root / "registry.db"),
        "online_store": {"type": "remote", "path": url},
        "entity_key_serialization_version": 3,
    }
    (root / "feature_store.yaml").write_text(json.dumps(settings), encoding="utf-8")
    thing = Entity(name="thing", join_keys=["id"], value_type=ValueType.INT64)
    of_type = {name: getattr(types, kind) for name, kind in FEAST_TYPES.items()}
    of_type["scores"] = types.Array(types.Float64)
    view = FeatureView(
        name="things",
        entities=[thing],
        ttl=timedelta(hours=17),
        schema=[Field(name=name, dtype=kind) for name, kind in of_type.items()],
        source=FileSource(path=str(root / "none.parquet"), timestamp_field="observed_at"),
    )
    store = FeatureStore(repo_path=folder)
    store.apply([thing, view, FeatureService(name="all_things", features=[view])])
    rows = [{"id": number} for number in range(1_000)]
    features = [f"things:{name}" for name in FEAST_TYPES]
    by_name = store.get_online_features(features=features, entity_rows=rows)
    by_service = store.get_online_features(
        features=store.get_feature_service("all_things"), entity_rows=rows[:20]
    )
    direct = read_rows(store, view)
    (root / "feast.json").write_text(
        json.dumps(
            {
                "values": by_name.to_dict(),
                "by_service": by_service.to_dict(),
                "direct": direct,
                "exchanges": exchanges,
            },
            default=str,
        ),
        encoding="utf-8",
    )


def read_rows(store: Any, view: Any) -> list[Any]:
    """Read with the remote online store's own `online_read`, as other parts of Feast do."""
    from feast.protos.feast.types.EntityKey_pb2 import EntityKey
    from feast.protos.feast.types.Value_pb2 import Value
    from feast.type_map import feast_value_type_to_python_type

    keys = [
        EntityKey(join_keys=["id"], entity_values=[Value(int64_val=number)])
        for number in range(1_000)
    ]
    online = store._get_provider().online_store  # noqa: SLF001, Feast has no public way
    rows = online.online_read(store.config, view, keys, [*FEAST_TYPES])
    return [
        {name: feast_value_type_to_python_type(value) for name, value in row.items()}
        for _, row in rows
    ]


if __name__ == "__main__":
    main(*sys.argv[1:])
