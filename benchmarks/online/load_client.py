"""A cheap HTTP client: prepared requests over raw connections, answers cut by their length."""

from __future__ import annotations

import asyncio
import re
import time
from collections import deque
from collections.abc import Callable
from typing import Any

__all__ = ["as_fast_as_possible", "at_a_rate", "post"]

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_OK = b"HTTP/1.1 200 "


def post(path: str, body: bytes, token: str = "") -> bytes:
    """Return the bytes of a request with a JSON body."""
    head = f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
    if token:
        head += f"authorization: Bearer {token}\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


class _Connection(asyncio.Protocol):
    """One connection, which waits for one answer at a time.

    Args:
        answered: Called with the connection and the body of each answer.
    """

    def __init__(self, answered: Callable[[_Connection, bytes], None]) -> None:
        self._answered = answered
        self._data = b""
        self._transport: Any = None
        self.begun = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = transport

    def send(self, request: bytes, begun: float) -> None:
        """Send a request, and remember when its time began."""
        self.begun = begun
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Read an answer to its end."""
        self._data = data = self._data + data
        head = data.find(b"\r\n\r\n")
        length = _LENGTH.search(data, 0, head) if head > 0 else None
        if length is None or len(data) < head + 4 + int(length[1]):
            return
        assert data.startswith(_OK), data[:2000]
        self._data = b""
        self._answered(self, data[head + 4 :])

    def connection_lost(self, error: Exception | None) -> None:
        """Fail loudly in the middle of an answer."""
        assert not self._data, f"a connection ended within an answer: {error}"

    def close(self) -> None:
        """Close the connection."""
        self._transport.close()


async def _opened(
    port: int, count: int, answered: Callable[[_Connection, bytes], None]
) -> list[_Connection]:
    loop = asyncio.get_running_loop()
    return [
        (await loop.create_connection(lambda: _Connection(answered), "127.0.0.1", port))[1]
        for _ in range(count)
    ]


async def as_fast_as_possible(
    port: int, request: bytes, *, callers: int, count: int
) -> tuple[float, bytes]:
    """Send requests, each caller the next one once it has its answer.

    Args:
        port: The server's port on this machine.
        request: The request.
        callers: The number of callers, each with a connection.
        count: The number of requests.

    Returns:
        The seconds that it took, and the body of the last answer.
    """
    left, waiting, last = count, callers, b""
    done = asyncio.Event()

    def answered(connection: _Connection, body: bytes) -> None:
        nonlocal left, waiting, last
        last = body
        if left:
            left -= 1
            connection.send(request, 0.0)
        else:
            waiting -= 1
            if not waiting:
                done.set()

    connections = await _opened(port, callers, answered)
    start, left = time.perf_counter(), count - callers
    for connection in connections:
        connection.send(request, start)
    await done.wait()
    seconds = time.perf_counter() - start
    for connection in connections:
        connection.close()
    return seconds, last


async def at_a_rate(
    port: int, request: bytes, *, rate: float, seconds: float, callers: int
) -> list[float]:
    """Send requests at fixed moments, whether or not the server keeps up.

    Args:
        port: The server's port on this machine.
        request: The request.
        rate: The requests per second.
        seconds: How long.
        callers: The number of connections; a request waits for one if all are busy.

    Returns:
        The seconds from the moment of each request to its answer.
    """
    took: list[float] = []
    due: deque[float] = deque()
    free: list[_Connection] = []
    count = int(rate * seconds)
    done = asyncio.Event()

    def answered(connection: _Connection, _: bytes) -> None:
        took.append(time.perf_counter() - connection.begun)
        if due:
            connection.send(request, due.popleft())
        else:
            free.append(connection)
        if len(took) == count:
            done.set()

    free += await _opened(port, callers, answered)
    connections = [*free]
    start = time.perf_counter()
    for number in range(count):
        moment = start + number / rate
        if (wait := moment - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        if free:
            free.pop().send(request, moment)
        else:
            due.append(moment)
    await done.wait()
    for connection in connections:
        connection.close()
    return took
