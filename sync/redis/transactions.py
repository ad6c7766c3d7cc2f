"""Rows written by MSET in transactions that fail when the lock is no longer held.

A script hands every row to the server's interpreter and back; a plain MSET takes the server half
the time. What a script would check first is checked by WATCH here: the lock and an alarm are
watched, a small script sets the alarm if the lock is not the writer's, and EXEC does nothing if
either of them was touched since. A lock that is merely renewed fails a transaction too; then its
rows go by the script, which knows the difference, and so do all rows where the check is refused.

https://redis.io/docs/latest/develop/using-commands/transactions/
"""

from __future__ import annotations

from typing import Any

from sync.encoding.byte_columns import joined, whole
from sync.redis.resp import RowBatch, argument, arguments, command

__all__ = ["ANSWERS", "Transactions", "are_allowed", "opening"]

ANSWERS = 5
"""How many answers a transaction has; the last is EXEC's, and nothing if it failed."""

# Without memory the alarm cannot be set; then it is the other's lock that is touched.
_CHECK = b"""
if redis.pcall('GET', KEYS[1]) ~= ARGV[1] then
  if redis.pcall('SET', KEYS[2], '', 'EX', 60).err then
    local left = redis.call('PTTL', KEYS[1])
    if left > 0 then redis.call('PEXPIRE', KEYS[1], left) end
  end
end
"""
_EXEC = command(b"EXEC")


class Transactions:
    """Rows as they stand in transactions that write them, whatever the server holds.

    Args:
        rows: The rows, which do not expire.
        opening: What begins each transaction; see `opening`.
    """

    def __init__(self, rows: RowBatch, opening: bytes) -> None:
        pairs = joined(*(piece for column in rows.all for piece in arguments(column)))
        self._opening = opening
        self._pairs, self._bounds = whole(pairs)

    def packed(self, start: int, end: int) -> bytes:
        """Write the transaction for some of the rows."""
        head = b"*%d\r\n%b" % (2 * (end - start) + 1, argument(b"MSET"))
        pairs = self._pairs[self._bounds[start] : self._bounds[end]]
        return b"".join([self._opening, head, pairs, _EXEC])


def opening(guard: tuple[bytes, bytes], alarm: bytes) -> bytes:
    """Return what begins a transaction.

    The script goes as text: a name that the server has forgotten would leave the lock unchecked.

    Args:
        guard: The lock's key, and the token that it must hold.
        alarm: The alarm's key.
    """
    key, own = guard
    check = command(b"EVAL", _CHECK, b"2", key, alarm, own)
    return command(b"WATCH", key, alarm) + check + command(b"MULTI")


def are_allowed(connection: Any, opening: bytes) -> bool:
    """Try a transaction without rows: whether the server checks the lock for this user.

    What is sent in one stretch is done though the check be refused, so this must be known before.

    Args:
        connection: An open connection; one that is refused is closed.
        opening: What begins each transaction.
    """
    import redis.exceptions

    connection.send_packed_command([opening + _EXEC])
    allowed = True
    for _ in range(ANSWERS - 1):
        try:
            connection.read_response()
        except redis.exceptions.ResponseError:
            allowed = False
    if not allowed:
        # It may be watching still.
        connection.disconnect()
    return allowed
