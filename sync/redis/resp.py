"""Commands in the server's own protocol, many rows to one, without a client's help.

No row becomes a Python object: the arguments of all rows are written at once, as columns of bytes,
and a command is cut out of them.

https://redis.io/docs/latest/develop/reference/protocol-spec/
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Any

from sync.encoding.byte_columns import (
    constant,
    integers,
    joined,
    lengths_of,
    numbers,
    rows_of,
    whole,
)

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["RowBatch", "Written", "argument", "arguments", "command", "parts"]

_ROWS_PER_COMMAND = 256


@dataclass(frozen=True, slots=True)
class RowBatch:
    """Rows for one script.

    Attributes:
        script: Its name.
        keys: The rows' keys, a column of bytes.
        columns: What the script takes of each row, likewise.
        expiry: What it takes for all of them.
    """

    script: str
    keys: pa.Array[Any]
    columns: tuple[pa.Array[Any], ...] = ()
    expiry: bytes = b""

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.keys)

    @classmethod
    def joined(cls, parts: Sequence[RowBatch]) -> RowBatch:
        """Return rows of several, for the same script and with the same expiry, as one."""
        import pyarrow as pa

        keys, *columns = map(pa.concat_arrays, zip(*(part.all for part in parts), strict=True))
        return replace(parts[0], keys=keys, columns=tuple(columns))

    def continues(self, other: RowBatch) -> bool:
        """Whether rows may be joined with others."""
        return (self.script, self.expiry) == (other.script, other.expiry)

    @property
    def all(self) -> tuple[pa.Array[Any], ...]:
        """All that there is of each row, the key first."""
        return self.keys, *self.columns

    @property
    def size(self) -> int:
        """How many bytes they are, about."""
        return sum(column.nbytes for column in self.all)

    def cut(self, start: int, end: int) -> RowBatch:
        """Return some of the rows that lie side by side."""
        keys, *columns = (column.slice(start, end - start) for column in self.all)
        return replace(self, keys=keys, columns=tuple(columns))

    def picked(self, numbers: Sequence[int]) -> RowBatch:
        """Return some of the rows by their numbers."""
        indices = integers(numbers)
        keys, *columns = (column.take(indices) for column in self.all)
        return replace(self, keys=keys, columns=tuple(columns))

    def arguments(self, guard: tuple[bytes, bytes]) -> list[bytes]:
        """Return what follows the script in the command: the number of keys, keys, arguments.

        Args:
            guard: The key of the guard, and what it is compared with.
        """
        key, own = guard
        keys, *columns = (rows_of(column) for column in self.all)
        count = b"%d" % (len(self) + 1)
        return [count, key, *keys, own, self.expiry, *chain.from_iterable(columns)]


def parts(start: int, end: int) -> Iterator[tuple[int, int]]:
    """Cut rows into such as one command takes: a script holds a few thousand values at most.

    >>> [*parts(10, 300)]
    [(10, 266), (266, 300)]
    """
    for first in range(start, end, _ROWS_PER_COMMAND):
        yield first, min(first + _ROWS_PER_COMMAND, end)


class Written:
    """Rows as they stand in the commands that run their script.

    Args:
        rows: The rows.
    """

    def __init__(self, rows: RowBatch) -> None:
        self.rows = rows
        self._columns = [whole(joined(*arguments(column))) for column in rows.all]

    def packed(self, sha: bytes, guard: tuple[bytes, bytes], start: int, end: int) -> bytes:
        r"""Write one EVALSHA for some of the rows.

        >>> from sync.encoding.byte_columns import from_pieces
        >>> rows = RowBatch("unlink", from_pieces([b"j", b"k"]))
        >>> Written(rows).packed(b"5ha", (b"lock", b"me"), 1, 2)[33:]
        b'$4\r\nlock\r\n$1\r\nk\r\n$2\r\nme\r\n$0\r\n\r\n'
        """
        key, own = guard
        keys, *columns = (data[bounds[start] : bounds[end]] for data, bounds in self._columns)
        count = len(self._columns) * (end - start)
        words = (b"EVALSHA", sha, b"%d" % (end - start + 1), key)
        head = b"*%d\r\n" % (len(words) + 2 + count) + b"".join(map(argument, words))
        return b"".join([head, keys, argument(own), argument(self.rows.expiry), *columns])


def argument(raw: bytes) -> bytes:
    r"""Return one argument as it stands in a command.

    >>> argument(b"GET")
    b'$3\r\nGET\r\n'
    """
    return b"$%d\r\n%b\r\n" % (len(raw), raw)


def command(*words: bytes) -> bytes:
    r"""Write one command.

    >>> command(b"GET", b"k")
    b'*2\r\n$3\r\nGET\r\n$1\r\nk\r\n'
    """
    return b"*%d\r\n" % len(words) + b"".join(map(argument, words))


def arguments(column: pa.Array[Any]) -> tuple[Any, ...]:
    """Return the pieces that make each row of a column one argument, to be joined."""
    end = constant(b"\r\n")
    return constant(b"$"), numbers(lengths_of(column)), end, column, end
