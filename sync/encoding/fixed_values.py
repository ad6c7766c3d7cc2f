"""Writes columns of fixed-width values, and the bitmap that marks the values that are not NULL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from featurestore.errors import UnsupportedOnlineType
from featurestore.online.online_types import OnlineType
from sync.encoding.arrow_values import ArrowColumn, raw_values, valid_mask

if TYPE_CHECKING:
    import numpy as np

__all__ = ["check_range", "fixed_block", "null_bitmap"]

_DAY = 86_400_000_000


def null_bitmap(columns: Sequence[ArrowColumn], count: int) -> np.ndarray:
    """Return one bit per value of each row, set if the value is not NULL; shape (rows, bytes)."""
    import numpy as np

    present = np.ones((count, len(columns)), np.bool_)
    for index, column in enumerate(columns):
        if column.null_count:
            present[:, index] = valid_mask(column)
    return np.packbits(present, axis=1, bitorder="little")


def fixed_block(name: str, column: ArrowColumn, kind: OnlineType) -> np.ndarray:
    """Return the bytes of fixed-width values, of shape (rows, width); NULL becomes zeros.

    Args:
        name: The feature.
        column: Its values.
        kind: Its type.

    Raises:
        UnsupportedOnlineType: A date or time is outside of the range of Python's types.
    """
    import pyarrow as pa

    check_range(f"feature '{name}'", column, kind)
    if kind.name == "bool":
        # Arrow stores a boolean in one bit, the format in one byte.
        column = column.cast(pa.uint8())
    block = raw_values(column)
    # Arrow leaves the bytes behind a NULL undefined; equal rows should have equal bytes.
    return block * valid_mask(column)[:, None] if column.null_count else block


def check_range(name: str, column: ArrowColumn, kind: OnlineType) -> None:
    """Refuse dates and times that Python cannot represent: infinities, the year 10000, 24:00.

    Args:
        name: The column as messages name it: `feature 'seats'`, `join key 'id'`.
        column: Its values.
        kind: Its type; for lists, their elements are checked.

    Raises:
        UnsupportedOnlineType: A date or time is outside of the range of Python's types.
    """
    if kind.element is not None:
        lists: Any = column
        check_range(name, lists.flatten(), kind.element)
        return
    if kind.convert is None or kind.code in ("16s", "") or not len(column):
        return
    import pyarrow as pa
    import pyarrow.compute as pc

    numbers = column.cast(pa.int32() if kind.name == "date" else pa.int64())
    # Only the extremes can be out of range, so one pass over the column is enough.
    extremes: Any = pc.min_max(numbers).as_py()
    for ticks in (extremes["min"], extremes["max"]):
        if ticks is not None and not _readable(kind, ticks):
            raise UnsupportedOnlineType(
                f"The {name} has a {kind.name} outside of the range that readers support"
                f" (years 1 to 9999, times before 24:00): {ticks}.",
                remedy="Make it NULL in the model, or cast the column to text.",
            )


def _readable(kind: OnlineType, ticks: int) -> bool:
    if kind.name == "time":
        return 0 <= ticks < _DAY
    try:
        return kind.convert is not None and kind.convert(ticks) is not None
    except (OverflowError, ValueError):
        return False
