"""The schemas of one view's rows in Redis, and which of them each row has."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from featurestore.online.checksums import are_sound, unsound_places
from featurestore.online.decoder import Decoder
from featurestore.online.read_plan import RequestedKeys, ViewPlan
from featurestore.online.row_format import (
    FORMAT_VERSION,
    HEAD,
    common_head,
    is_known_format,
    newer_format,
)
from featurestore.online.schema import Schema

__all__ = ["PERSONAL_FIELD", "PublishedSchemas", "ViewRows", "personal_data_of"]

PERSONAL_FIELD = b"pii"
"""The field of a view's schemas in Redis that lists the personal data that its sync was allowed."""

_NAME = 2 * (HEAD - 1)
"""The length of a schema's name, its fingerprint in hex; other fields of the hash differ."""
_NO_PLACES: frozenset[int] = frozenset()


# Not frozen; see `RequestedKeys`.
@dataclass(slots=True)
class ViewRows:
    """The rows of one view that Redis returned.

    Attributes:
        plan: The read of the view.
        asked: The requested keys.
        rows: The row of each distinct key, or None.
        decoders: The decoder of each head among the rows; None for an unknown schema.
        damaged: The places of the rows that are damaged.
        oldest: The least event timestamp, if every key has a sound row and all share one known
            head.
    """

    plan: ViewPlan
    asked: RequestedKeys
    rows: Sequence[bytes | None]
    decoders: Mapping[bytes, Decoder | None]
    damaged: frozenset[int] = _NO_PLACES
    oldest: int | None = None

    @property
    def unchecked(self) -> int:
        """The number of rows without a checksum."""
        heads = {
            head
            for head, decoder in self.decoders.items()
            if decoder is not None and not decoder.has_checksum
        }
        return sum(row is not None and row[:HEAD] in heads for row in self.rows) if heads else 0


class PublishedSchemas:
    """The schemas that a view's rows can have; the sync writes new rows with the current one.

    Args:
        fields: The metadata key that holds them.
        current: The schema of new rows.
        decoders: The decoder of each head that a row can have.

    Attributes:
        personal: The personal data that the sync was allowed; None if an older version of it did
            not record it.
    """

    def __init__(
        self, fields: Mapping[bytes, bytes], current: Schema, decoders: Mapping[bytes, Decoder]
    ) -> None:
        self.fields = fields
        self.current = current
        self.personal = personal_data_of(fields.get(PERSONAL_FIELD))
        self._decoders = decoders

    @classmethod
    def read(cls, schemas: Mapping[bytes, bytes]) -> PublishedSchemas:
        """Return the schemas in a view's metadata key.

        Raises:
            OnlineStoreError: The current schema is missing, or has an unknown version of the
                format.
        """
        current = Schema.from_json(schemas.get(schemas.get(b"current", b""), b""))
        known: dict[bytes, Decoder] = {}
        for name, text in schemas.items():
            if len(name) == _NAME:
                known |= Decoder.all_of(Schema.from_json(text))
        return cls(schemas, current, known)

    def view_rows(
        self,
        plan: ViewPlan,
        asked: RequestedKeys,
        keys: Sequence[bytes],
        rows: Sequence[bytes | None],
    ) -> ViewRows:
        """Return rows with their decoders, and find the damaged ones.

        Args:
            plan: The read of the view.
            asked: The requested keys.
            keys: Their keys in Redis.
            rows: The row of each key, or None.

        Raises:
            OnlineStoreError: A sound row has a format that this release does not know.
        """
        head, oldest = common_head(rows) or (b"", None)
        decoder = self._decoders.get(head)
        if decoder is not None and (not decoder.has_checksum or are_sound(keys, rows)):
            return ViewRows(plan, asked, rows, {head: decoder}, oldest=oldest)
        heads = {row[:HEAD] for row in rows if row is not None}
        decoders = {head: self._decoders.get(head) for head in heads}
        unsound = unsound_places(keys, rows)
        damaged = frozenset(place for place in unsound if _is_damaged(rows[place], decoders))
        return ViewRows(plan, asked, rows, _asked_for(rows, decoders, unsound), damaged)


def _is_damaged(row: bytes | None, decoders: Mapping[bytes, Decoder | None]) -> bool:
    """Return whether a row that lacks the checksum of its bytes should have it."""
    decoder = None if row is None else decoders[row[:HEAD]]
    return decoder is None or decoder.has_checksum


def _asked_for(
    rows: Sequence[bytes | None], decoders: dict[bytes, Decoder | None], unsound: set[int]
) -> dict[bytes, Decoder | None]:
    """Return the decoders without the unknown heads that are damage, and not a schema to learn.

    Raises:
        OnlineStoreError: A sound row has a format that this release does not know.
    """
    unknown = {head for head, decoder in decoders.items() if decoder is None}
    if not unknown:
        return decoders
    sound = {row[:HEAD] for place, row in enumerate(rows) if row and place not in unsound}
    for head in sound & unknown:
        if not is_known_format(head):
            raise newer_format(head[0])
    # A row of another version may be of a format without this checksum, so the schemas decide.
    checked = {head for head in unknown if len(head) < HEAD or head[0] >> 4 == FORMAT_VERSION}
    return {head: found for head, found in decoders.items() if head not in checked - sound}


def personal_data_of(text: bytes | None) -> frozenset[str] | None:
    """Return the features in the record of allowed personal data; none of them if it is damaged.

    >>> sorted(personal_data_of(b'["email", "phone"]')), personal_data_of(None)
    (['email', 'phone'], None)
    """
    if text is None:
        return None
    try:
        return frozenset(map(str, json.loads(text)))
    except (ValueError, TypeError):
        return frozenset()
