"""Counts the rows that a sync would delete from Redis, for the brake; nothing is written."""

from __future__ import annotations

from collections.abc import Sequence

from featurestore.governance.deletion_limit import DeletionLimit
from featurestore.online.key_values import text_family
from featurestore.online.schema import Schema
from sync.brake import FREE_ROWS, Departures
from sync.lapses import Lapses
from sync.orphans import absent_keys, compared_keys
from sync.redis.metadata import read_schemas
from sync.survey import Survey
from sync.warehouse.change_detection import OP, PREVIOUS_EVENT
from sync.warehouse.expired_rows import has_expired
from sync.warehouse.publication import Publication

__all__ = ["departures_of_full", "readable_layouts", "refusal_of_changes"]


def refusal_of_changes(
    survey: Survey,
    publication: Publication,
    changes: str,
    deleted: int,
    limit: DeletionLimit | None,
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
    was_expired = survey.ledger.queries(publication).was_expired
    gone = f"{OP} = 'delete' AND NOT {was_expired}"
    untimely = gone
    if publication.view.valid_until is not None:
        untimely += f" AND NOT {_has_ended(survey, publication)}"
    query = (
        f"SELECT count(CASE WHEN {untimely} THEN 1 END) AS untimely,"
        f" count(CASE WHEN {gone} OR {_expires(survey, publication)} THEN 1 END) AS leaving"
        f" FROM (SELECT * FROM {changes}) AS gone"
    )
    (found,) = survey.ledger.database.stream(query).read_all().to_pylist()
    staying = survey.ledger.summary(publication).current - int(found["leaving"])
    return Departures(deleted, int(found["untimely"]), staying).refused(limit)


def _expires(survey: Survey, publication: Publication) -> str:
    """Write the condition that a change ends a row which counted before."""
    expired = has_expired(publication.view, publication.now, survey.ledger.database.dialect)
    was_expired = survey.ledger.queries(publication).was_expired
    counted = f"{PREVIOUS_EVENT} IS NOT NULL AND NOT {was_expired}"
    return f"({OP} = 'upsert' AND {counted} AND {expired})"


def _has_ended(survey: Survey, publication: Publication) -> str:
    """Write the condition that the newest row of an entity has ended in the warehouse."""
    ended = survey.ended_entities(publication)
    same = survey.ledger.queries(publication).same_entity("gone", "ended")
    return f"EXISTS (SELECT 1 FROM {ended} AS ended WHERE {same})"


def departures_of_full(
    survey: Survey, publication: Publication, newest: str, lapses: Lapses
) -> Departures:
    """Walk through a view's rows in Redis, and count those that a full sync would delete.

    Args:
        survey: Both sides.
        publication: The view.
        newest: A table with the join keys of the view's newest rows.
        lapses: The rows that the sync leaves to the server.
    """
    readable = readable_layouts(survey, publication)
    ended = survey.ended_entities(publication) if publication.view.valid_until else ""
    stale = _expired_rows(survey, publication, newest)
    deleted = untimely = staying = 0
    groups = compared_keys(survey, publication, newest)
    for keys, missing in groups:
        deleted += len(lapses.left_out(missing))
        kept = [*({*keys} - {*missing})]
        staying += len(_not_in(survey, publication, stale, kept))
        gone = _not_in(survey, publication, ended, missing)
        untimely += len(lapses.ages.untimely(survey.client, gone, readable))
    return Departures(deleted, untimely, staying)


def _expired_rows(survey: Survey, publication: Publication, newest: str) -> str:
    """Return the subquery for the rows of a table that have expired; empty without any."""
    found = survey.ledger.summary(publication, newest)
    if found.rows == found.current:
        return ""
    expired = has_expired(publication.view, publication.now, survey.ledger.database.dialect)
    return f"(SELECT * FROM {newest} WHERE {expired})"


def _not_in(
    survey: Survey, publication: Publication, table: str, keys: list[bytes]
) -> Sequence[bytes]:
    """Return the keys that a table does not have; all of them without a table."""
    if not table or not keys:
        return keys
    return absent_keys(survey, publication, table, keys)


def readable_layouts(survey: Survey, publication: Publication) -> frozenset[bytes]:
    """Return the fingerprints of the layouts in Redis that have the keys of the publication."""
    schemas = read_schemas(survey.client, survey.project, publication.name)
    wanted = _plain_keys(publication.schema)
    return frozenset(schema.fingerprint for schema in schemas if _plain_keys(schema) == wanted)


def _plain_keys(schema: Schema) -> list[tuple[str, str]]:
    return [(name, text_family(kind)) for name, kind in schema.keys]
