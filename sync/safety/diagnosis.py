"""Compares the ledger with the metadata in Redis: do they agree on a view?"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from featurestore.online.redis.commands import RedisCommands
from sync.redis.metadata import OnlineMetadata, read_metadata
from sync.warehouse.ledger_entries import LedgerEntry
from sync.warehouse.publication import Publication

__all__ = [
    "OTHER_IDENTITY",
    "PART_LOST",
    "Diagnosis",
    "PublicationState",
    "diagnose",
    "diagnose_online",
]

OTHER_IDENTITY = "another identity publishes it"
PART_LOST = "a part of the online store lost its data"


class PublicationState(StrEnum):
    """The state of a view's publication. `diagnose` finds all but the last four."""

    OK = "ok"
    NEVER = "never published"
    INTERRUPTED = "interrupted"
    LOST = "lost"
    FOREIGN = "foreign"
    CHANGED = "schema differs"
    UNDECLARED = "no longer declared"
    BROKEN = "cannot be published"
    HELD_BACK = "held back"
    EMPTY = "no rows"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The state of one view's publication.

    Attributes:
        state: The state.
        reason: Why the next sync publishes every row; empty if the state says it all.
        online: The view's metadata in Redis.
    """

    state: PublicationState
    reason: str
    online: OnlineMetadata


def diagnose(
    client: RedisCommands, project: str, publication: Publication, entry: LedgerEntry | None
) -> Diagnosis:
    """Compare the ledger's entry of a view with the metadata in Redis.

    Args:
        client: The online store.
        project: The dbt project.
        publication: The view as it would be published now.
        entry: The ledger's entry of the view; None if it has none.

    Returns:
        The state. In any state but `OK`, publishing the changes is not enough: every row has to be
        published.
    """
    online = read_metadata(client, project, publication.name)
    return _first_of(_causes(publication, entry, online), online)


def diagnose_online(client: RedisCommands, project: str, publication: Publication) -> Diagnosis:
    """Return the state of a view as Redis alone tells it, for a reader without the ledger.

    Args:
        client: The online store.
        project: The dbt project.
        publication: The view as it would be published now.
    """
    online = read_metadata(client, project, publication.name)
    known = online.schema == publication.schema.fingerprint.hex()
    unfinished = "a sync is running, or did not finish it"
    causes = [
        (online.schema is None and online.epoch is None, PublicationState.NEVER, ""),
        (online.epoch is None, PublicationState.INTERRUPTED, unfinished),
        (not known, PublicationState.CHANGED, "its names or types changed"),
        (not online.complete, PublicationState.LOST, PART_LOST),
    ]
    return _first_of(causes, online)


def _first_of(
    causes: list[tuple[bool, PublicationState, str]], online: OnlineMetadata
) -> Diagnosis:
    """Return the first state that applies; OK if none does."""
    for applies, state, reason in causes:
        if applies:
            return Diagnosis(state, reason, online)
    return Diagnosis(PublicationState.OK, "", online)


def _causes(
    publication: Publication, entry: LedgerEntry | None, online: OnlineMetadata
) -> list[tuple[bool, PublicationState, str]]:
    """Return each state that is not OK, and whether it applies; the first that applies counts."""
    published = online.epoch is not None
    if entry is None:
        reason = "the ledger has no record of the publication"
        return [(published, PublicationState.FOREIGN, reason), (True, PublicationState.NEVER, "")]
    known = published and online.schema == publication.schema.fingerprint.hex()
    return [
        (
            not entry.complete,
            PublicationState.INTERRUPTED,
            "the ledger's table of published rows is gone",
        ),
        (entry.dirty, PublicationState.INTERRUPTED, "the last sync did not finish it"),
        (
            entry.layout != publication.layout,
            PublicationState.CHANGED,
            "its columns, types, ttl or format changed",
        ),
        (not known, PublicationState.LOST, "the online store does not have it"),
        (
            online.epoch != entry.epoch,
            PublicationState.FOREIGN,
            "the online store was restored, or published from another ledger",
        ),
        (not online.complete, PublicationState.LOST, PART_LOST),
    ]
