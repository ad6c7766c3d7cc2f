"""Values on their way to and from ClickHouse."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from featurestore.errors import WarehouseError
from featurestore.warehouse.arrow import canonical_type, sql_type

__all__ = ["as_texts", "check_storable", "in_utf8", "result_type"]


def result_type(arrow: Any) -> pa.DataType:
    """Return the type of a result's column, the same as DuckDB's for the same values."""
    if pa.types.is_list(arrow):
        return pa.list_(result_type(arrow.value_type))
    if arrow in (pa.json_(), pa.uuid()):
        return pa.string()
    return arrow if pa.types.is_unsigned_integer(arrow) else canonical_type(arrow)


def in_utf8(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return a batch; bytes that ClickHouse keeps in a String are not text."""
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        try:
            column.validate(full=True)
        except pa.ArrowInvalid:
            raise WarehouseError(
                f"The column '{name}' holds bytes that are not text in UTF-8.",
                remedy="Write them as text in the model, for example with hex().",
            ) from None
    return batch


def check_storable(name: str, column: Any) -> None:
    """Refuse a column of a data frame whose values ClickHouse would change."""
    sql_type(name, column.type)
    reason = None
    if pa.types.is_binary(column.type):
        reason = "is binary, which ClickHouse returns as text"
    elif pa.types.is_list(column.type) and column.null_count:
        reason = "has a list that is NULL, which ClickHouse would store as an empty list"
    if reason:
        raise WarehouseError(
            f"The column '{name}' of the data frame {reason}.", remedy="Drop or convert the column."
        )


def as_texts(table: pa.Table) -> pa.Table:
    """Return a table with UUIDs and JSON as text, which ClickHouse parses."""
    for place, field in enumerate(table.schema):
        if field.type in (pa.json_(), pa.uuid()):
            texts = [None if v is None else str(v) for v in table[field.name].to_pylist()]
            table = table.set_column(place, field.name, pa.array(texts, pa.string()))
    return table
