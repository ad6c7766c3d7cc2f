"""Reads the newest rows of a view from the warehouse, in bounded batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from featurestore.definitions import FeatureView
from featurestore.errors import UnsupportedOnlineType
from featurestore.online.codec import Schema
from featurestore.online.keys import key_writer
from featurestore.online.wire import wire_type_name
from featurestore.sql.expressions import as_name
from featurestore.warehouse.protocol import Warehouse
from sync.context import Publication

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["BATCH_ROWS", "batches", "published"]

BATCH_ROWS = 8192
"""Rows that are encoded at once: enough to fill the arrays, few enough to stay in the caches."""


def published(view: FeatureView, latest: str, warehouse: Warehouse) -> Publication:
    """Return how a view is published: its keys and features with the types the warehouse gives.

    Args:
        view: The feature view.
        latest: The statement for its newest rows.
        warehouse: Where it is.

    Raises:
        UnsupportedOnlineType: A column's type cannot be published; all such columns are named.
    """
    found = _described(latest, warehouse)
    schema = _schema(view, found)
    columns = tuple((name, str(found.field(name).type)) for name in found.names)
    return Publication(view, _without_enums(latest, found), schema, columns)


def _described(latest: str, warehouse: Warehouse) -> pa.Schema:
    reader = warehouse.stream(f"SELECT * FROM (\n{latest}\n) AS newest LIMIT 0")
    found = reader.schema
    reader.read_all()
    return found


def _schema(view: FeatureView, found: pa.Schema) -> Schema:
    names = {name: wire_type_name(found.field(name).type) for name in found.names}
    features = [feature.name for feature in view.features]
    refused = [f"{name} ({found.field(name).type})" for name in features if names[name] is None]
    for key in view.join_keys:
        kind = names[key.name]
        try:
            key_writer(key.name, kind or "")
        except UnsupportedOnlineType:
            refused.append(f"the join key {key.name} ({found.field(key.name).type})")
    if refused:
        raise UnsupportedOnlineType(
            f"Feature view '{view.name}' ({view.path}) cannot be published: there is no online"
            f" format for {', '.join(refused)}.",
            remedy="Cast it in the model (a join key to text or an integer), leave it out with"
            " `feature: false`, or declare the view `online: false`.",
        )
    keys = tuple((key.name, names[key.name] or "") for key in view.join_keys)
    return Schema(keys, tuple((name, names[name] or "") for name in features))


def _without_enums(latest: str, found: pa.Schema) -> str:
    """Read enumerations as text: a new member is no new type."""
    import pyarrow as pa

    def cast(field: pa.Field[pa.DataType]) -> str | None:
        if pa.types.is_dictionary(field.type):
            return "VARCHAR"
        is_list = pa.types.is_list(field.type) and pa.types.is_dictionary(field.type.value_type)
        return "VARCHAR[]" if is_list else None

    casts = {field.name: wanted for field in found if (wanted := cast(field))}
    if not casts:
        return latest
    shown = ", ".join(
        f"CAST({name} AS {casts[text]}) AS {name}" if text in casts else name
        for text, name in ((text, as_name(text).sql("duckdb")) for text in found.names)
    )
    return f"SELECT {shown} FROM (\n{latest}\n) AS newest"


def batches(reader: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Cut what the warehouse sends into batches of at most `BATCH_ROWS` rows."""
    for batch in reader:
        for start in range(0, batch.num_rows, BATCH_ROWS):
            yield batch.slice(start, BATCH_ROWS)
