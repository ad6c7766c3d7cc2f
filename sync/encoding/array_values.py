"""Writes columns of arrays: a fixed number of elements, side by side, without NULLs."""

from __future__ import annotations

from collections.abc import Container
from typing import TYPE_CHECKING, Any

from featurestore.errors import UnsupportedOnlineType
from featurestore.governance.personal_data import PERSONAL_VALUE
from featurestore.online.online_types import OnlineType, online_type
from featurestore.online.schema import Schema
from sync.encoding.arrow_values import ArrowColumn, valid_mask
from sync.encoding.byte_columns import ByteColumn, from_lengths
from sync.encoding.fixed_values import fixed_block

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["array_bytes", "refuse_null_elements"]


def array_bytes(column: ArrowColumn, element: OnlineType) -> ByteColumn:
    """Return arrays as the bytes of their elements; NULL becomes empty.

    Args:
        column: Arrays or lists, each with the same number of elements.
        element: The type of the elements.
    """
    import numpy as np

    elements = fixed_block(element.name, _elements(column), element)
    present = valid_mask(column)
    count = int(np.count_nonzero(present))
    width = elements.size // count if count else 0
    return from_lengths(np.where(present, width, 0), np.ascontiguousarray(elements))


def refuse_null_elements(
    schema: Schema, batch: pa.RecordBatch, personal: Container[str] = ()
) -> None:
    """Refuse rows with a NULL inside of an array, for which the format has no place.

    Args:
        schema: The view's schema.
        batch: The rows.
        personal: The join keys whose values the error does not show.

    Raises:
        UnsupportedOnlineType: A row has one; the error names its key and the feature.
    """
    for name, kind in schema.features:
        if online_type(kind).size is None:
            continue
        column = batch.column(name)
        if not _elements(column).null_count:
            continue
        index = next(row for row, value in enumerate(column.to_pylist()) if None in (value or ()))
        keys = {key: repr(batch.column(key)[index].as_py()) for key, _ in schema.keys}
        key = ", ".join(
            f"{name}={PERSONAL_VALUE if name in personal else value}"
            for name, value in keys.items()
        )
        raise UnsupportedOnlineType(
            f"The feature '{name}' has a NULL inside of the array of {key or 'its only row'}, and"
            f" {kind} has no place for one.",
            remedy="Replace it in the model, make the whole array NULL, or cast the column to a"
            " list, whose elements may be NULL.",
        )


def _elements(column: Any) -> ArrowColumn:
    """Return the elements of all arrays that are not NULL."""
    found: ArrowColumn = column.flatten()
    return found
