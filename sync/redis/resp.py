"""Commands in RESP, the server's own protocol, with many rows to a command.

redis-py would make a Python object of each argument. Here the arguments of all rows are written at
once, as columns of bytes, and a command is a slice of each column.

https://redis.io/docs/latest/develop/reference/protocol-spec/
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import TypeAlias

from sync.batch_sizes import ROWS_PER_COMMAND
from sync.encoding.byte_columns import (
    ByteColumn,
    ByteScalar,
    bytes_and_offsets,
    constant,
    decimal_digits,
    integers,
    joined,
    lengths_of,
    rows_of,
)

__all__ = [
    "Guard",
    "PackedRows",
    "RowBatch",
    "argument",
    "argument_pieces",
    "command",
    "command_ranges",
]

Guard: TypeAlias = tuple[bytes, bytes]
"""The key of a guard, and the token that it is compared with; see `scripts.WriteGuard`."""


@dataclass(frozen=True, slots=True)
class RowBatch:
    """Rows for one script.

    Attributes:
        script: The script's name.
        keys: The key of each row, as a column of bytes.
        columns: The script's other values for each row, as columns of bytes.
        expiry: The expiry shift, for all rows; see `expiry_shift`.
    """

    script: str
    keys: ByteColumn
    columns: tuple[ByteColumn, ...] = ()
    expiry: bytes = b""

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.keys)

    @classmethod
    def joined(cls, batches: Sequence[RowBatch]) -> RowBatch:
        """Concatenate batches for the same script and with the same expiry."""
        import pyarrow as pa

        columns = zip(*(batch.all for batch in batches), strict=True)
        keys, *others = map(pa.concat_arrays, columns)
        return replace(batches[0], keys=keys, columns=tuple(others))

    def continues(self, other: RowBatch) -> bool:
        """Return whether the rows may be joined with those of another batch."""
        return (self.script, self.expiry) == (other.script, other.expiry)

    @property
    def all(self) -> tuple[ByteColumn, ...]:
        """All columns, the keys first."""
        return self.keys, *self.columns

    @property
    def size(self) -> int:
        """The approximate size in bytes."""
        return sum(column.nbytes for column in self.all)

    def slice(self, start: int, end: int) -> RowBatch:
        """Return the rows from `start` up to `end`, without copying them."""
        keys, *columns = (column.slice(start, end - start) for column in self.all)
        return replace(self, keys=keys, columns=tuple(columns))

    def take(self, indices: Sequence[int]) -> RowBatch:
        """Return the rows of these indices, in their order."""
        chosen = integers(indices)
        keys, *columns = (column.take(chosen) for column in self.all)
        return replace(self, keys=keys, columns=tuple(columns))

    def eval_arguments(self, guard: Guard) -> list[bytes]:
        """Return what follows the script in an EVAL: the number of keys, keys, arguments."""
        key, token = guard
        keys, *columns = (rows_of(column) for column in self.all)
        count = b"%d" % (len(self) + 1)
        return [count, key, *keys, token, self.expiry, *chain.from_iterable(columns)]


def command_ranges(start: int, end: int) -> Iterator[tuple[int, int]]:
    """Cut a range of rows into the ranges of single commands.

    >>> [*command_ranges(10, 300)]
    [(10, 266), (266, 300)]
    """
    for first in range(start, end, ROWS_PER_COMMAND):
        yield first, min(first + ROWS_PER_COMMAND, end)


class PackedRows:
    """Rows whose arguments are already in RESP, from which EVALSHA commands are cut.

    Args:
        rows: The rows.
    """

    def __init__(self, rows: RowBatch) -> None:
        self.rows = rows
        self._columns = [bytes_and_offsets(joined(*argument_pieces(column))) for column in rows.all]

    def packed(self, sha: bytes, guard: Guard, start: int, end: int) -> bytes:
        r"""Return one EVALSHA for the rows from `start` up to `end`.

        >>> from sync.encoding.byte_columns import from_pieces
        >>> rows = RowBatch("unlink", from_pieces([b"j", b"k"]))
        >>> PackedRows(rows).packed(b"5ha", (b"lock", b"me"), 1, 2)[33:]
        b'$4\r\nlock\r\n$1\r\nk\r\n$2\r\nme\r\n$0\r\n\r\n'
        """
        # One slice of memory per column, no matter how many rows the command has.
        key, token = guard
        keys, *columns = (data[offsets[start] : offsets[end]] for data, offsets in self._columns)
        count = len(self._columns) * (end - start)
        words = (b"EVALSHA", sha, b"%d" % (end - start + 1), key)
        # 2 for the token and the expiry, which come between the keys and the other columns.
        head = b"*%d\r\n" % (len(words) + 2 + count) + b"".join(map(argument, words))
        return b"".join([head, keys, argument(token), argument(self.rows.expiry), *columns])


def argument(raw: bytes) -> bytes:
    r"""Return one argument in RESP.

    >>> argument(b"GET")
    b'$3\r\nGET\r\n'
    """
    return b"$%d\r\n%b\r\n" % (len(raw), raw)


def command(*words: bytes) -> bytes:
    r"""Return one command in RESP.

    >>> command(b"GET", b"k")
    b'*2\r\n$3\r\nGET\r\n$1\r\nk\r\n'
    """
    return b"*%d\r\n" % len(words) + b"".join(map(argument, words))


def argument_pieces(column: ByteColumn) -> tuple[ByteColumn | ByteScalar, ...]:
    """Return the pieces that make each row of a column one argument, ready for `joined`."""
    end = constant(b"\r\n")
    return constant(b"$"), decimal_digits(lengths_of(column)), end, column, end
