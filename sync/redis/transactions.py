"""Rows written by MSET in transactions that fail if the lock was lost.

A script hands every row to the Lua interpreter and back; a plain MSET takes the server half the
time. WATCH replaces the script's check of the lock: the lock and an alarm key are watched, a small
script touches the alarm if the lock is not the writer's, and EXEC does nothing if either key was
touched. Renewing the lock touches it too, so such a transaction fails without need. Its rows then
go by the script, which knows the difference, and so do all rows of a user who may not use WATCH.

https://redis.io/docs/latest/develop/using-commands/transactions/
"""

from __future__ import annotations

from featurestore.online.redis.internals import RawConnection
from featurestore.online.redis.redis_errors import ResponseError
from sync.encoding.byte_columns import bytes_and_offsets, joined
from sync.lua_files import lua_script
from sync.redis.resp import Guard, RowBatch, argument, argument_pieces, command

__all__ = ["ANSWERS", "Transactions", "are_allowed", "opening"]

ANSWERS = 5
"""The number of answers to a transaction: WATCH, EVAL, MULTI, MSET, EXEC. EXEC's is None if the
transaction failed."""

_CHECK = lua_script("redis", "check_lock").encode()
_EXEC = command(b"EXEC")


class Transactions:
    """Rows without an expiry, from which transactions are cut that overwrite them.

    Args:
        rows: The rows.
        opening: The beginning of each transaction; see `opening`.
    """

    def __init__(self, rows: RowBatch, opening: bytes) -> None:
        pairs = joined(*(piece for column in rows.all for piece in argument_pieces(column)))
        self._opening = opening
        self._pairs, self._offsets = bytes_and_offsets(pairs)

    def packed(self, start: int, end: int) -> bytes:
        """Return one transaction for the rows from `start` up to `end`."""
        head = b"*%d\r\n%b" % (2 * (end - start) + 1, argument(b"MSET"))
        pairs = self._pairs[self._offsets[start] : self._offsets[end]]
        return b"".join([self._opening, head, pairs, _EXEC])


def opening(guard: Guard, alarm: bytes) -> bytes:
    """Return the beginning of a transaction: WATCH, the check of the lock, MULTI.

    The script is sent as text. By its SHA, a server that had forgotten the script would refuse the
    check and still execute the rows behind it.

    Args:
        guard: The lock's key, and the token that it must hold.
        alarm: The alarm's key.
    """
    lock, token = guard
    check = command(b"EVAL", _CHECK, b"2", lock, alarm, token)
    return command(b"WATCH", lock, alarm) + check + command(b"MULTI")


def are_allowed(connection: RawConnection, opening: bytes) -> bool:
    """Try a transaction without rows; return whether this user may run each of its commands.

    This must be known before any rows are sent: the server executes commands that were sent
    together even if it refused the check before them.

    Args:
        connection: A connection; it is reset if any command was refused.
        opening: The beginning of each transaction.
    """
    connection.send(opening + _EXEC)
    allowed = True
    # One answer less than a transaction with rows has, for lack of an MSET.
    for _ in range(ANSWERS - 1):
        try:
            connection.receive()
        except ResponseError:
            allowed = False
    if not allowed:
        # The server may still watch the lock for this connection.
        connection.disconnect()
    return allowed
