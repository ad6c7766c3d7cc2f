"""Arrow scalars made from bytes.

Where Python objects become Arrow's, pyarrow loads pandas if it is installed, to see whether they
are of its kind: longer than a small sync takes.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["no_bytes", "text"]


@cache
def text(value: str) -> pa.Scalar[Any]:
    """Return a text as a scalar.

    >>> text("id").as_py()
    'id'
    """
    import pyarrow as pa

    raw = value.encode()
    offsets = (0).to_bytes(4, "little") + len(raw).to_bytes(4, "little")
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(raw)]
    return pa.Array.from_buffers(pa.string(), 1, buffers)[0]


@cache
def no_bytes() -> pa.Scalar[Any]:
    """Return a value of no bytes as a scalar.

    >>> no_bytes().as_py()
    b''
    """
    import pyarrow as pa

    buffers = [None, pa.py_buffer(bytes(16)), pa.py_buffer(b"")]
    return pa.Array.from_buffers(pa.large_binary(), 1, buffers)[0]
