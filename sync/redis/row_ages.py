"""Tells by a view's rows in Redis which of them expired, and which count for the brake.

It is a plain value: a process on another machine decides by a copy of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from featurestore.errors import OnlineStoreError
from featurestore.online.redis.commands import RedisCommands
from featurestore.online.redis.read_many import key_reader
from featurestore.online.row_format import end_of_row, events_of, fingerprint_of
from featurestore.values.epoch import micros_since_1970
from sync.warehouse.publication import Publication

__all__ = ["RowAges"]

_NEVER = -1
"""The answer to PTTL for a key that does not expire."""


@dataclass(frozen=True, slots=True)
class RowAges:
    """What decides whether a row of one view has expired.

    Attributes:
        oldest: The oldest event that counts, in microseconds since 1970; None without a ttl.
        now: The moment, in microseconds since 1970.
        fingerprint: The fingerprint of the view's schema.
        may_lapse: Whether a row may be left to the server once it has expired.
    """

    oldest: int | None
    now: int
    fingerprint: bytes
    may_lapse: bool

    @classmethod
    def of(cls, publication: Publication, *, is_same: bool) -> Self:
        """Return the ages of a view's rows.

        Args:
            publication: The view.
            is_same: Whether the rows in Redis have this ttl and this schema. Others are not left
                to the server, which would drop them too late.
        """
        view = publication.view
        return cls(
            oldest=publication.oldest_event,
            now=micros_since_1970(publication.now),
            fingerprint=publication.schema.fingerprint,
            may_lapse=is_same and (view.ttl is not None or view.valid_until is not None),
        )

    def are_expired(self, rows: Sequence[bytes | None]) -> list[bool]:
        """Return for each value in Redis whether it is a row that readers find and call EXPIRED."""
        return [raw is not None and self._is_expired(raw) for raw in rows]

    def _is_expired(self, raw: bytes) -> bool:
        """Return whether a row is older than the oldest event that counts, or has ended."""
        try:
            end = end_of_row(raw)
            too_old = self.oldest is not None and events_of([raw])[0] < self.oldest
        except OnlineStoreError:
            return False
        return too_old or (end is not None and end <= self.now)

    def lapsed(self, client: RedisCommands, keys: Sequence[bytes]) -> list[bytes]:
        """Return the keys of the rows that expired, and that the server drops by itself."""
        if not keys or not self.may_lapse:
            return []
        rows = key_reader(client)(keys)
        # A sync that died may have left rows of an older schema, which is deleted now.
        found = [
            key
            for key, raw, expired in zip(keys, rows, self.are_expired(rows), strict=True)
            if expired and raw is not None and fingerprint_of(raw) == self.fingerprint
        ]
        return _dropped_in_time(client, found)

    def untimely(
        self, client: RedisCommands, keys: Sequence[bytes], readable: frozenset[bytes]
    ) -> list[bytes]:
        """Return the keys of the rows that readers find and that have not expired.

        Args:
            client: The online store.
            keys: The keys.
            readable: The fingerprints of the layouts whose rows readers find.
        """
        # A key that is not a text is None in the answer to MGET.
        values = key_reader(client)(keys) if keys else []
        return [
            key
            for key, raw, expired in zip(keys, values, self.are_expired(values), strict=True)
            if not expired and _is_readable(raw, readable)
        ]


def _is_readable(raw: object, readable: frozenset[bytes]) -> bool:
    try:
        return isinstance(raw, bytes) and fingerprint_of(raw) in readable
    except OnlineStoreError:
        return False


def _dropped_in_time(client: RedisCommands, keys: Sequence[bytes]) -> list[bytes]:
    """Return the keys that the server drops; of a view that had no ttl, it would keep them all.

    Without the ledger, nothing else tells how the rows were published.
    """
    pipeline = client.pipeline(transaction=False)
    for key in keys:
        pipeline.execute_command("PTTL", key)
    # A user without the right to PTTL leaves them all to the server.
    left = pipeline.execute(raise_on_error=False) if keys else []
    return [key for key, rest in zip(keys, left, strict=True) if rest != _NEVER]
