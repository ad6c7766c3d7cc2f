"""Columns of bytes: Arrow arrays of which each row is a piece of what is sent to a server.

They are made from buffers: where Python objects become Arrow's, pyarrow loads pandas if it is
installed, to see whether they are of its kind, which takes longer than a small sync.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import accumulate
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

__all__ = [
    "constant",
    "from_block",
    "from_pieces",
    "from_ragged",
    "integers",
    "joined",
    "lengths_of",
    "numbers",
    "rows_of",
    "whole",
]


@cache
def constant(raw: bytes) -> pa.Scalar[Any]:
    """Return bytes that every row has.

    >>> constant(b"id").as_py()
    b'id'
    """
    found: pa.Scalar[Any] = from_pieces([raw])[0]
    return found


def from_pieces(pieces: Sequence[bytes]) -> pa.Array[Any]:
    """Return bytes as a column.

    >>> from_pieces([b"a", b"", b"bc"]).to_pylist()
    [b'a', b'', b'bc']
    """
    import numpy as np

    ends = np.fromiter(accumulate(map(len, pieces), initial=0), np.int64, len(pieces) + 1)
    return _column(ends, b"".join(pieces))


def from_block(block: np.ndarray) -> pa.Array[Any]:
    """Return rows of one width.

    Args:
        block: The bytes, of shape (rows, width).
    """
    import numpy as np

    count, width = block.shape
    return _column(np.arange(count + 1, dtype=np.int64) * width, np.ascontiguousarray(block))


def from_ragged(block: np.ndarray, widths: np.ndarray) -> pa.Array[Any]:
    """Return rows of which only the first bytes count.

    Args:
        block: The bytes, of shape (rows, greatest width).
        widths: How many bytes of each row count.
    """
    import numpy as np

    ends = np.concatenate([[0], np.cumsum(widths)]).astype(np.int64)
    return _column(ends, block[np.arange(block.shape[1]) < widths[:, None]])


def _column(bounds: np.ndarray, data: Any) -> pa.Array[Any]:
    import pyarrow as pa

    raw: Any = bounds
    buffers = [None, pa.py_buffer(raw), pa.py_buffer(data)]
    return pa.Array.from_buffers(pa.large_binary(), len(bounds) - 1, buffers)


def integers(values: Sequence[int] | np.ndarray) -> pa.Array[Any]:
    """Return integers of 64 bits."""
    import numpy as np
    import pyarrow as pa

    raw: Any = np.asarray(values, np.int64)
    return pa.Array.from_buffers(pa.int64(), len(raw), [None, pa.py_buffer(raw)])


def numbers(values: Sequence[int] | np.ndarray) -> pa.Array[Any]:
    """Return integers as decimal digits.

    >>> numbers([7, 1024]).to_pylist()
    [b'7', b'1024']
    """
    import pyarrow as pa

    return integers(values).cast(pa.large_string()).view(pa.large_binary())


def joined(*pieces: pa.Array[Any] | pa.Scalar[Any]) -> pa.Array[Any]:
    """Return the pieces of each row one behind the other; none of them is NULL."""
    import pyarrow.compute as pc

    join: Any = pc.binary_join_element_wise
    found: pa.Array[Any] = join(*pieces, constant(b""))
    return found


def lengths_of(column: pa.Array[Any]) -> np.ndarray:
    """Return the length of each row."""
    import numpy as np

    return np.diff(_bounds(column))


def rows_of(column: pa.Array[Any]) -> list[bytes]:
    """Return the rows of a column, one by one."""
    rows: list[Any] = column.to_pylist()
    return rows


def whole(column: pa.Array[Any]) -> tuple[memoryview, np.ndarray]:
    """Return the bytes of all rows, and where each begins in them; the end comes last."""
    bounds = _bounds(column)
    data = column.buffers()[2]
    return memoryview(data if data is not None else b""), bounds


def _bounds(column: pa.Array[Any]) -> np.ndarray:
    import numpy as np

    raw: Any = column.buffers()[1]
    bounds: np.ndarray = np.frombuffer(raw, np.int64)[column.offset :][: len(column) + 1]
    return bounds
