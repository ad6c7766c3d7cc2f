"""Finds rows in Redis that expired, and so are left to the server, which drops them a day later."""

from __future__ import annotations

from collections.abc import Sequence

from featurestore.errors import OnlineStoreError
from featurestore.online.redis.commands import RedisCommands
from featurestore.online.redis.read_many import key_reader
from featurestore.online.row_format import end_of_row, events_of, fingerprint_of
from featurestore.values.epoch import micros_since_1970
from sync.orphans import absent_keys
from sync.safety.diagnosis import PublicationState
from sync.survey import Survey
from sync.warehouse.publication import Publication

__all__ = ["Lapses", "are_expired"]

_NEVER = -1
"""The answer to PTTL for a key that does not expire."""


def are_expired(publication: Publication, rows: Sequence[bytes | None]) -> list[bool]:
    """Return for each value in Redis whether it is a row that readers find and call EXPIRED."""
    oldest, now = publication.oldest_event, micros_since_1970(publication.now)
    return [raw is not None and _is_expired(raw, oldest, now) for raw in rows]


def _is_expired(raw: bytes, oldest: int | None, now: int) -> bool:
    """Return whether a row is older than the oldest event that counts, or has ended."""
    try:
        end = end_of_row(raw)
        too_old = oldest is not None and events_of([raw])[0] < oldest
    except OnlineStoreError:
        return False
    return too_old or (end is not None and end <= now)


class Lapses:
    """The rows of one view that left the published rows for their time alone.

    Args:
        survey: Both sides.
        publication: The view.
        state: The state of its last publication. Rows of another ttl or schema are not left to the
            server, which would drop them too late.
    """

    def __init__(self, survey: Survey, publication: Publication, state: PublicationState) -> None:
        view = publication.view
        self._may_expire = view.ttl is not None or view.valid_until is not None
        self._is_same = state is not PublicationState.CHANGED
        self._survey = survey
        self._publication = publication
        self._known = ""

    def left_out(self, keys: Sequence[bytes]) -> list[bytes]:
        """Return the keys but those of expired rows whose entities the warehouse still has."""
        lapsed = self._expired(keys)
        if not lapsed:
            return list(keys)
        # Lazily: the query reads the whole history.
        self._known = self._known or self._survey.known_rows(self._publication)
        survey = self._survey
        absent = absent_keys(survey, self._publication, self._known, lapsed)
        kept = {*lapsed} - {*absent}
        return [key for key in keys if key not in kept]

    def _expired(self, keys: Sequence[bytes]) -> list[bytes]:
        if not keys or not self._may_expire or not self._is_same:
            return []
        rows = key_reader(self._survey.client)(keys)
        expired = are_expired(self._publication, rows)
        # A sync that died may have left rows of an older schema, which is deleted now.
        schema = self._publication.schema.fingerprint
        found = [
            key
            for key, raw, lapsed in zip(keys, rows, expired, strict=True)
            if lapsed and raw is not None and fingerprint_of(raw) == schema
        ]
        return _dropped_in_time(self._survey.client, found)


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
