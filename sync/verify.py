"""Reads back what was published, and compares it with the warehouse, value by value."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from featurestore.online.client import OnlineClient, ResolvedRequest
from featurestore.online.response import OnlineResponse, Status
from featurestore.registry.definitions import ServiceMember
from featurestore.sql.dialects import render
from featurestore.sql.instants import instant_literal, minus, naive
from sync.orphans import unknown_keys
from sync.redis.stored_rows import key_columns
from sync.selection import chosen_views, publication_of
from sync.survey import Survey
from sync.warehouse.newest_rows import batches
from sync.warehouse.publication import Publication

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Difference", "VerifyReport", "ViewVerdict", "verify_views"]

_AT_ONCE = 500
_MOST_SHOWN = 20
_NO_KEY = "_row"
_AGED = "_known"
_WHOLE_ROW = "*"


@dataclass(frozen=True, slots=True)
class Difference:
    """One value that is not what the warehouse says.

    Attributes:
        view: The feature view.
        key: The join keys of the row.
        feature: The feature; `*` for the whole row.
        expected: What the warehouse says.
        found: What is online: a value, or the status that stands for none.
    """

    view: str
    key: Mapping[str, Any]
    feature: str
    expected: Any
    found: Any


@dataclass(slots=True)
class ViewVerdict:
    """What was found of one view.

    Attributes:
        view: The feature view.
        as_of: The moment of which Redis should hold the newest rows.
        checked: Rows of the warehouse that were looked up.
        differing: Of these, the ones that differ.
        unknown: Rows in Redis that the warehouse does not have; None where it was not asked.
        problem: Why nothing could be compared.
        differences: The first of them.
    """

    view: str
    as_of: datetime | None
    checked: int = 0
    differing: int = 0
    unknown: int | None = None
    problem: str = ""
    differences: list[Difference] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether all that was compared is the same."""
        return not (self.differing or self.unknown or self.problem)

    def note(self, found: Difference) -> None:
        """Keep one of the first differences."""
        if len(self.differences) < _MOST_SHOWN:
            self.differences.append(found)


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What was found of a project.

    Attributes:
        project: The dbt project.
        views: One verdict per view.
    """

    project: str
    views: tuple[ViewVerdict, ...]

    @property
    def good(self) -> bool:
        """Whether all that was compared is the same."""
        return all(view.good for view in self.views)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values, for JSON."""
        return {**asdict(self), "good": self.good}


def verify_views(
    survey: Survey,
    reader: Callable[[datetime], OnlineClient],
    *,
    views: Sequence[str] | None = None,
    sample: int | None,
) -> VerifyReport:
    """Compare what is online with the newest rows as of each view's last publication.

    Args:
        survey: Both sides.
        reader: Opens the online store as it stands at a moment.
        views: The views to compare; by default every one that is `online`.
        sample: The number of rows taken of each view; None for all, and then rows in Redis that the
            warehouse does not have are found too.
    """
    chosen = chosen_views(survey.registry, views)
    verdicts = [_verdict(survey, reader, view.name, sample) for view in chosen]
    return VerifyReport(survey.project, tuple(verdicts))


def _verdict(
    survey: Survey, reader: Callable[[datetime], OnlineClient], name: str, sample: int | None
) -> ViewVerdict:
    view = survey.registry.view(name)
    publication = publication_of(view, survey.warehouse, survey.now)
    found = survey.diagnosis(publication)
    as_of, synced_at = survey.last_publication(name, found)
    verdict = ViewVerdict(name, as_of)
    if as_of is None or synced_at is None:
        verdict.problem = f"the view is not online: {found.reason or found.condition}"
        return verdict
    then = publication_of(view, survey.warehouse, as_of)
    # The server's clock has gone on since: rows may have expired there meanwhile.
    aged = _aged(survey, then, as_of + (datetime.now(UTC) - synced_at))
    with closing(reader(as_of)) as client:
        _compare(survey, then, client, verdict, aged=aged, sample=sample)
    return verdict


def _compare(
    survey: Survey,
    publication: Publication,
    client: OnlineClient,
    verdict: ViewVerdict,
    *,
    aged: str,
    sample: int | None,
) -> None:
    newest = survey.newest_rows(publication)
    limit = "" if sample is None else f" ORDER BY random() LIMIT {sample}"
    rows = survey.warehouse.stream(f"SELECT *, {aged} AS {_AGED} FROM {newest}{limit}")
    for batch in _slices(rows):
        _compare_batch(publication, client, verdict, batch)
    if sample is None:
        _find_unknown(survey, publication, newest, verdict)


def _aged(survey: Survey, publication: Publication, moment: datetime) -> str:
    """Write the condition that a row has outlived its ttl since, so that the server may drop it."""
    view, dialect = publication.view, survey.warehouse.dialect
    if view.ttl is None:
        return "FALSE"
    oldest = minus(instant_literal(moment, dialect), view.ttl, dialect)
    return render(naive(view.event_timestamp, dialect) < oldest, dialect)


def _slices(rows: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    for batch in batches(rows):
        for start in range(0, batch.num_rows, _AT_ONCE):
            yield batch.slice(start, _AT_ONCE)


def _compare_batch(
    publication: Publication, client: OnlineClient, verdict: ViewVerdict, batch: pa.RecordBatch
) -> None:
    columns = batch.to_pydict()
    features = publication.view.feature_names
    keys = {name: columns[name] for name, _ in publication.schema.keys}
    request = ResolvedRequest((ServiceMember(publication.name, features),))
    online = client.get(request, keys or {_NO_KEY: [0] * batch.num_rows})
    verdict.checked += batch.num_rows
    for index in range(batch.num_rows):
        if columns[_AGED][index] and _is_missing(online, index):
            continue
        key = {name: values[index] for name, values in keys.items()}
        row = {name: columns[name][index] for name in features}
        differences = list(_differences(publication.name, key, row, online, index))
        verdict.differing += bool(differences)
        for difference in differences:
            verdict.note(difference)


def _is_missing(online: OnlineResponse, index: int) -> bool:
    return all(found[index] is Status.NOT_FOUND for found in online.statuses.values())


def _differences(
    view: str, key: dict[str, Any], row: dict[str, Any], online: OnlineResponse, index: int
) -> Iterator[Difference]:
    if _is_missing(online, index):
        yield Difference(view, key, _WHOLE_ROW, "a row", str(Status.NOT_FOUND))
        return
    for feature, expected in row.items():
        status = online.statuses[feature][index]
        value = online.values[feature][index]
        there = status in (Status.PRESENT, Status.NULL)
        if not there or not _same(expected, value):
            yield Difference(view, key, feature, expected, value if there else str(status))


def _same(expected: Any, found: Any) -> bool:
    """Whether two values are one, of the same type; NaN equals itself, and 0.0 is not -0.0."""
    if type(expected) is not type(found):
        return False
    if isinstance(expected, list):
        return len(expected) == len(found) and all(map(_same, expected, found))
    if isinstance(expected, float):
        signs = math.copysign(1, expected) == math.copysign(1, found)
        return (expected == found and signs) or (math.isnan(expected) and math.isnan(found))
    return bool(expected == found)


def _find_unknown(
    survey: Survey, publication: Publication, newest: str, verdict: ViewVerdict
) -> None:
    unknown = unknown_keys(survey.client, survey.warehouse, survey.project, publication, newest)
    verdict.unknown = 0
    for key in unknown:
        verdict.unknown += 1
        columns = key_columns(survey.project, publication, key)
        verdict.note(Difference(publication.name, columns, _WHOLE_ROW, "no row", "a row"))
