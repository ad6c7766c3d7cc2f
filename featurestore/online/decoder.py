"""Read whole published rows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from featurestore.errors import OnlineStoreError
from featurestore.online.checksums import is_sound
from featurestore.online.column_reader import ColumnReader
from featurestore.online.row_format import (
    CREATED,
    END,
    EVENT_BYTES,
    FORMAT_VERSION,
    MARKS,
    NO_CREATED,
    NO_END,
    STAMP,
    ends_of,
    fingerprint_of,
    header_size,
    wrong_format,
)
from featurestore.online.schema import Schema

__all__ = ["Decoder", "Row"]


@dataclass(frozen=True, slots=True)
class Row:
    """One published row.

    Attributes:
        event: The event timestamp in microseconds since 1970, UTC.
        created: The created timestamp likewise; None if the row has none.
        values: The features' values in the schema's order.
        end: The end of validity likewise, exclusive; None if the row has none.
    """

    event: int
    created: int | None
    values: tuple[Any, ...]
    end: int | None = None


class Decoder:
    """Reads rows of one schema with the same marks.

    Args:
        schema: The schema of the rows.
        marks: The marks of the rows, which tell their optional parts.
    """

    def __init__(self, schema: Schema, marks: int) -> None:
        self.schema = schema
        self.marks = marks
        self.has_checksum = schema.version == FORMAT_VERSION
        self.has_end = bool(marks & END)

    @cached_property
    def _all(self) -> ColumnReader:
        return ColumnReader(self.schema, self.marks, range(len(self.schema.features)))

    @classmethod
    def all_of(cls, schema: Schema) -> dict[bytes, Decoder]:
        """Return the decoders of a schema's rows, by the first bytes of a row."""
        return {schema.head(marks): cls(schema, marks) for marks in MARKS[schema.version]}

    def decode(self, raw: bytes, key: bytes) -> Row:
        """Return the row in some bytes.

        Args:
            raw: The bytes, with the head of this decoder's schema and marks.
            key: The row's key in Redis.

        Raises:
            OnlineStoreError: The bytes are truncated or damaged.
        """
        fingerprint_of(raw)
        if len(raw) < header_size(self.marks):
            raise wrong_format(f"A value of {len(raw)} bytes")
        if self.has_checksum and not is_sound(key, raw):
            raise OnlineStoreError(
                f"A value of {len(raw)} bytes in the online store is damaged: its checksum fails.",
                remedy="Publish it again with `featurestore verify --repair`.",
            )
        values = tuple([column[0] for column in self._all.columns([raw])[0]])
        (event,) = STAMP.unpack_from(raw, EVENT_BYTES.start)
        created = NO_CREATED
        if self.marks & CREATED:
            (created,) = STAMP.unpack_from(raw, EVENT_BYTES.stop)
        (end,) = ends_of([raw], self.marks) if self.has_end else (NO_END,)
        return Row(
            event,
            None if created == NO_CREATED else created,
            values,
            None if end == NO_END else end,
        )
