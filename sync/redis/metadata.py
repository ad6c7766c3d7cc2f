"""The metadata of a view's publication in Redis: its epoch, its schemas, and the list of views.

    fs-meta:{<project>}:view:<view>     hash: epoch, as_of, synced_at; changes_at, compared_at and
                                        table, for the sync alone
    fs-meta:{<project>}:schema:<view>   hash: each schema by its fingerprint, `current`, and in
                                        `pii` the personal data that the sync was allowed: names of
                                        features, keys and timestamps
    fs-meta:{<project>}:views           set: the views that may have rows

`<project>` is the project's name, or its namespace. `safety.ownership` has the keys of its owner.
In a cluster each view also has canaries, which repeat the epoch.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from featurestore.errors import OnlineStoreError, SyncError
from featurestore.online.keys import metadata_key
from featurestore.online.published_schemas import PERSONAL_FIELD, personal_data_of
from featurestore.online.redis.commands import RedisCommands
from featurestore.online.schema import Schema, fingerprint_of_schema
from sync.safety.canaries import canaries_agree, set_canaries, swap_canaries
from sync.safety.lock import Lease

__all__ = [
    "OnlineMetadata",
    "announce_schema",
    "clear_epoch",
    "confirm_rows",
    "delete_old_schemas",
    "make_schema_current",
    "note_changes",
    "note_comparison",
    "read_metadata",
    "read_personal_data",
    "read_schemas",
    "record_personal_data",
    "refuse_fingerprint_collision",
    "schema_key",
    "view_key",
    "views_key",
    "write_epoch",
]


_NOT_SCHEMAS = (b"current", PERSONAL_FIELD)
"""The fields of a view's schemas that are not a schema."""


def view_key(project: str, view: str) -> str:
    """Return the key of a view's epoch and moments."""
    return metadata_key(project, "view", view)


def views_key(project: str) -> str:
    """Return the key of the set of views that may have rows in Redis."""
    return metadata_key(project, "views")


def schema_key(project: str, view: str) -> str:
    """Return the key of a view's schemas."""
    return metadata_key(project, "schema", view)


@dataclass(frozen=True, slots=True, kw_only=True)
class OnlineMetadata:
    """The metadata of a view's publication.

    Attributes:
        epoch: The publication's name; None while rows are written, and before the first sync.
        schema: The fingerprint of the current schema.
        as_of: The moment whose newest rows Redis holds.
        synced_at: The clock when they were written last, or compared and found unchanged.
        changes_at: The moment of the last run that looked for every change, in the whole table or
            where dbt may have changed it; None if it is not known.
        compared_at: The moment whose rows were all compared last; None if it is not known.
        table: What identified the view's table then, see `change_window`; empty if the warehouse
            did not tell.
        complete: Whether every part of a cluster still has the data of this publication.
    """

    epoch: str | None = None
    schema: str | None = None
    as_of: datetime | None = None
    synced_at: datetime | None = None
    changes_at: datetime | None = None
    compared_at: datetime | None = None
    table: str = ""
    complete: bool = True


def read_metadata(client: RedisCommands, project: str, view: str) -> OnlineMetadata:
    """Return the metadata of a view's publication."""
    pipeline = client.pipeline(transaction=False)
    pipeline.hgetall(view_key(project, view))
    pipeline.hget(schema_key(project, view), "current")
    fields, current = pipeline.execute()
    texts = {_text(name): _text(value) for name, value in fields.items()}
    epoch = texts.get("epoch")
    return OnlineMetadata(
        epoch=epoch,
        schema=None if current is None else _text(current),
        as_of=_moment(texts, "as_of"),
        synced_at=_moment(texts, "synced_at"),
        changes_at=_moment(texts, "changes_at"),
        compared_at=_moment(texts, "compared_at"),
        table=texts.get("table", ""),
        complete=epoch is None or canaries_agree(client, project, view, epoch),
    )


def read_schemas(client: RedisCommands, project: str, view: str) -> list[Schema]:
    """Return the schemas of a view's rows; damaged ones and those of other formats are left out."""
    texts = client.hgetall(schema_key(project, view))
    schemas = []
    for name, text in texts.items():
        if name not in _NOT_SCHEMAS:
            with suppress(OnlineStoreError):
                schemas.append(Schema.from_json(text))
    return schemas


def _text(raw: bytes) -> str:
    return raw.decode(errors="replace")


def _moment(texts: Mapping[str, str], name: str) -> datetime | None:
    try:
        return datetime.fromisoformat(texts.get(name, ""))
    except ValueError:
        return None


