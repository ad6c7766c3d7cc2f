"""The schemas of one view's rows in Redis, and which of them each row has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from featurestore.online.decoder import Decoder
from featurestore.online.read_plan import RequestedKeys, ViewPlan
from featurestore.online.row_format import HEAD, common_head, fingerprint_of
from featurestore.online.schema import Schema

__all__ = ["PublishedSchemas", "ViewRows"]

_NAME = 2 * (HEAD - 1)
"""The length of a schema's name, its fingerprint in hex; other fields of the hash differ."""


# Not frozen; see `RequestedKeys`.
@dataclass(slots=True)
class ViewRows:
    """The rows of one view that Redis returned.

    Attributes:
        plan: The read of the view.
        asked: The requested keys.
        rows: The row of each distinct key, or None.
        decoders: The decoder of each head among the rows; None for an unknown schema.
        oldest: The least event timestamp, if every key has a row and all share one known head.
    """

    plan: ViewPlan
    asked: RequestedKeys
    rows: Sequence[bytes | None]
    decoders: Mapping[bytes, Decoder | None]
    oldest: int | None = None


class PublishedSchemas:
    """The schemas that a view's rows can have; the sync writes new rows with the current one.

    Args:
        fields: The metadata key that holds them.
        current: The schema of new rows.
        decoders: The decoder of each head that a row can have.
    """

    def __init__(
        self, fields: Mapping[bytes, bytes], current: Schema, decoders: Mapping[bytes, Decoder]
    ) -> None:
        self.fields = fields
        self.current = current
        self._decoders = decoders

    @classmethod
    def read(cls, schemas: Mapping[bytes, bytes]) -> PublishedSchemas:
        """Return the schemas in a view's metadata key.

        Raises:
            OnlineStoreError: The current schema is missing, or has another version of the format.
        """
        current = Schema.from_json(schemas.get(schemas.get(b"current", b""), b""))
        known: dict[bytes, Decoder] = {}
        for name, text in schemas.items():
            if len(name) == _NAME:
                known |= Decoder.all_of(Schema.from_json(text))
        return cls(schemas, current, known)

    def view_rows(
        self, plan: ViewPlan, asked: RequestedKeys, rows: Sequence[bytes | None]
    ) -> ViewRows:
        """Return rows with their decoders.

        Raises:
            OnlineStoreError: A value is not a row of this format.
        """
        head, oldest = common_head(rows) or (b"", None)
        decoder = self._decoders.get(head)
        if decoder is not None:
            return ViewRows(plan, asked, rows, {head: decoder}, oldest)
        return ViewRows(plan, asked, rows, self._of(rows))

    def _of(self, rows: Sequence[bytes | None]) -> dict[bytes, Decoder | None]:
        """Return the decoder of each head among rows; None for an unknown schema."""
        heads = {row[:HEAD] for row in rows if row}
        # An unknown head is a schema not learned yet, or bytes of another format: those raise here.
        if not heads <= self._decoders.keys():
            for row in filter(None, rows):
                fingerprint_of(row)
        return {head: self._decoders.get(head) for head in heads}
