"""Commands in the server's own protocol, many rows to one, packed without a client's help.

https://redis.io/docs/latest/develop/reference/protocol-spec/
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain

__all__ = ["Rows", "packed"]


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows for one script.

    Attributes:
        script: Its name.
        keys: The rows' keys.
        columns: What the script takes of each row.
        expiry: What it takes for all of them.
    """

    script: str
    keys: Sequence[bytes]
    columns: tuple[Sequence[bytes], ...] = ()
    expiry: bytes = b""

    @classmethod
    def joined(cls, parts: Sequence[Rows]) -> Rows:
        """Return rows of several, for the same script and with the same expiry, as one."""
        if len(parts) == 1:
            return parts[0]
        keys = list(chain.from_iterable(part.keys for part in parts))
        columns = zip(*(part.columns for part in parts), strict=True)
        merged = tuple(list(chain.from_iterable(column)) for column in columns)
        return replace(parts[0], keys=keys, columns=merged)

    def continues(self, other: Rows) -> bool:
        """Whether rows may be joined with others."""
        return (self.script, self.expiry) == (other.script, other.expiry)

    @property
    def size(self) -> int:
        """How many bytes they are, about."""
        return sum(map(len, chain(self.keys, *self.columns)))

    def cut(self, start: int, end: int) -> Rows:
        """Return some of the rows that lie side by side."""
        part = slice(start, end)
        columns = tuple(column[part] for column in self.columns)
        return replace(self, keys=self.keys[part], columns=columns)

    def picked(self, indices: Sequence[int]) -> Rows:
        """Return some of the rows by their numbers."""
        columns = tuple([column[index] for index in indices] for column in self.columns)
        return replace(self, keys=[self.keys[index] for index in indices], columns=columns)

    def arguments(self, guard: tuple[bytes, bytes]) -> list[bytes]:
        """Return what follows the script in the command: the number of keys, keys, arguments.

        Args:
            guard: The key of the guard, and what it is compared with.
        """
        key, own = guard
        count = b"%d" % (len(self.keys) + 1)
        return [count, key, *self.keys, own, self.expiry, *chain.from_iterable(self.columns)]


def packed(sha: bytes, guard: tuple[bytes, bytes], rows: Rows) -> bytes:
    r"""Write one EVALSHA.

    >>> packed(b"5ha", (b"lock", b"me"), Rows("unlink", [b"k"]))
    b'*7\r\n$7\r\nEVALSHA\r\n$3\r\n5ha\r\n$1\r\n2\r\n$4\r\nlock\r\n$1\r\nk\r\n$2\r\nme\r\n$0\r\n\r\n'
    """
    parts = [b"EVALSHA", sha, *rows.arguments(guard)]
    head = b"*%d\r\n" % len(parts)
    return head + b"".join([b"$%d\r\n%b\r\n" % (len(part), part) for part in parts])
