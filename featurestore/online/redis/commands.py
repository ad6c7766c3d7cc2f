"""The Redis commands that this project uses, as types.

redis-py types each answer as "the value, or something to await", which helps neither a blocking
caller nor an asynchronous one. A blocking client gets one of these types where it is made, in
`connection`; an event loop reads with `async_reader`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Protocol, TypeAlias

__all__ = ["RedisCommands", "RedisPipeline", "Word"]

Word: TypeAlias = str | bytes | int
"""A key or an argument of a command."""


class RedisPipeline(Protocol):
    """Commands that are sent together; `execute` returns their answers in order."""

    def execute_command(self, *words: Word) -> object:
        """Queue any command."""

    def get(self, name: Word) -> object:
        """Queue the read of a value."""

    def hgetall(self, name: Word) -> object:
        """Queue the read of a hash."""

    def hget(self, name: Word, key: Word) -> object:
        """Queue the read of one field of a hash."""

    def set(self, name: Word, value: Word, *, ex: int | None = None) -> object:
        """Queue the write of a value that may expire after some seconds."""

    def memory_usage(self, key: Word) -> object:
        """Queue the question for the memory that a key takes."""

    def execute(self, *, raise_on_error: bool = True) -> list[Any]:
        """Send everything; return the answers."""


class RedisCommands(Protocol):
    """A blocking client of one server or of a cluster. Names and values are bytes."""

    def ping(self) -> object:
        """Ask the server for a sign of life."""

    def get(self, name: Word) -> bytes | None:
        """Return a value; None if the key does not exist."""

    def set(
        self, name: Word, value: Word, *, nx: bool = False, px: int | None = None
    ) -> bool | None:
        """Write a value, with `nx` only where the key does not exist; return None if it did."""

    def delete(self, *names: Word) -> int:
        """Delete keys; return their number."""

    def hget(self, name: Word, key: Word) -> bytes | None:
        """Return one field of a hash."""

    def hgetall(self, name: Word) -> dict[bytes, bytes]:
        """Return a hash; an empty one if the key does not exist."""

    def hkeys(self, name: Word) -> list[bytes]:
        """Return the names of a hash's fields."""

    def smembers(self, name: Word) -> AbstractSet[bytes]:
        """Return the members of a set."""

    def scan_iter(self, *, match: str, count: int) -> Iterator[bytes]:
        """Yield the keys that match a pattern; a key may come twice."""

    def eval(self, script: str, numkeys: int, *keys_and_args: Word) -> Any:
        """Run a Lua script; return its answer."""

    def script_load(self, script: str) -> bytes | str:
        """Let the server (each node of a cluster) keep a Lua script; return its SHA-1."""

    def info(self, section: str) -> Mapping[str, Any]:
        """Return a section of the server's state."""

    def cluster(self, subcommand: str) -> Any:
        """Ask one node about its cluster."""

    def execute_command(self, *words: Word) -> Any:
        """Run any command; return its answer."""

    def pipeline(self, *, transaction: bool = ...) -> RedisPipeline:
        """Return a pipeline; a cluster has none with transactions."""
