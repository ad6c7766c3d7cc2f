"""Publishes damaged rows again, as they were published last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sync.publish import replace_damaged_rows
from sync.safety.diagnosis import PublicationState
from sync.safety.ownership import ownership_lock
from sync.selection import publication_of
from sync.survey import Survey
from sync.sync_run import SyncRun

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["repair_rows"]

_DAMAGED = "_featurestore_damaged"


def repair_rows(survey: Survey, view: str, damaged: Sequence[pa.RecordBatch]) -> int:
    """Publish damaged rows of a view again, from the ledger's table of published rows.

    A row that changed since it was found damaged stays as it is.

    Args:
        survey: Both sides.
        view: The feature view's name.
        damaged: The rows, with the join keys as columns.

    Returns:
        The number of rows written; 0 if the next sync publishes every row anyway.

    Raises:
        SyncLocked: A sync is running.
        ForeignOwner: Another identity publishes the project.
    """
    import pyarrow as pa

    declared = survey.registry.view(view)
    own = survey.ownership.own
    with ownership_lock(survey.client, survey.project, survey.ledger, own) as lease:
        publication = publication_of(declared, survey.warehouse, survey.now)
        # Under the lock: a sync may have changed the ledger since the rows were compared.
        if survey.diagnosis(publication).state is not PublicationState.OK:
            return 0
        run = SyncRun(
            registry=survey.registry,
            warehouse=survey.warehouse,
            client=survey.client,
            ledger=survey.ledger,
            now=survey.now,
            ownership=survey.ownership,
            lease=lease,
        )
        found = survey.ledger.database.upload(_DAMAGED, pa.Table.from_batches(damaged))
        same = survey.ledger.queries(publication).same_uploaded("published", "damaged")
        table = survey.ledger.published(view)
        rows = (
            f"SELECT published.* FROM {table} AS published"
            f" WHERE EXISTS (SELECT 1 FROM {found} AS damaged WHERE {same})"
        )
        return replace_damaged_rows(run, publication, rows)
