"""From rows in the warehouse to rows in Redis: all of a view's, or what changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from featurestore.online.codec import NO_CREATED
from sync.encoding.byte_columns import constant, from_block
from sync.encoding.encoder import Encoder, micros
from sync.redis.publisher import Publisher, expiry_shift, publishing
from sync.report import ProgressEvent
from sync.run import SyncRun
from sync.warehouse.change_detection import OP, PREVIOUS_CREATED, PREVIOUS_EVENT
from sync.warehouse.newest_rows import batches
from sync.warehouse.publication import Publication

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["publish_changes", "publish_everything"]


def publish_everything(context: SyncRun, publication: Publication, rows: int) -> int:
    """Write every row of the view's table of published rows.

    Args:
        context: The run.
        publication: The view.
        rows: How many there are.

    Returns:
        The number of rows written.
    """
    encoder = _encoder(context, publication)
    expiry = expiry_shift(publication.view.ttl, context.now)
    table = context.state.published(publication.name)
    with publishing(context.client, context.lease) as publisher:
        for batch in _batches(context, f"SELECT * FROM {table}"):
            keys, values = encoder.keys(batch), _values(encoder, publication, batch)
            publisher.overwrite(keys, values, expiry)
            _tell(context, publication, publisher, rows)
    return publisher.applied


def publish_changes(
    context: SyncRun, publication: Publication, changes: str, counts: dict[str, int]
) -> tuple[int, int, int]:
    """Write and delete the rows that changed.

    Args:
        context: The run.
        publication: The view.
        changes: The table of changes.
        counts: The number of changes by what is to be done.

    Returns:
        The number of rows written, of rows deleted, and of rows that the server refused.
    """
    encoder = _encoder(context, publication)
    expiry = expiry_shift(publication.view.ttl, context.now)
    rows = sum(counts.values())
    with publishing(context.client, context.lease) as publisher:
        for batch in _batches(context, f"SELECT * FROM {changes} WHERE {OP} = 'delete'"):
            publisher.delete(encoder.keys(batch), _previous(publication, batch))
            _tell(context, publication, publisher, rows)
        publisher.finish()
        deleted = publisher.applied
        for batch in _batches(context, f"SELECT * FROM {changes} WHERE {OP} = 'upsert'"):
            keys, values = encoder.keys(batch), _values(encoder, publication, batch)
            publisher.write_newest(keys, values, _previous(publication, batch), expiry)
            _tell(context, publication, publisher, rows)
    return publisher.applied - deleted, deleted, publisher.refused


def _encoder(context: SyncRun, publication: Publication) -> Encoder:
    return Encoder(context.project, publication.name, publication.schema)


def _batches(context: SyncRun, sql: str) -> Iterator[pa.RecordBatch]:
    for batch in batches(context.warehouse.stream(sql)):
        context.lease.check()
        yield batch


def _values(encoder: Encoder, publication: Publication, batch: pa.RecordBatch) -> pa.Array[Any]:
    view = publication.view
    event = micros(batch.column(view.event_timestamp.name))
    created = view.created_timestamp and micros(batch.column(view.created_timestamp.name))
    return encoder.values(batch, event, created)


def _previous(publication: Publication, batch: pa.RecordBatch) -> pa.Array[Any]:
    """Return the timestamps of the rows published before, as they stand in a row; else nothing."""
    import numpy as np
    import pyarrow.compute as pc

    event = micros(batch.column(PREVIOUS_EVENT))
    created = (
        np.full(len(event), NO_CREATED, np.int64)
        if publication.view.created_timestamp is None
        else micros(batch.column(PREVIOUS_CREATED))
    )
    headers = from_block(np.column_stack([event, created]).astype(">i8").view(np.uint8))
    nothing: Any = constant(b"")
    choose: Any = pc.if_else
    found: pa.Array[Any] = choose(batch.column(PREVIOUS_EVENT).is_valid(), headers, nothing)
    return found


def _tell(context: SyncRun, publication: Publication, publisher: Publisher, rows: int) -> None:
    context.progress(ProgressEvent(publication.name, min(publisher.sent, rows), rows))
