"""Counts the rows that a sync would delete from Redis, for the brake; nothing is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from featurestore.errors import OnlineStoreError
from featurestore.online.key_values import text_family
from featurestore.online.redis.read_many import key_reader
from featurestore.online.row_format import events_of, fingerprint_of
from featurestore.online.schema import Schema
from featurestore.sql.dialects import render
from featurestore.sql.instants import instant_literal, minus, naive
from sync.brake import FREE_ROWS, Departures
from sync.orphans import absent_keys, compared_keys
from sync.redis.metadata import read_schemas
from sync.survey import Survey
from sync.warehouse.change_detection import OP, PREVIOUS_EVENT, same_entity
from sync.warehouse.publication import Publication

__all__ = ["departures_of_full", "refusal_of_changes"]


def refusal_of_changes(
    survey: Survey, publication: Publication, changes: str, deleted: int, limit: float | None
) -> str:
    """Return why a view's changes are held back; empty if they are not.

    Args:
        survey: Both sides.
        publication: The view.
        changes: The changes, as a table or a subquery.
        deleted: The number of deletions among them.
        limit: See `Departures.refused`.
    """
    if limit is None or deleted <= FREE_ROWS:
        # The brake is released, or ignores so few: the queries can be saved.
        return ""
    published, _ = survey.ledger.summary(publication.view)
    condition = f"{OP} = 'delete' AND NOT coalesce({_expired(survey, publication)}, FALSE)"
    if publication.view.valid_until is not None:
        condition += f" AND NOT {_has_ended(survey, publication)}"
    query = f"SELECT count(*) AS n FROM (SELECT * FROM {changes}) AS gone WHERE {condition}"
    untimely = survey.warehouse.stream(query).read_all().to_pylist()[0]["n"]
    return Departures(deleted, untimely, published - deleted).refused(limit)


def _expired(survey: Survey, publication: Publication) -> str:
    """Write the condition that the ttl of the row published before has run out."""
    view, dialect = publication.view, survey.warehouse.dialect
    if view.ttl is None:
        return "FALSE"
    event = replace(view.event_timestamp, name=PREVIOUS_EVENT)
    oldest = minus(instant_literal(publication.now, dialect), view.ttl, dialect)
    return render(naive(event, dialect) < oldest, dialect)


def _has_ended(survey: Survey, publication: Publication) -> str:
    """Write the condition that the newest row of an entity has ended in the warehouse."""
    ended = survey.ended_entities(publication)
    same = same_entity(publication, "gone", "ended") or "TRUE"
    return f"EXISTS (SELECT 1 FROM {ended} AS ended WHERE {same})"


def departures_of_full(survey: Survey, publication: Publication, newest: str) -> Departures:
    """Walk through a view's rows in Redis, and count those that a full sync would delete.

    Args:
        survey: Both sides.
        publication: The view.
        newest: A table with the join keys of the view's newest rows.
    """
    readable = _readable_layouts(survey, publication)
    ended = survey.ended_entities(publication) if publication.view.valid_until else ""
    deleted = untimely = staying = 0
    groups = compared_keys(survey.client, survey.warehouse, survey.project, publication, newest)
    for size, missing in groups:
        deleted += len(missing)
        staying += size - len(missing)
        gone = (
            absent_keys(survey.warehouse, survey.project, publication, ended, missing)
            if ended and missing
            else missing
        )
        untimely += _count_untimely(survey, publication, gone, readable)
    return Departures(deleted, untimely, staying)


def _readable_layouts(survey: Survey, publication: Publication) -> set[bytes]:
    """Return the fingerprints of the layouts in Redis that have the keys of the publication."""
    schemas = read_schemas(survey.client, survey.project, publication.name)
    wanted = _plain_keys(publication.schema)
    return {schema.fingerprint for schema in schemas if _plain_keys(schema) == wanted}


def _plain_keys(schema: Schema) -> list[tuple[str, str]]:
    return [(name, text_family(kind)) for name, kind in schema.keys]


def _count_untimely(
    survey: Survey, publication: Publication, keys: Sequence[bytes], readable: set[bytes]
) -> int:
    """Count the rows that readers find and whose ttl has not run out."""
    # A key that is not a text is None in the answer to MGET.
    values = key_reader(survey.client)(keys) if keys else []
    found = [raw for raw in values if _is_readable(raw, readable)]
    oldest = publication.oldest_event
    if oldest is None or not found:
        return len(found)
    return sum(1 for event in events_of(found) if event >= oldest)


def _is_readable(raw: object, readable: set[bytes]) -> bool:
    try:
        return isinstance(raw, bytes) and fingerprint_of(raw) in readable
    except OnlineStoreError:
        return False
