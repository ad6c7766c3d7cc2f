"""An online response as one Arrow IPC stream, with the types of a training set."""

from __future__ import annotations

import asyncio
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from featurestore.errors import MissingExtra

if TYPE_CHECKING:
    from featurestore.online.response import OnlineResponse

__all__ = ["ARROW_STREAM", "arrow_stream", "load_arrow"]

ARROW_STREAM = b"application/vnd.apache.arrow.stream"


async def load_arrow() -> None:
    """Import Arrow in a thread, since it takes a third of a second.

    Raises:
        MissingExtra: It is not installed.
    """
    import sys

    if "pyarrow.lib" in sys.modules:
        return
    if find_spec("pyarrow") is None:
        raise MissingExtra("pyarrow", "duckdb", purpose="An answer in Arrow")
    await asyncio.to_thread(import_module, "pyarrow")


def arrow_stream(response: OnlineResponse, *, with_statuses: bool) -> bytes:
    """Return a response as an Arrow IPC stream.

    Args:
        response: The response.
        with_statuses: Whether to add `<feature>__status`, as a dictionary column. All features have
            one then, so that the schema of a request does not depend on its data.
    """
    import pyarrow as pa

    table = response.to_arrow()
    if with_statuses:
        for name, found in response.statuses.items():
            column: Any = pa.array([str(status) for status in found], pa.string())
            table = table.append_column(f"{name}__status", column.dictionary_encode())
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    stream: bytes = sink.getvalue().to_pybytes()
    return stream
