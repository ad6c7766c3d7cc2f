"""Reads published rows back, and compares them with the warehouse, value by value."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from featurestore.governance.publishable import personal_names
from featurestore.online.client import OnlineClient, ResolvedRequest
from featurestore.online.redis.read_many import key_reader
from featurestore.online.response import OnlineResponse, Status
from featurestore.registry.definitions import ServiceMember
from featurestore.values.far_instants import python_values
from sync.batch_sizes import ROWS_PER_READ
from sync.encoding.byte_columns import integers
from sync.orphans import key_groups, unknown_keys
from sync.redis.row_ages import RowAges
from sync.redis.stored_rows import key_columns
from sync.repair import repair_rows
from sync.selection import chosen_views, publication_of
from sync.survey import Survey
from sync.verify_report import Difference, VerifyReport, ViewVerdict
from sync.view_failures import ViewFailure, failure_of
from sync.warehouse.expired_rows import has_expired
from sync.warehouse.publication import Publication
from sync.warehouse.sync_source import batches

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Difference", "VerifyReport", "ViewVerdict", "verify_views"]

# Columns that generated statements add; the registry refuses these names for a feature.
_NO_KEY = "_featurestore_row"
_EXPIRED_SINCE = "_featurestore_expired"
_WHOLE_ROW = "*"


def verify_views(
    survey: Survey,
    reader: Callable[[datetime], OnlineClient],
    *,
    views: Sequence[str] | None = None,
    sample: int | None,
    repair: bool = False,
) -> VerifyReport:
    """Compare the online store with the newest rows as of each view's last publication.

    Args:
        survey: Both sides.
        reader: Opens the online store as of a moment.
        views: The views to compare; by default every view that is `online`.
        sample: The number of random rows per view; None for all rows, and then rows in Redis that
            the warehouse does not have are found too.
        repair: Publish damaged rows again, and compare once more.
    """
    chosen = chosen_views(survey.registry, views)
    verdicts: list[ViewVerdict] = []
    for view in chosen:
        with failure_of(view.name, lambda failed: verdicts.append(_failed(failed))):
            verdicts.append(_verdict(survey, reader, view.name, sample, repair=repair))
    return VerifyReport(survey.registry.project, tuple(verdicts))


def _failed(failure: ViewFailure) -> ViewVerdict:
    return ViewVerdict(failure.name, None, problem=str(failure.error).rstrip("."))


def _verdict(
    survey: Survey,
    reader: Callable[[datetime], OnlineClient],
    name: str,
    sample: int | None,
    *,
    repair: bool,
) -> ViewVerdict:
    damaged: list[pa.RecordBatch] = []
    verdict = _compared(survey, reader, name, sample, damaged)
    if not repair or not damaged:
        return verdict
    repaired = repair_rows(survey, name, damaged)
    again = _compared(survey, reader, name, sample, [])
    again.damaged, again.repaired = verdict.damaged, repaired
    return again


def _compared(
    survey: Survey,
    reader: Callable[[datetime], OnlineClient],
    name: str,
    sample: int | None,
    damaged: list[pa.RecordBatch],
) -> ViewVerdict:
    """Compare a view, and add the damaged rows to a list."""
    view = survey.registry.view(name)
    publication = publication_of(view, survey.warehouse, survey.now)
    found = survey.observed(publication)
    as_of, synced_at = found.online.as_of, found.online.synced_at
    verdict = ViewVerdict(name, as_of, personal_data=personal_names(survey.registry, view))
    if survey.ownership.is_foreign:
        verdict.problem = f"the rows are not this project's: {found.reason}"
        return verdict
    if as_of is None or synced_at is None:
        verdict.problem = f"the view is not online: {found.reason or found.state}"
        return verdict
    # As of the last publication: rows that arrived since are not online yet, and not an error.
    then = publication_of(view, survey.warehouse, as_of)
    # The server's clock ran on since the publication, so rows may have expired there meanwhile.
    expired = _expired_since(survey, then, as_of + (datetime.now(UTC) - synced_at))
    with closing(reader(as_of)) as client:
        damaged += _compare(survey, then, client, verdict, expired=expired, sample=sample)
    return verdict


def _compare(
    survey: Survey,
    publication: Publication,
    client: OnlineClient,
    verdict: ViewVerdict,
    *,
    expired: str,
    sample: int | None,
) -> list[pa.RecordBatch]:
    """Compare rows, and return those that are damaged online."""
    newest = survey.current_rows(publication)
    limit = "" if sample is None else f" ORDER BY {survey.chance} LIMIT {sample}"
    rows = survey.ledger.database.stream(
        f"SELECT *, {expired} AS {_EXPIRED_SINCE} FROM {newest}{limit}"
    )
    damaged = [_compare_batch(publication, client, verdict, batch) for batch in _slices(rows)]
    if sample is None:
        _find_unknown(survey, publication, newest, verdict)
    return [batch for batch in damaged if batch.num_rows]


def _expired_since(survey: Survey, publication: Publication, moment: datetime) -> str:
    """Write the condition that a row has run out by now, so that Redis may have dropped it."""
    return has_expired(publication.view, moment, survey.ledger.database.dialect)


def _slices(rows: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    for batch in batches(rows):
        for start in range(0, batch.num_rows, ROWS_PER_READ):
            yield batch.slice(start, ROWS_PER_READ)


def _compare_batch(
    publication: Publication, client: OnlineClient, verdict: ViewVerdict, batch: pa.RecordBatch
) -> pa.RecordBatch:
    """Compare some rows, and return those that are damaged online."""
    features = publication.view.feature_names
    keys = {name: python_values(batch.column(name)) for name, _ in publication.schema.keys}
    rows = {name: python_values(batch.column(name)) for name in features}
    expired = batch.column(_EXPIRED_SINCE).to_pylist()
    # Without defaults, which are not published.
    request = ResolvedRequest((ServiceMember(publication.name, features),), fills=False)
    online = client.get(request, keys or {_NO_KEY: [0] * batch.num_rows})
    verdict.checked += batch.num_rows
    for index in range(batch.num_rows):
        if expired[index] and _is(Status.NOT_FOUND, online, index):
            continue
        key = {name: values[index] for name, values in keys.items()}
        row = {name: values[index] for name, values in rows.items()}
        differences = list(_differences(publication.name, key, row, online, index))
        verdict.differing += bool(differences)
        for difference in differences:
            verdict.note(difference)
    damaged = [index for index in range(batch.num_rows) if _is(Status.DAMAGED, online, index)]
    verdict.damaged += len(damaged)
    return batch.take(integers(damaged))


def _is(status: Status, online: OnlineResponse, index: int) -> bool:
    """Return whether a whole row has a status."""
    return all(found[index] is status for found in online.statuses.values())


def _differences(
    view: str, key: dict[str, Any], row: dict[str, Any], online: OnlineResponse, index: int
) -> Iterator[Difference]:
    for status in (Status.NOT_FOUND, Status.DAMAGED):
        if _is(status, online, index):
            yield Difference(
                view=view, key=key, feature=_WHOLE_ROW, expected="a row", found=str(status)
            )
            return
    for feature, expected in row.items():
        status = online.statuses[feature][index]
        value = online.values[feature][index]
        there = status in (Status.PRESENT, Status.NULL)
        if not there or not _same(expected, value):
            found = value if there else str(status)
            yield Difference(view=view, key=key, feature=feature, expected=expected, found=found)


def _same(expected: Any, found: Any) -> bool:
    """Return whether two values have one type and value; NaN equals NaN, 0.0 differs from -0.0."""
    if type(expected) is not type(found):
        return False
    if isinstance(expected, list):
        return len(expected) == len(found) and all(map(_same, expected, found))
    if isinstance(expected, float):
        signs = math.copysign(1, expected) == math.copysign(1, found)
        return (expected == found and signs) or (math.isnan(expected) and math.isnan(found))
    return bool(expected == found)


def _not_expired(
    survey: Survey, publication: Publication, keys: Iterator[bytes]
) -> Iterator[bytes]:
    """Yield the keys but those of expired rows: readers say EXPIRED, and the server drops them."""
    ages = RowAges.of(publication, is_same=True)
    for group in key_groups(keys):
        expired = ages.are_expired(key_reader(survey.client)(group))
        yield from (key for key, is_over in zip(group, expired, strict=True) if not is_over)


def _find_unknown(
    survey: Survey, publication: Publication, newest: str, verdict: ViewVerdict
) -> None:
    unknown = unknown_keys(survey, publication, newest)
    verdict.unknown = 0
    for key in _not_expired(survey, publication, unknown):
        verdict.unknown += 1
        hidden = survey.warehouse.hides_values
        columns = key_columns(survey.project, publication, key, hidden=hidden)
        verdict.note(
            Difference(
                view=publication.name,
                key=columns,
                feature=_WHOLE_ROW,
                expected="no row",
                found="a row",
            )
        )
