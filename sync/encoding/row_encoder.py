"""Encodes the rows of one view as the warehouse returns them: keys, rows, earlier timestamps.

It is a plain value: a process on another machine encodes by a copy of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from featurestore.online.row_format import NO_CREATED
from featurestore.online.schema import Schema
from featurestore.sql.latest_rows import VALID_UNTIL
from sync.encoding.array_values import refuse_null_elements
from sync.encoding.arrow_values import end_micros, micros
from sync.encoding.byte_columns import ByteColumn, constant, from_block
from sync.encoding.encoder import Encoder
from sync.warehouse.change_detection import PREVIOUS_CREATED, PREVIOUS_EVENT
from sync.warehouse.publication import Publication

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["RowEncoder"]


@dataclass(frozen=True)
class RowEncoder:
    """Encodes rows of one view.

    Attributes:
        project: The project, as its keys name it.
        view: The feature view's name.
        schema: The view's schema.
        event: The column with the event timestamp.
        created: The column with the created timestamp; None if the view has none.
        personal: The columns whose values errors do not show.
    """

    project: str
    view: str
    schema: Schema
    event: str
    created: str | None
    personal: tuple[str, ...] = ()

    @classmethod
    def of(cls, project: str, publication: Publication, personal: tuple[str, ...]) -> Self:
        """Return the encoder of a view as it is published."""
        view = publication.view
        return cls(
            project=project,
            view=publication.name,
            schema=publication.schema,
            event=view.event_timestamp.name,
            created=view.created_timestamp.name if view.created_timestamp else None,
            personal=personal,
        )

    @cached_property
    def _encoder(self) -> Encoder:
        return Encoder(self.project, self.view, self.schema)

    def keys(self, batch: pa.RecordBatch) -> ByteColumn:
        """Return the key of each row in Redis."""
        return self._encoder.keys(batch)

    def rows(self, batch: pa.RecordBatch) -> tuple[ByteColumn, ByteColumn]:
        """Return the keys and the rows of a batch as Redis holds them.

        Raises:
            UnsupportedOnlineType: A value has no place in the format.
        """
        keys = self.keys(batch)
        refuse_null_elements(self.schema, batch, self.personal)
        event = micros(batch.column(self.event))
        created = None if self.created is None else micros(batch.column(self.created))
        ends = VALID_UNTIL in batch.schema.names
        end = end_micros(batch.column(VALID_UNTIL)) if ends else None
        return keys, self._encoder.values(batch, keys, event, created, end)

    def previous(self, batch: pa.RecordBatch) -> ByteColumn:
        """Return the timestamps of the rows published before, in the row format; empty if new."""
        import numpy as np
        import pyarrow.compute as pc

        event = micros(batch.column(PREVIOUS_EVENT))
        created = (
            np.full(len(event), NO_CREATED, np.int64)
            if self.created is None
            else micros(batch.column(PREVIOUS_CREATED))
        )
        headers = from_block(np.column_stack([event, created]).astype(">i8").view(np.uint8))
        # A row with a previous event was published before; the others are new, with empty values.
        nothing: Any = constant(b"")
        choose: Any = pc.if_else
        found: ByteColumn = choose(batch.column(PREVIOUS_EVENT).is_valid(), headers, nothing)
        return found
