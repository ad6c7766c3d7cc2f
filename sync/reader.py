"""Reads the newest rows of a view from the warehouse, in bounded batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from featurestore.definitions import FeatureView
from featurestore.errors import UnsupportedOnlineType
from featurestore.online.codec import Schema
from featurestore.online.keys import key_writer
from featurestore.online.wire import wire_type_name
from featurestore.warehouse.protocol import Warehouse

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["BATCH_ROWS", "batches", "published_schema"]

BATCH_ROWS = 8192
"""Rows that are encoded at once: enough to fill the arrays, few enough to stay in the caches."""


def published_schema(view: FeatureView, latest: str, warehouse: Warehouse) -> Schema:
    """Return how a view is published: its keys and features with the types the warehouse gives.

    Args:
        view: The feature view.
        latest: The statement for its newest rows.
        warehouse: Where it is.

    Raises:
        UnsupportedOnlineType: A column's type cannot be published; all such columns are named.
    """
    reader = warehouse.stream(f"SELECT * FROM (\n{latest}\n) AS newest LIMIT 0")
    found = reader.schema
    reader.read_all()
    names = {name: wire_type_name(found.field(name).type) for name in found.names}
    features = [feature.name for feature in view.features]
    refused = [f"{name} ({found.field(name).type})" for name in features if names[name] is None]
    if refused:
        raise UnsupportedOnlineType(
            f"Feature view '{view.name}' ({view.path}) cannot be published: there is no online"
            f" format for {', '.join(refused)}.",
            remedy="Cast it in the model, leave it out with `feature: false`, or declare"
            " `online: false`.",
        )
    keys = tuple(
        (key.name, names[key.name] or str(found.field(key.name).type)) for key in view.join_keys
    )
    for name, kind in keys:
        key_writer(name, kind)
    return Schema(keys, tuple((name, names[name] or "") for name in features))


def batches(reader: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Cut what the warehouse sends into batches of at most `BATCH_ROWS` rows."""
    for batch in reader:
        for start in range(0, batch.num_rows, BATCH_ROWS):
            yield batch.slice(start, BATCH_ROWS)
