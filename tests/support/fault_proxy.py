"""A proxy in the event loop of a test that does to a connection what networks and servers do."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import hiredis

_REFUSE = "return redis.error_reply(ARGV[1])"
_NOTHING = object()


@dataclass
class FaultProxy:
    """A port that forwards to a server.

    Attributes:
        target: The server's port.
        chance: Decides where answers are cut in pieces; None forwards them as they come.
        refusals: Errors that the server gives to the next MGETs, each in place of an answer.
        before: Bytes that the proxy puts between two answers of the server, or before the first.
        after: Bytes that the proxy puts behind the server's next answer.
        held: Whether answers are kept back until they are let go.
        opened: The number of connections so far.
        port: The port to connect to.
    """

    target: int
    chance: random.Random | None = None
    refusals: list[str] = field(default_factory=list)
    before: list[bytes] = field(default_factory=list)
    after: list[bytes] = field(default_factory=list)
    held: bool = False
    opened: int = 0
    port: int = 0
    _released: asyncio.Event = field(default_factory=asyncio.Event)
    _writers: list[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = field(default_factory=list)

    @property
    def url(self) -> str:
        """The URL of the server behind the proxy."""
        return f"redis://127.0.0.1:{self.port}/0"

    def kill(self) -> None:
        """Reset all connections."""
        for pair in self._writers:
            for writer in pair:
                writer.transport.abort()
        self._writers.clear()

    def release(self) -> None:
        """Let go of the answers that are held."""
        self.held = False
        self._released.set()

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        self.opened += 1
        back, there = await asyncio.open_connection("127.0.0.1", self.target)
        pair = writer, there
        self._writers.append(pair)
        try:
            await asyncio.gather(self._commands(reader, there), self._answers(back, writer))
        except OSError:
            pass
        finally:
            for each in pair:
                each.transport.abort()

    async def _commands(self, reader: asyncio.StreamReader, there: asyncio.StreamWriter) -> None:
        commands = hiredis.Reader()
        while data := await reader.read(65_536):
            commands.feed(data)
            while command := commands.gets():
                if self.refusals and command[0] == b"MGET":
                    command = ("EVAL", _REFUSE, 0, self.refusals.pop(0))
                there.write(hiredis.pack_command(tuple(command)))
        there.transport.abort()

    async def _answers(self, back: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, nothing = hiredis.Reader(notEnoughData=_NOTHING), True
        while data := await back.read(65_536):
            if self.held:
                await self._released.wait()
            answers.feed(data)
            while answers.gets() is not _NOTHING:
                pass
            if nothing:
                data = b"".join([*self.before, data])
                self.before.clear()
            nothing = not answers.has_data()
            if nothing:
                data = b"".join([data, *self.after])
                self.after.clear()
            for piece in self._pieces(data):
                writer.write(piece)
                if self.chance is not None:
                    await asyncio.sleep(0)
        writer.transport.abort()

    def _pieces(self, data: bytes) -> list[bytes]:
        if self.chance is None:
            return [data]
        cuts = sorted(self.chance.randrange(len(data) + 1) for _ in range(3))
        return [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]


@asynccontextmanager
async def faults_in_front_of(
    target: int, chance: random.Random | None = None
) -> AsyncIterator[FaultProxy]:
    """Run a proxy in front of a server for the length of a block; see `FaultProxy`."""
    proxy = FaultProxy(target, chance)
    tasks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.ensure_future(proxy.handle(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        proxy.release()
        proxy.kill()
        for task in tasks:
            task.cancel()
        with contextlib.suppress(OSError):
            await asyncio.gather(*tasks, return_exceptions=True)
