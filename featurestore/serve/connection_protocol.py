"""uvicorn's HTTP protocol, patient with half-closed clients and impatient with slow ones."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

__all__ = ["ConnectionProtocol", "protocol_class"]


class ConnectionProtocol(HttpToolsProtocol):
    """One connection.

    uvicorn waits without limit for the head of a first request, and drops a client that closes its
    own half of the connection before it reads the answer.
    """

    head_seconds = 5.0
    """The time for the head of a request to arrive."""

    _head_timer: asyncio.TimerHandle | None = None
    _in_head = True
    """Whether the head of a request is outstanding: the first one is from the start."""

    def connection_made(self, transport: Any) -> None:
        """Start to wait for the first request."""
        super().connection_made(transport)
        self._start_timer()

    def data_received(self, data: bytes) -> None:
        """Read what has arrived; wait for the rest of a head that came in parts."""
        super().data_received(data)
        # After the parser: most heads come whole, and need no timer.
        if self._in_head and self._head_timer is None:
            self._start_timer()

    def on_message_begin(self) -> None:
        """Note that a head has begun."""
        self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Stop to wait: the application limits the time of the body."""
        self._in_head = False
        self._stop_timer()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timer."""
        self._stop_timer()
        super().connection_lost(exc)

    def eof_received(self) -> bool | None:  # type: ignore[override]
        """Keep the connection open for the answer to a request that has arrived as a whole."""
        cycle = self.cycle
        # TLS has no half-closed connections.
        if cycle is None or cycle.response_complete or cycle.more_body or self.scheme == "https":
            return None
        cycle.keep_alive = False
        return True

    def _start_timer(self) -> None:
        self._head_timer = self.loop.call_later(self.head_seconds, self._close_idle)

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _close_idle(self) -> None:
        self._head_timer = None
        if not self.transport.is_closing():
            self.transport.close()


def protocol_class(seconds: float) -> type[ConnectionProtocol]:
    """Return the protocol with a time-out of its own."""
    return type("ConnectionProtocol", (ConnectionProtocol,), {"head_seconds": seconds})
