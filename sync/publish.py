"""Writes rows of the warehouse to Redis: every row of a view, or the changes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from featurestore.governance.publishable import personal_names
from sync.encoding.row_encoder import RowEncoder
from sync.redis.damaged_rows import discard_damaged, replace_damaged
from sync.redis.expiry import expiry_shift
from sync.redis.publisher import Publisher, publishing
from sync.report import ProgressEvent
from sync.sync_run import SyncRun
from sync.warehouse.change_detection import OP
from sync.warehouse.publication import Publication
from sync.warehouse.sync_source import batches

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "changes_of",
    "expiry_of",
    "publish_changes",
    "publish_everything",
    "replace_damaged_rows",
    "row_encoder",
]


def publish_everything(run: SyncRun, publication: Publication, rows: int) -> int:
    """Write every row of the view's table of published rows.

    Args:
        run: The run.
        publication: The view.
        rows: The number of rows.

    Returns:
        The number of rows written.
    """
    encoder = row_encoder(run, publication)
    expiry = expiry_of(run, publication)
    table = run.ledger.published(publication.name)
    with publishing(run.client, run.lease) as publisher:
        for batch in _batches(run, f"SELECT * FROM {table}"):
            keys, values = encoder.rows(batch)
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
    encoder = row_encoder(run, publication)
    expiry = expiry_of(run, publication)
    rows = sum(counts.values())
    deletions, upserts = changes_of(changes)
    with publishing(run.client, run.lease) as publisher:
        for batch in _batches(run, deletions):
            publisher.delete(encoder.keys(batch), encoder.previous(batch))
            _notify(run, publication, publisher, rows)
        # Deletions first, and answered, so that the two counts can be told apart.
        publisher.finish()
        if publisher.refused:
            publisher.refused -= _discard(run, publisher, encoder, deletions)
        deleted, kept = publisher.applied, publisher.refused
        for batch in _batches(run, upserts):
            keys, values = encoder.rows(batch)
            publisher.write_newest(keys, values, encoder.previous(batch), expiry)
            _notify(run, publication, publisher, rows)
        publisher.finish()
        if publisher.refused > kept:
            publisher.refused -= _replace(run, publisher, encoder, publication, upserts)
    return publisher.applied - deleted, deleted, publisher.refused


def changes_of(changes: str) -> tuple[str, str]:
    """Write the queries for the deletions and for the rows to write in a table of changes."""
    deletions, upserts = (
        f"SELECT * FROM {changes} WHERE {OP} = '{operation}'" for operation in ("delete", "upsert")
    )
    return deletions, upserts


def replace_damaged_rows(run: SyncRun, publication: Publication, rows: str) -> int:
    """Write rows whose bytes in Redis are damaged.

    Args:
        run: The run.
        publication: The view.
        rows: The statement for the rows that may be damaged.

    Returns:
        The number of rows written.
    """
    with publishing(run.client, run.lease) as publisher:
        _replace(run, publisher, row_encoder(run, publication), publication, rows)
    return publisher.applied


def _replace(
    run: SyncRun, publisher: Publisher, encoder: RowEncoder, publication: Publication, rows: str
) -> int:
    expiry, count = expiry_of(run, publication), 0
    for batch in _batches(run, rows):
        count += replace_damaged(run.client, publisher, *encoder.rows(batch), expiry)
    publisher.finish()
    return count


def _discard(run: SyncRun, publisher: Publisher, encoder: RowEncoder, rows: str) -> int:
    count = 0
    for batch in _batches(run, rows):
        count += discard_damaged(run.client, publisher, encoder.keys(batch))
    publisher.finish()
    return count


def expiry_of(run: SyncRun, publication: Publication) -> bytes:
    """Return the expiry shift of a view's rows; see `expiry_shift`."""
    view = publication.view
    return expiry_shift(view.ttl, run.now, ends=view.valid_until is not None)


def row_encoder(run: SyncRun, publication: Publication) -> RowEncoder:
    """Return the encoder of a view's rows."""
    personal = tuple(personal_names(run.registry, publication.view))
    return RowEncoder.of(run.project, publication, personal)


def _batches(run: SyncRun, sql: str) -> Iterator[pa.RecordBatch]:
    for batch in batches(run.ledger.database.stream(sql)):
        # The server refuses writes without the lock anyway; this stops the run earlier.
        run.lease.check()
        yield batch


def _notify(run: SyncRun, publication: Publication, publisher: Publisher, rows: int) -> None:
    run.progress(ProgressEvent(publication.name, min(publisher.sent, rows), rows))
