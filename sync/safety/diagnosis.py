"""Whether Redis and the warehouse agree on what was published of a view, and if not, why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from featurestore.online.keys import metadata_key
from sync.safety.canaries import canaries_agree
from sync.warehouse.ledger import LedgerEntry
from sync.warehouse.publication import Publication

if TYPE_CHECKING:
    import redis

__all__ = ["PART_LOST", "Condition", "Diagnosis", "OnlineMetadata", "examine", "read_metadata"]

PART_LOST = "a part of the online store lost what it had"


class Condition(StrEnum):
    """What a view's publication is in."""

    OK = "ok"
    NEVER = "never published"
    INTERRUPTED = "interrupted"
    LOST = "lost"
    FOREIGN = "foreign"
    CHANGED = "schema differs"
    UNDECLARED = "no longer declared"
    BROKEN = "cannot be published"


@dataclass(frozen=True, slots=True)
class OnlineMetadata:
    """What Redis says of a view's publication.

    Attributes:
        epoch: Its name; None while rows are being changed, or when there is none.
        schema: The fingerprint of the schema in force.
        as_of: The instant for which the rows were the newest.
        synced_at: The clock when they were all there.
        whole: Whether every part of a cluster still has what it had then.
    """

    epoch: str | None = None
    schema: str | None = None
    as_of: datetime | None = None
    synced_at: datetime | None = None
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What was found of one view.

    Attributes:
        condition: In one word or two.
        reason: Why the next sync publishes every row of it, where there is more to say.
        online: What Redis says of it.
    """

    condition: Condition
    reason: str
    online: OnlineMetadata


def read_metadata(client: redis.Redis, project: str, view: str) -> OnlineMetadata:
    """Read what Redis says of a view's publication."""
    pipeline = client.pipeline(transaction=False)
    pipeline.hgetall(metadata_key(project, "view", view))
    pipeline.hget(metadata_key(project, "schema", view), "current")
    fields, current = pipeline.execute()
    texts = {_text(name): _text(value) for name, value in fields.items()}
    epoch = texts.get("epoch")
    return OnlineMetadata(
        epoch=epoch,
        schema=None if current is None else _text(current),
        as_of=_moment(texts, "as_of"),
        synced_at=_moment(texts, "synced_at"),
        whole=epoch is None or canaries_agree(client, project, view, epoch),
    )


def _text(raw: bytes) -> str:
    return raw.decode(errors="replace")


def _moment(texts: Mapping[str, str], name: str) -> datetime | None:
    try:
        return datetime.fromisoformat(texts.get(name, ""))
    except ValueError:
        return None


def examine(
    client: redis.Redis, project: str, publication: Publication, state: LedgerEntry | None
) -> Diagnosis:
    """Compare what the warehouse's book says of a view with what Redis says.

    Args:
        client: The online store.
        project: The dbt project.
        publication: The view as it would be published now.
        state: What the warehouse's book says; None if it has no record.

    Returns:
        The condition; with any but `OK`, what changed is not enough, and all has to be published.
    """
    online = read_metadata(client, project, publication.name)
    for applies, condition, reason in _causes(publication, state, online):
        if applies:
            return Diagnosis(condition, reason, online)
    return Diagnosis(Condition.OK, "", online)


def _causes(
    publication: Publication, state: LedgerEntry | None, online: OnlineMetadata
) -> list[tuple[Any, Condition, str]]:
    held = online.epoch is not None
    if state is None:
        unrecorded = "the warehouse has no record of what was published"
        return [(held, Condition.FOREIGN, unrecorded), (True, Condition.NEVER, "")]
    known = held and online.schema == publication.schema.fingerprint.hex()
    return [
        (
            not state.complete,
            Condition.INTERRUPTED,
            "the warehouse's table of what was published is gone",
        ),
        (state.dirty, Condition.INTERRUPTED, "the last sync did not finish it"),
        (
            state.layout != publication.layout,
            Condition.CHANGED,
            "its columns, types or ttl changed",
        ),
        (not known, Condition.LOST, "the online store does not have it"),
        (
            online.epoch != state.epoch,
            Condition.FOREIGN,
            "the online store was restored, or published to from another warehouse",
        ),
        (not online.whole, Condition.LOST, PART_LOST),
    ]
