"""One connection that many callers of an event loop share; answers find their caller by place.

A server answers the commands of a connection in order. So the connection keeps a queue of those who
wait, and each answer goes to the first of them. A caller who was cancelled or timed out keeps its
place: its answer is dropped there. The queue and the answers must never be out of step, because a
caller would then get the values of other entities. Anything that could shift them (an exception
between two steps, an answer of another length) closes the connection instead.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

from redis.exceptions import ConnectionError as NoConnection
from redis.exceptions import InvalidResponse
from redis.exceptions import TimeoutError as TimedOut

from featurestore.online.redis.out_of_step import out_of_step

__all__ = ["HASH", "PONG", "SharedConnection"]

HASH, PONG = 0, -1
"""The shapes of answers other than an array of values: a hash, and anything."""
_MISSING = object()
_TURN_SECONDS = 0.01
_CLOSE_SECONDS = 5.0
_SHIFTED = "The connection was out of step with its answers"
_INTERRUPTED = "The connection was interrupted between a command and its answer"
_SILENT = "The server was silent for too long"
_ENDED = "Connection closed by server."


class _Asked(NamedTuple):
    """A command: its bytes, the caller, the shape of the answer, and when the caller gives up."""

    command: bytes
    answer: asyncio.Future[Any]
    shape: int
    deadline: float


class SharedConnection(asyncio.Protocol):
    """The protocol of an open connection: sends commands, and hands each answer to its caller.

    Args:
        writer: The stream of an open connection, all of whose answers are read. It is kept, because
            it would close the connection as soon as it is deleted.
        timeout: The seconds that a caller waits for an answer.
        address: The server, for messages.
        error_of: Returns the exception for the text of an error of the server.
        on_end: Called once, when no new commands may be sent.

    Attributes:
        load: The number of keys that callers wait for.
        heard: When the server last sent something, in seconds of the loop's clock.
        is_open: Whether new commands may be sent.
    """

    def __init__(
        self,
        writer: asyncio.StreamWriter,
        timeout: float,
        address: str,
        error_of: Callable[[str], Exception],
        on_end: Callable[[SharedConnection], None],
    ) -> None:
        from hiredis import PushNotification, Reader

        self._loop = loop = asyncio.get_running_loop()
        self._timeout = timeout
        self.address = address
        self._on_end = on_end
        self._push: type = PushNotification
        self._reader = Reader(
            protocolError=InvalidResponse, replyError=error_of, notEnoughData=_MISSING
        )
        self._unsent: list[_Asked] = []
        self._waiting: deque[_Asked] = deque()
        # When the next flush and the next look at the time-outs happen at the latest. They are
        # instants and not flags: a flag would stay set if an interrupt ended the function that
        # clears it, and nothing would be sent any more.
        self._flush_due = self._timer_due = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._paused = False
        self._gone = loop.create_future()
        self.load = 0
        self.heard = loop.time()
        self.is_open = True
        self._writer = writer
        self._transport: asyncio.WriteTransport = writer.transport
        self._transport.set_protocol(self)

    @property
    def has_ended(self) -> bool:
        """Whether the connection is closed, and all callers have been told."""
        return self._gone.done()

    def ask(self, command: bytes, shape: int) -> asyncio.Future[Any]:
        """Send a command, with all others of this turn of the loop; return its answer's future.

        Args:
            command: The packed command.
            shape: The number of values in the answer; or `HASH` or `PONG`.

        Raises:
            redis.exceptions.ConnectionError: The connection has ended.
        """
        if not self.is_open:
            raise NoConnection(_ENDED)
        now = self._loop.time()
        asked = _Asked(command, self._loop.create_future(), shape, now + self._timeout)
        self.load += shape
        # A single step places the command, so an interrupt leaves all of it here, or nothing.
        self._unsent.append(asked)
        if now > self._flush_due:
            self._flush_due = now + _TURN_SECONDS
            self._loop.call_soon(self._flush)
        if now >= self._timer_due:
            self._set_timer(asked.deadline)
        return asked.answer

    def _flush(self) -> None:
        """Send the commands of this turn of the loop in one write."""
        try:
            self._flush_due = 0.0
            if self._paused or self._gone.done():
                return
            batch = [asked for asked in self._unsent if not asked.answer.done()]
            self.load -= sum(asked.shape for asked in self._unsent if asked.answer.done())
            # Before the write: an answer must find its caller in the queue. At every step a caller
            # is in one of both lists, so `abort` reaches all of them.
            self._waiting.extend(batch)
            self._unsent = []
            # A transport that is closing tells their callers in a moment, in `connection_lost`.
            if batch and not self._transport.is_closing():
                self._transport.write(b"".join([asked.command for asked in batch]))
        except BaseException:
            self.abort(_INTERRUPTED)
            raise

    def data_received(self, data: bytes) -> None:
        """Hand out all answers that are complete."""
        try:
            if not self._gone.done():
                self.heard = self._loop.time()
                self._reader.feed(data)
                self._hand_out()
        except (NoConnection, InvalidResponse) as error:
            self.abort(str(error))
        except BaseException:
            self.abort(_INTERRUPTED)
            raise

    def _hand_out(self) -> None:
        gets, push = self._reader.gets, self._push
        while (answer := gets()) is not _MISSING:
            # A message that the server sends by itself answers nobody.
            if type(answer) is not push:
                self._settle(answer)
        if not self.is_open and not self._waiting and not self._unsent:
            self.close()

    def _settle(self, answer: Any) -> None:
        """Give an answer to the first caller in the queue."""
        if not self._waiting:
            raise NoConnection(_SHIFTED)
        _, caller, shape, _ = self._waiting[0]
        is_error = isinstance(answer, Exception)
        fits = is_error or _fits(answer, shape)
        # Who was cancelled or timed out is done already.
        if not caller.done():
            if fits and not is_error:
                caller.set_result(answer)
            else:
                caller.set_exception(answer if is_error else out_of_step())
        self._waiting.popleft()
        self.load -= shape
        if not fits:
            raise NoConnection(_SHIFTED)

    def _give_up(self) -> None:
        """Fail the callers whose time is over, and take no new ones on this silent connection."""
        now = self._loop.time()
        # With the callers who have gone: their answers are late too, which may be the only sign of
        # a silent server.
        left = [*self._waiting, *self._unsent]
        late = [asked for asked in left if asked.deadline <= now]
        for asked in late:
            if not asked.answer.done():
                asked.answer.set_exception(TimedOut(f"Timeout reading from {self.address}"))
        if late:
            self.retire()
        if len(left) > len(late):
            self._set_timer(left[len(late)].deadline)
        elif not self.is_open:
            self.abort(_SILENT)

    def _set_timer(self, instant: float) -> None:
        self._timer_due = instant
        self._timer = self._loop.call_at(instant, self._give_up)

    def retire(self) -> None:
        """Send no new commands; close after the last answer."""
        if self.is_open:
            self.is_open = False
            self._on_end(self)
        if not self._waiting and not self._unsent:
            self.close()
        elif (now := self._loop.time()) >= self._timer_due:
            # Only callers who have gone are left, whose answers may never come.
            self._set_timer(now + self._timeout)

    async def drained(self) -> None:
        """Wait for the last answer, or until the last caller gives up, and for the end."""
        self.retire()
        await asyncio.shield(self._gone)

    def close(self) -> None:
        """Close the connection, at once if the server does not take the last bytes."""
        self._transport.close()
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(_CLOSE_SECONDS, self._transport.abort)

    def abort(self, reason: str) -> None:
        """Close the connection at once; every caller gets an error."""
        self._transport.abort()
        self._end(reason)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell every caller that the connection has ended."""
        self._end(_ENDED if exc is None else f"Connection lost: {exc}")

    def _end(self, reason: str) -> None:
        if self.is_open:
            self.is_open = False
            self._on_end(self)
        for asked in (*self._waiting, *self._unsent):
            if not asked.answer.done():
                # An exception each: a shared one would collect the traceback of every caller.
                asked.answer.set_exception(NoConnection(reason))
        self._waiting.clear()
        self._unsent.clear()
        self.load = 0
        # Last: should an interrupt end this function early, the timer still fails the callers.
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._gone.done():
            self._gone.set_result(None)

    def pause_writing(self) -> None:
        """Keep commands back while the server does not take them."""
        self._paused = True

    def resume_writing(self) -> None:
        """Send what was kept back."""
        self._paused = False
        self._flush()


def _fits(answer: Any, shape: int) -> bool:
    """Return whether an answer can be that of the command that asked for this shape."""
    if shape > 0:
        return type(answer) is list and len(answer) == shape
    return shape == PONG or isinstance(answer, dict | list)
