"""The source of a sync: a view's columns in the warehouse, and its rows in bounded batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from featurestore.errors import UnsupportedOnlineType
from featurestore.online.key_values import key_writer
from featurestore.online.online_types import online_type_name
from featurestore.online.schema import Schema
from featurestore.registry.definitions import FeatureView
from featurestore.registry.unpublishable import refuse_unpublishable
from featurestore.sql.latest_rows import latest_columns
from featurestore.values.types import Kind
from featurestore.warehouse.protocol import Warehouse
from sync.batch_sizes import BATCH_ROWS
from sync.warehouse.publication import Publication, exit_columns, select_list

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["batches", "read_publication"]

_END_TYPE = "timestamp[us]"


def read_publication(view: FeatureView, now: datetime, warehouse: Warehouse) -> Publication:
    """Return a view as it is published, with the column types that the warehouse reports.

    Args:
        view: The feature view, with all types known.
        now: The moment whose newest rows are published.
        warehouse: The warehouse.

    Raises:
        UnsupportedOnlineType: Some columns have types that cannot be published; all are named.
    """
    found = _described(view, warehouse)
    kinds = {name: str(found.field(name).type) for name in found.names}
    # The end is computed, so it is described as what it becomes.
    columns = tuple((name, kinds.get(name, _END_TYPE)) for name in latest_columns(view))
    return Publication(view, now, _schema(view, found), columns, warehouse.dialect)


def _described(view: FeatureView, warehouse: Warehouse) -> pa.Schema:
    names = (*(column.name for column in view.columns), *view.feature_names)
    dialect = warehouse.dialect
    columns = select_list(exit_columns(view, names, dialect, lists=False), dialect)
    reader = warehouse.stream(f"SELECT {columns} FROM {view.relation} LIMIT 0")
    found = reader.schema
    # An unread reader blocks DuckDB's connection.
    reader.read_all()
    return found


def _schema(view: FeatureView, found: pa.Schema) -> Schema:
    names = {name: online_type_name(found.field(name).type) for name in found.names}
    features = [feature.name for feature in view.features]
    refused = {name: str(found.field(name).type) for name in features if names[name] is None}
    for key in view.join_keys:
        # It arrives as text, but readers must know that `7D5E...` and `7d5e...` are one key.
        if key.data_type is not None and key.data_type.kind is Kind.UUID:
            names[key.name] = "uuid"
        try:
            key_writer(key.name, names[key.name] or "")
        except UnsupportedOnlineType:
            refused[f"the join key {key.name}"] = str(found.field(key.name).type)
    refuse_unpublishable(view, refused)
    keys = tuple((key.name, names[key.name] or "") for key in view.join_keys)
    return Schema(keys, tuple((name, names[name] or "") for name in features))


def batches(reader: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Cut the warehouse's batches into batches of at most `BATCH_ROWS` rows."""
    for batch in reader:
        for start in range(0, batch.num_rows, BATCH_ROWS):
            # A slice shares the memory of the warehouse's batch: nothing is copied.
            yield batch.slice(start, BATCH_ROWS)
