"""Convert Arrow data to and from the types of a warehouse.

Frames and drivers use several Arrow types for one logical type. This module maps each to one
canonical type, so that a training set has the same types on every engine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from featurestore.errors import WarehouseError
from featurestore.values.arrow_instants import floor_to_micros
from featurestore.values.atomic_file import atomic_write
from featurestore.values.types import DataType, Kind

__all__ = [
    "arrow_type",
    "canonical_table",
    "canonical_type",
    "data_type",
    "recast",
    "sql_type",
    "write_parquet",
]

_SCALARS = (
    (pa.null(), Kind.NULL, "text"),
    (pa.bool_(), Kind.BOOLEAN, "boolean"),
    (pa.int8(), Kind.INT8, "tinyint"),
    (pa.int16(), Kind.INT16, "smallint"),
    (pa.int32(), Kind.INT32, "integer"),
    (pa.int64(), Kind.INT64, "bigint"),
    (pa.float32(), Kind.FLOAT32, "real"),
    (pa.float64(), Kind.FLOAT64, "double"),
    (pa.string(), Kind.STRING, "text"),
    (pa.binary(), Kind.BYTES, "blob"),
    (pa.date32(), Kind.DATE, "date"),
    (pa.time64("us"), Kind.TIME, "time"),
    (pa.timestamp("us"), Kind.TIMESTAMP, "timestamp"),
    (pa.timestamp("us", "UTC"), Kind.TIMESTAMPTZ, "timestamptz"),
    (pa.json_(), Kind.JSON, "json"),
    (pa.uuid(), Kind.UUID, "uuid"),
)
_KINDS: dict[Any, Kind] = {arrow: kind for arrow, kind, _ in _SCALARS}
_ARROWS: dict[Kind, pa.DataType] = {
    kind: arrow for arrow, kind, _ in _SCALARS if kind not in (Kind.JSON, Kind.UUID, Kind.NULL)
}
_DIGITS_OF_128 = 38
_WORDS: dict[Any, str] = {arrow: word for arrow, _, word in _SCALARS}
# The canonical type of each variant in unit, width or storage.
_PLAIN: tuple[tuple[Callable[[pa.DataType], bool], pa.DataType], ...] = (
    (pa.types.is_large_string, pa.string()),
    (pa.types.is_string_view, pa.string()),
    (pa.types.is_large_binary, pa.binary()),
    (pa.types.is_binary_view, pa.binary()),
    (pa.types.is_fixed_size_binary, pa.binary()),
    (pa.types.is_float16, pa.float32()),
    (pa.types.is_date64, pa.date32()),
    (pa.types.is_time, pa.time64("us")),
    # Engines lack unsigned integers, and a driver may write a uint64's bits as a signed integer.
    (pa.types.is_uint8, pa.int16()),
    (pa.types.is_uint16, pa.int32()),
    (pa.types.is_uint32, pa.int64()),
    (pa.types.is_uint64, pa.decimal128(20, 0)),
)
ErrorContext = Callable[[], AbstractContextManager[None]]
"""Returns a context that translates the engine's errors while rows are fetched."""


def canonical_type(arrow: Any) -> pa.DataType:
    """Return the canonical type; instants with a zone become UTC.

    >>> print(canonical_type(pa.dictionary(pa.int8(), pa.large_string())))
    string
    >>> print(canonical_type(pa.timestamp("ns", "America/New_York")))
    timestamp[us, tz=UTC]
    """
    if pa.types.is_dictionary(arrow):
        return canonical_type(arrow.value_type)
    if pa.types.is_timestamp(arrow):
        return pa.timestamp("us", "UTC" if arrow.tz else None)
    if _is_list(arrow):
        return pa.list_(canonical_type(arrow.value_type))
    return next((found for matches, found in _PLAIN if matches(arrow)), arrow)


def _is_list(arrow: pa.DataType) -> bool:
    return bool(
        pa.types.is_list(arrow)
        or pa.types.is_large_list(arrow)
        or pa.types.is_fixed_size_list(arrow)
        or pa.types.is_list_view(arrow)
    )


def data_type(arrow: Any) -> DataType:
    """Return the logical type of an Arrow type.

    >>> str(data_type(pa.list_(pa.decimal128(10, 2))))
    'array<decimal(10,2)>'
    """
    arrow = canonical_type(arrow)
    if pa.types.is_decimal(arrow):
        return DataType(Kind.DECIMAL, arrow.precision, arrow.scale)
    if _is_list(arrow):
        return DataType(Kind.ARRAY, element=data_type(arrow.value_type))
    kind = _KINDS.get(arrow, Kind.OTHER)
    return DataType(kind, text=str(arrow) if kind is Kind.OTHER else None)


