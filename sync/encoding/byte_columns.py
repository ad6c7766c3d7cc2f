"""Columns of bytes: Arrow arrays whose rows are pieces of the commands for a server.

They are made from buffers. When pyarrow converts Python objects, it loads pandas (if installed) to
check for its types, which takes longer than a small sync.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import accumulate
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

__all__ = [
    "ByteColumn",
    "ByteScalar",
    "bytes_and_offsets",
    "constant",
    "decimal_digits",
    "from_block",
    "from_lengths",
    "from_pieces",
    "from_ragged",
    "integers",
    "joined",
    "lengths_of",
    "rows_of",
]

ByteColumn: TypeAlias = "pa.Array[Any]"
"""An Arrow array of large binary values."""

ByteScalar: TypeAlias = "pa.Scalar[Any]"
"""One value of a `ByteColumn`."""


@cache
def constant(raw: bytes) -> ByteScalar:
    """Return bytes that are the same in every row.

    >>> constant(b"id").as_py()
    b'id'
    """
    found: ByteScalar = from_pieces([raw])[0]
    return found


def from_pieces(pieces: Sequence[bytes]) -> ByteColumn:
    """Return pieces of bytes as a column.

    >>> from_pieces([b"a", b"", b"bc"]).to_pylist()
    [b'a', b'', b'bc']
    """
    import numpy as np

    # Arrow's layout for values of varying width: one offset more than rows, then the bytes.
    ends = np.fromiter(accumulate(map(len, pieces), initial=0), np.int64, len(pieces) + 1)
    return _column(ends, b"".join(pieces))


def from_block(block: np.ndarray) -> ByteColumn:
    """Return rows of the same width as a column.

    Args:
        block: The bytes, of shape (rows, width).
    """
    import numpy as np

    count, width = block.shape
    return _column(np.arange(count + 1, dtype=np.int64) * width, np.ascontiguousarray(block))


def from_lengths(lengths: np.ndarray, data: np.ndarray) -> ByteColumn:
    """Return rows that lie side by side as a column.

    Args:
        lengths: The number of bytes of each row.
        data: The bytes of all rows.
    """
    import numpy as np

    return _column(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64), data)


def from_ragged(block: np.ndarray, widths: np.ndarray) -> ByteColumn:
    """Return rows of different widths as a column.

    Args:
        block: The bytes, of shape (rows, greatest width).
        widths: The number of bytes of each row; the rest of the row is ignored.
    """
    import numpy as np

    # The mask takes the used bytes of each row, in the order of rows: Arrow's own layout.
    return from_lengths(widths, block[np.arange(block.shape[1]) < widths[:, None]])


def _column(bounds: np.ndarray, data: Any) -> ByteColumn:
    import pyarrow as pa

    raw: Any = bounds
    buffers = [None, pa.py_buffer(raw), pa.py_buffer(data)]
    return pa.Array.from_buffers(pa.large_binary(), len(bounds) - 1, buffers)


def integers(values: Sequence[int] | np.ndarray) -> pa.Array[Any]:
    """Return integers as an Arrow array of 64 bits, without pandas."""
    import numpy as np
    import pyarrow as pa

    raw: Any = np.asarray(values, np.int64)
    return pa.Array.from_buffers(pa.int64(), len(raw), [None, pa.py_buffer(raw)])


def decimal_digits(values: Sequence[int] | np.ndarray) -> ByteColumn:
    """Return integers as decimal digits.

    >>> decimal_digits([7, 1024]).to_pylist()
    [b'7', b'1024']
    """
    import pyarrow as pa

    # Arrow writes the digits in C, and a view to binary copies nothing.
    return integers(values).cast(pa.large_string()).view(pa.large_binary())


def joined(*pieces: ByteColumn | ByteScalar) -> ByteColumn:
    """Concatenate the pieces of each row; a piece must not be NULL."""
    import pyarrow.compute as pc

    join: Any = pc.binary_join_element_wise
    # The last argument of Arrow's function is the separator between the pieces.
    found: ByteColumn = join(*pieces, constant(b""))
    return found


def lengths_of(column: ByteColumn) -> np.ndarray:
    """Return the length of each row."""
    import numpy as np

    return np.diff(_bounds(column))


def rows_of(column: ByteColumn) -> list[bytes]:
    """Return the rows of a column as Python objects."""
    rows: list[Any] = column.to_pylist()
    return rows


def bytes_and_offsets(column: ByteColumn) -> tuple[memoryview, np.ndarray]:
    """Return the bytes of all rows, and the offset of each row in them; the last one is the end."""
    bounds = _bounds(column)
    data = column.buffers()[2]
    return memoryview(data if data is not None else b""), bounds


def _bounds(column: ByteColumn) -> np.ndarray:
    import numpy as np

    raw: Any = column.buffers()[1]
    bounds: np.ndarray = np.frombuffer(raw, np.int64)[column.offset :][: len(column) + 1]
    return bounds
