"""The raw values of Arrow columns, read from their buffers.

pyarrow's own conversion to numpy would load pandas, which takes longer than a small sync.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from featurestore.online.row_format import NO_CREATED, NO_END
from featurestore.values.arrow_instants import floor_to_micros

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

__all__ = ["ArrowColumn", "end_micros", "micros", "raw_values", "valid_mask", "without_dictionary"]

ArrowColumn: TypeAlias = "pa.Array[Any]"
"""An Arrow array of any type."""
_DAY = 86_400_000_000
_INFINITY = 2**63 - 1
"""DuckDB's number for an instant at infinity; for a date it is the greatest of 32 bits."""


def micros(column: ArrowColumn) -> np.ndarray:
    """Return instants as microseconds since 1970, UTC; NULL becomes `NO_CREATED`."""
    import numpy as np
    import pyarrow as pa

    if pa.types.is_date32(column.type):
        stamps = _midnights(raw_values(column).view(np.int32).reshape(-1))
    else:
        stamps = raw_values(floor_to_micros(column)).view(np.int64).reshape(-1)
    return np.where(valid_mask(column), stamps, NO_CREATED) if column.null_count else stamps


def _midnights(days: np.ndarray) -> np.ndarray:
    """Return days since 1970 as microseconds; Arrow's own cast refuses the infinities."""
    import numpy as np

    last = np.iinfo(np.int32).max
    stamps = days.astype(np.int64) * _DAY
    return np.select([days == last, days == -last], [_INFINITY, -_INFINITY], stamps)


def end_micros(column: ArrowColumn) -> np.ndarray:
    """Return ends of validity as microseconds since 1970, UTC; NULL becomes `NO_END`."""
    import numpy as np

    # DuckDB's infinity already is this number.
    return np.where(valid_mask(column), micros(column), NO_END)


def without_dictionary(column: ArrowColumn) -> ArrowColumn:
    """Return the values of a dictionary-encoded column; other columns are returned as they are."""
    import pyarrow as pa

    coded: Any = column
    return coded.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def raw_values(column: ArrowColumn) -> np.ndarray:
    """Return the bytes of fixed-width values, of shape (rows, width)."""
    width = column.type.bit_width // 8
    start = column.offset * width
    return _bytes_of(column.buffers()[1])[start : start + len(column) * width].reshape(-1, width)


def valid_mask(column: ArrowColumn) -> np.ndarray:
    """Return a mask of the values that are not NULL."""
    import numpy as np

    bitmap = column.buffers()[0]
    if bitmap is None:
        return np.ones(len(column), np.bool_)
    bits = np.unpackbits(_bytes_of(bitmap), bitorder="little")
    return bits[column.offset : column.offset + len(column)].view(np.bool_)


def _bytes_of(buffer: Any) -> np.ndarray:
    import numpy as np

    return np.empty(0, np.uint8) if buffer is None else np.frombuffer(buffer, np.uint8)
