"""Writes rows of the warehouse to Redis: every row of a view, or the changes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from featurestore.governance.publishable import personal_names
from featurestore.online.row_format import NO_CREATED
from featurestore.sql.latest_rows import VALID_UNTIL
from sync.encoding.array_values import refuse_null_elements
from sync.encoding.arrow_values import end_micros, micros
from sync.encoding.byte_columns import (
    ByteColumn,
    constant,
    from_block,
    from_pieces,
    integers,
    rows_of,
)
from sync.encoding.encoder import Encoder
from sync.redis.expiry import expiry_shift
from sync.redis.publisher import Publisher, publishing
from sync.redis.stored_rows import damaged_among
from sync.report import ProgressEvent
from sync.sync_run import SyncRun
from sync.warehouse.change_detection import OP, PREVIOUS_CREATED, PREVIOUS_EVENT
from sync.warehouse.publication import Publication
from sync.warehouse.sync_source import batches

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["publish_changes", "publish_everything", "replace_damaged"]


def publish_everything(run: SyncRun, publication: Publication, rows: int) -> int:
    """Write every row of the view's table of published rows.

    Args:
        run: The run.
        publication: The view.
        rows: The number of rows.

    Returns:
        The number of rows written.
    """
    encoder = _encoder(run, publication)
    expiry = _expiry(run, publication)
    table = run.ledger.published(publication.name)
    with publishing(run.client, run.lease) as publisher:
        for batch in _batches(run, f"SELECT * FROM {table}"):
            keys, values = _encoded(run, encoder, publication, batch)
            publisher.overwrite(keys, values, expiry)
            _notify(run, publication, publisher, rows)
    return publisher.applied


def publish_changes(
    run: SyncRun, publication: Publication, changes: str, counts: dict[str, int]
) -> tuple[int, int, int]:
    """Write and delete the rows that changed.

    Args:
        run: The run.
        publication: The view.
        changes: The table of changes.
        counts: The number of changes by operation.

    Returns:
        The number of rows written, of rows deleted, and of rows that Redis refused.
    """
    encoder = _encoder(run, publication)
    expiry = _expiry(run, publication)
    rows = sum(counts.values())
    deletions, upserts = (
        f"SELECT * FROM {changes} WHERE {OP} = '{operation}'" for operation in ("delete", "upsert")
    )
    with publishing(run.client, run.lease) as publisher:
        for batch in _batches(run, deletions):
            publisher.delete(encoder.keys(batch), _previous(publication, batch))
            _notify(run, publication, publisher, rows)
        # Deletions first, and answered, so that the two counts can be told apart.
        publisher.finish()
        if publisher.refused:
            publisher.refused -= _discard(run, publisher, encoder, deletions)
        deleted, kept = publisher.applied, publisher.refused
        for batch in _batches(run, upserts):
            keys, values = _encoded(run, encoder, publication, batch)
            publisher.write_newest(keys, values, _previous(publication, batch), expiry)
            _notify(run, publication, publisher, rows)
        publisher.finish()
        if publisher.refused > kept:
            publisher.refused -= _replace(run, publisher, encoder, publication, upserts)
    return publisher.applied - deleted, deleted, publisher.refused


def replace_damaged(run: SyncRun, publication: Publication, rows: str) -> int:
    """Write rows whose bytes in Redis are damaged.

    Args:
        run: The run.
        publication: The view.
        rows: The statement for the rows that may be damaged.

    Returns:
        The number of rows written.
    """
    with publishing(run.client, run.lease) as publisher:
        _replace(run, publisher, _encoder(run, publication), publication, rows)
    return publisher.applied


def _replace(
    run: SyncRun, publisher: Publisher, encoder: Encoder, publication: Publication, rows: str
) -> int:
    """Replace the rows that are damaged in Redis; return their number.

    The script for changes refuses a row whose event timestamp in Redis is newer. If damage made it
    newer, no later row would ever replace it.
    """
    expiry, count = _expiry(run, publication), 0
    for batch in _batches(run, rows):
        places, damaged = damaged_among(run.client, rows_of(encoder.keys(batch)))
        if places:
            keys, values = _encoded(run, encoder, publication, batch.take(integers(places)))
            publisher.replace(keys, values, from_pieces(damaged), expiry)
            count += len(places)
    publisher.finish()
    return count


def _discard(run: SyncRun, publisher: Publisher, encoder: Encoder, rows: str) -> int:
    """Delete the rows that are damaged in Redis; return their number."""
    count = 0
    for batch in _batches(run, rows):
        keys = encoder.keys(batch)
        places, damaged = damaged_among(run.client, rows_of(keys))
        if places:
            publisher.discard(keys.take(integers(places)), from_pieces(damaged))
            count += len(places)
    publisher.finish()
    return count


def _expiry(run: SyncRun, publication: Publication) -> bytes:
    view = publication.view
    return expiry_shift(view.ttl, run.now, ends=view.valid_until is not None)


def _encoder(run: SyncRun, publication: Publication) -> Encoder:
    return Encoder(run.project, publication.name, publication.schema)


def _batches(run: SyncRun, sql: str) -> Iterator[pa.RecordBatch]:
    for batch in batches(run.ledger.database.stream(sql)):
        # The server refuses writes without the lock anyway; this stops the run earlier.
        run.lease.check()
        yield batch


def _encoded(
    run: SyncRun, encoder: Encoder, publication: Publication, batch: pa.RecordBatch
) -> tuple[ByteColumn, ByteColumn]:
    """Return the keys and the rows of a batch as Redis holds them."""
    view, keys = publication.view, encoder.keys(batch)
    refuse_null_elements(publication.schema, batch, personal_names(run.registry, view))
    event = micros(batch.column(view.event_timestamp.name))
    stamp = view.created_timestamp
    created = None if stamp is None else micros(batch.column(stamp.name))
    ends = VALID_UNTIL in batch.schema.names
    end = end_micros(batch.column(VALID_UNTIL)) if ends else None
    return keys, encoder.values(batch, keys, event, created, end)


def _previous(publication: Publication, batch: pa.RecordBatch) -> ByteColumn:
    """Return the timestamps of the rows published before, in the row format; empty if new."""
    import numpy as np
    import pyarrow.compute as pc

    event = micros(batch.column(PREVIOUS_EVENT))
    created = (
        np.full(len(event), NO_CREATED, np.int64)
        if publication.view.created_timestamp is None
        else micros(batch.column(PREVIOUS_CREATED))
    )
    headers = from_block(np.column_stack([event, created]).astype(">i8").view(np.uint8))
    # A row with a previous event was published before; the others are new, and get an empty value.
    nothing: Any = constant(b"")
    choose: Any = pc.if_else
    found: ByteColumn = choose(batch.column(PREVIOUS_EVENT).is_valid(), headers, nothing)
    return found


def _notify(run: SyncRun, publication: Publication, publisher: Publisher, rows: int) -> None:
    run.progress(ProgressEvent(publication.name, min(publisher.sent, rows), rows))