def arrow_type(data_type: DataType) -> pa.DataType:
    """Return the Arrow type of a logical type's values, the same as DuckDB's.

    >>> print(arrow_type(DataType(Kind.DECIMAL, 10, 2)), arrow_type(DataType(Kind.UUID)))
    decimal128(10, 2) string
    """
    if data_type.element is not None:
        return pa.list_(arrow_type(data_type.element))
    if data_type.kind is Kind.DECIMAL:
        if data_type.precision is None:
            # Each value has its own scale: only a float fits all.
            return pa.float64()
        wide = data_type.precision > _DIGITS_OF_128
        decimal = pa.decimal256 if wide else pa.decimal128
        return decimal(data_type.precision, data_type.scale or 0)
    return _ARROWS.get(data_type.kind, pa.string())


def sql_type(name: str, arrow: Any) -> str:
    """Return the SQL type of a new column, as DuckDB spells it; sqlglot translates that spelling.

    Args:
        name: The column's name, for the error.
        arrow: The column's canonical type.

    Raises:
        WarehouseError: A table cannot hold the type.
    """
    if pa.types.is_decimal(arrow):
        return f"decimal({arrow.precision},{arrow.scale})"
    if _is_list(arrow):
        return f"{sql_type(name, arrow.value_type)}[]"
    if arrow not in _WORDS:
        raise WarehouseError(
            f"The column '{name}' of the data frame is {arrow}, which cannot be uploaded.",
            remedy="Drop or convert the column.",
        )
    return _WORDS[arrow]


def canonical_table(table: pa.Table) -> pa.Table:
    """Return a table with canonical types."""
    schema = pa.schema([field.with_type(canonical_type(field.type)) for field in table.schema])
    columns = [
        _in_unit(column, field.type) for column, field in zip(table.columns, schema, strict=True)
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def recast(
    reader: pa.RecordBatchReader, schema: pa.Schema, guard: ErrorContext
) -> pa.RecordBatchReader:
    """Return rows with the types and names of another schema.

    Args:
        reader: The rows from a driver.
        schema: The schema of the result.
        guard: Translates the driver's errors.
    """

    def batches() -> Iterator[pa.RecordBatch]:
        rows = iter(reader)
        while True:
            with guard():
                batch = next(rows, None)
                if batch is None:
                    return
                columns = [
                    _cast(column, field)
                    for column, field in zip(batch.columns, schema, strict=True)
                ]
            yield pa.RecordBatch.from_arrays(columns, schema=schema)

    return pa.RecordBatchReader.from_batches(schema, batches())


def _cast(column: Any, field: pa.Field[Any]) -> Any:
    arrow = field.type
    if column.type == arrow:
        return column
    if column.type == pa.uuid():
        return pa.array([None if uuid is None else str(uuid) for uuid in column.to_pylist()], arrow)
    try:
        return _in_unit(column, arrow)
    except pa.ArrowInvalid as error:
        # Such as NaN, which PostgreSQL's numeric holds and no decimal elsewhere.
        raise pa.ArrowInvalid(
            f"the column '{field.name}' as {arrow}: {error}. Make the value NULL in the model, or"
            " cast the column to text or double"
        ) from None


def _in_unit(column: Any, arrow: pa.DataType) -> Any:
    """Cast a column; finer instants and times are rounded down to microseconds, also in lists."""
    if _is_list(arrow) and column.type != arrow:
        return _with_elements(column, arrow)
    if pa.types.is_timestamp(arrow) and _is_instant(column.type):
        return floor_to_micros(column).cast(arrow)
    return column.cast(arrow, safe=not pa.types.is_time(arrow))


def _with_elements(column: Any, arrow: Any) -> Any:
    """Cast the elements of lists of any layout."""
    if isinstance(column, pa.ChunkedArray):
        chunks: list[Any] = [_with_elements(chunk, arrow) for chunk in column.chunks]
        return pa.chunked_array(chunks, arrow)
    lists = column.cast(pa.list_(column.type.value_type))
    elements = _in_unit(lists.flatten(), arrow.value_type)
    ends = pc.cumulative_sum(pc.fill_null(pc.list_value_length(lists), 0))
    offsets = pa.concat_arrays([pa.array([0], pa.int32()), ends.cast(pa.int32())])
    return pa.ListArray.from_arrays(offsets, elements, type=arrow, mask=lists.is_null())


def _is_instant(arrow: Any) -> bool:
    plain = arrow.value_type if pa.types.is_dictionary(arrow) else arrow
    return bool(pa.types.is_timestamp(plain))


def write_parquet(path: Path, reader: pa.RecordBatchReader) -> int:
    """Write rows to a Parquet file atomically, and return their number."""
    rows = 0
    try:
        with (
            atomic_write(path) as part,
            parquet.ParquetWriter(part, reader.schema, compression="zstd") as writer,
        ):
            for batch in reader:
                writer.write_batch(batch)
                rows += batch.num_rows
    except OSError as error:
        raise WarehouseError(f"Cannot write {path}: {error.strerror or error}.") from error
    return rows