def refuse_fingerprint_collision(
    client: RedisCommands, project: str, view: str, schema: Schema
) -> None:
    """Make sure that no other schema of the view has the same fingerprint.

    Raises:
        SyncError: Another schema has it: a reader would decode rows of one schema by the other.
    """
    fingerprint = schema.fingerprint
    held = client.hget(schema_key(project, view), fingerprint.hex())
    # A text that does not have the fingerprint of its field is damage, and is overwritten.
    same = held is not None and fingerprint_of_schema(held) == fingerprint
    if same and held != schema.to_json().encode():
        raise SyncError(
            f"Feature view '{view}' cannot be published: its schema and another schema of it in"
            f" Redis have one fingerprint, {fingerprint.hex()}.",
            remedy="Add, rename or move a feature. Two schemas collide once in four billion.",
        )


def announce_schema(client: RedisCommands, lease: Lease, view: str, schema: Schema) -> None:
    """Write the schema and the view's name. Readers need them before the first row is there.

    A view without a publication gets no current schema yet: until all its rows are there, readers
    say that it has not been published.
    """
    project, key = lease.project, schema_key(lease.project, view)
    lease.run("HSET", [key], schema.fingerprint.hex(), schema.to_json())
    if client.hget(key, "current") is not None:
        make_schema_current(lease, view, schema)
    lease.run("SADD", [views_key(project)], view)


def make_schema_current(lease: Lease, view: str, schema: Schema) -> None:
    """Note that a view's new rows have a schema that was announced."""
    lease.run("HSET", [schema_key(lease.project, view)], "current", schema.fingerprint.hex())


def read_personal_data(client: RedisCommands, project: str, view: str) -> frozenset[str] | None:
    """Return the personal data that a view's sync was allowed; None without a record."""
    return personal_data_of(client.hget(schema_key(project, view), PERSONAL_FIELD.decode()))


def record_personal_data(
    client: RedisCommands, lease: Lease, view: str, names: Sequence[str]
) -> None:
    """Write which personal data of a view the sync was allowed, if that has changed.

    Readers refuse others, so this must come after the rows that no longer hold them.
    """
    if read_personal_data(client, lease.project, view) != frozenset(names):
        text = json.dumps(sorted(names))
        lease.run("HSET", [schema_key(lease.project, view)], PERSONAL_FIELD.decode(), text)


def delete_old_schemas(client: RedisCommands, lease: Lease, view: str, current: Schema) -> None:
    """Delete all schemas but the current one, once no row of an older one is left."""
    key = schema_key(lease.project, view)
    kept = {*_NOT_SCHEMAS, current.fingerprint.hex().encode()}
    old = [name for name in client.hkeys(key) if name not in kept]
    if old:
        lease.run("HDEL", [key], *old)


def clear_epoch(
    client: RedisCommands, lease: Lease, view: str, expected: str | None = None
) -> bool:
    """Delete the epoch before rows change, so that a half-done publication has none.

    The canaries of a cluster hold the lock's token meanwhile: a node that comes back empty lacks
    it at the end.

    Args:
        client: The online store.
        lease: The lock.
        view: The feature view.
        expected: The epoch of the rows that stay; None if every row is written again.

    Returns:
        Whether every part of the cluster still had the expected epoch.
    """
    # First of all: a run that dies after this line leaves no epoch, so the next one heals it.
    lease.run("HDEL", [view_key(lease.project, view)], "epoch")
    if expected is not None:
        return swap_canaries(client, lease.project, view, expected, lease.token)
    set_canaries(client, lease.project, view, lease.token)
    return True


def write_epoch(client: RedisCommands, lease: Lease, view: str, as_of: datetime) -> str:
    """Write and return a new epoch: from here on Redis holds the rows of the ledger's table.

    Raises:
        SyncError: A part of the cluster lost its data while rows were written.
    """
    epoch = secrets.token_hex(8)
    # The epoch is written last. A server that loses the end of its history loses it first.
    if not swap_canaries(client, lease.project, view, lease.token, epoch):
        raise SyncError(
            "A node of the cluster lost its data while rows were written.",
            remedy="Run the sync again; it publishes what is missing.",
        )
    lease.run("HSET", [view_key(lease.project, view)], "epoch", epoch, *_moments(as_of))
    return epoch


def confirm_rows(lease: Lease, view: str, as_of: datetime) -> None:
    """Note that the rows of an epoch are the newest ones of a later moment too."""
    lease.run("HSET", [view_key(lease.project, view)], *_moments(as_of))


def note_changes(lease: Lease, view: str, as_of: datetime) -> None:
    """Note that a run at a moment looked for every change of a view."""
    lease.run("HSET", [view_key(lease.project, view)], "changes_at", as_of.isoformat())


def note_comparison(lease: Lease, view: str, as_of: datetime, table: str) -> None:
    """Note that all rows of a view were compared at a moment.

    Args:
        lease: The lock.
        view: The feature view.
        as_of: The moment.
        table: What identified its table before the rows were read.
    """
    words = ("compared_at", as_of.isoformat(), "table", table)
    lease.run("HSET", [view_key(lease.project, view)], *words)


def _moments(as_of: datetime) -> tuple[str, ...]:
    clock = datetime.now(UTC).isoformat(timespec="seconds")
    return "as_of", as_of.isoformat(), "synced_at", clock
