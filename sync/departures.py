"""Counts the rows that a sync would delete from Redis, for the brake; nothing is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from featurestore.errors import OnlineStoreError
from featurestore.online.row_format import events_of, fingerprint_of
from featurestore.online.schema import Schema
from featurestore.sql.dialects import render
from featurestore.sql.instants import instant_literal, minus, naive
from sync.brake import FREE_ROWS, Departures
from sync.orphans import compared_keys
from sync.redis.metadata import read_schemas
from sync.survey import Survey
from sync.warehouse.change_detection import OP, PREVIOUS_EVENT
from sync.warehouse.publication import Publication

__all__ = ["departures_of_changes", "departures_of_full"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def departures_of_changes(
    survey: Survey, publication: Publication, changes: str, deleted: int
) -> Departures:
    """Count the deletions among a view's changes.

    Args:
        survey: Both sides.
        publication: The view.
        changes: The changes, as a table or a subquery.
        deleted: The number of deletions among them.
    """
    if deleted <= FREE_ROWS:
        # The brake ignores so few, so the queries can be saved.
        return Departures(deleted, deleted, 0)
    published, _ = survey.ledger.summary(publication.view)
    condition = f"{OP} = 'delete' AND NOT coalesce({_expired(survey, publication)}, FALSE)"
    query = f"SELECT count(*) AS n FROM {changes} WHERE {condition}"
    untimely = survey.warehouse.stream(query).read_all().to_pylist()[0]["n"]
    return Departures(deleted, untimely, published - deleted)


def _expired(survey: Survey, publication: Publication) -> str:
    """Write the condition that the ttl of the row published before has run out."""
    view, dialect = publication.view, survey.warehouse.dialect
    if view.ttl is None:
        return "FALSE"
    event = replace(view.event_timestamp, name=PREVIOUS_EVENT)
    oldest = minus(instant_literal(publication.now, dialect), view.ttl, dialect)
    return render(naive(event, dialect) < oldest, dialect)


def departures_of_full(survey: Survey, publication: Publication, newest: str) -> Departures:
    """Walk through a view's rows in Redis, and count those that a full sync would delete.

    Args:
        survey: Both sides.
        publication: The view.
        newest: A table with the join keys of the view's newest rows.
    """
    readable = _readable_layouts(survey, publication)
    deleted = untimely = staying = 0
    groups = compared_keys(survey.client, survey.warehouse, survey.project, publication, newest)
    for size, missing in groups:
        deleted += len(missing)
        staying += size - len(missing)
        untimely += _count_untimely(survey, publication, missing, readable)
    return Departures(deleted, untimely, staying)


def _readable_layouts(survey: Survey, publication: Publication) -> set[bytes]:
    """Return the fingerprints of the layouts in Redis that have the keys of the publication."""
    schemas = read_schemas(survey.client, survey.project, publication.name)
    wanted = _plain_keys(publication.schema)
    return {schema.fingerprint for schema in schemas if _plain_keys(schema) == wanted}


def _plain_keys(schema: Schema) -> list[tuple[str, str]]:
    # Integers of all widths have the same text, so a wider one finds the same rows.
    return [(name, kind.rstrip("0123456789")) for name, kind in schema.keys]


def _count_untimely(
    survey: Survey, publication: Publication, keys: Sequence[bytes], readable: set[bytes]
) -> int:
    """Count the rows that readers find and whose ttl has not run out."""
    found = [raw for raw in _values(survey, keys) if _is_readable(raw, readable)]
    oldest = _oldest(publication)
    if oldest is None or not found:
        return len(found)
    return sum(1 for event in events_of(found) if event >= oldest)


def _is_readable(raw: object, readable: set[bytes]) -> bool:
    try:
        return isinstance(raw, bytes) and fingerprint_of(raw) in readable
    except OnlineStoreError:
        return False


def _values(survey: Survey, keys: Sequence[bytes]) -> list[Any]:
    if not keys:
        return []
    pipeline = survey.client.pipeline(transaction=False)
    for key in keys:
        pipeline.get(key)
    # A key that is not a text gives an error in its place.
    values: list[Any] = pipeline.execute(raise_on_error=False)
    return values


def _oldest(publication: Publication) -> int | None:
    """Return the oldest event that is not expired, in microseconds since 1970."""
    ttl = publication.view.ttl
    return None if ttl is None else (publication.now - ttl - _EPOCH) // timedelta(microseconds=1)
