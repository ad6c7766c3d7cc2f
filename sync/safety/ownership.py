"""One identity publishes a project to a server; every other one is refused, unless it takes over.

    fs-meta:{<project>}:owner        hash: the fields of the identity, and the id and the place of
                                     the ledger that the last run used
    fs-meta:{<project>}:taken-over   set: the views whose rows are still another identity's

Without this, `dev` and `prod` on one server would overwrite each other's rows, each of them
"healing" the other's publication. Readers do not look at it.

Every command that writes takes the lock by `ownership_lock`, so none can forget the comparison.
Metadata without an identity, of an older release or an empty server, gets that of the first writer.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field

from featurestore.errors import ForeignOwner, SyncError
from featurestore.online.keys import metadata_key
from featurestore.online.redis.commands import RedisCommands
from featurestore.online.redis.internals import shown_server
from sync.redis.metadata import view_key, views_key
from sync.safety.identity import Identity
from sync.safety.lock import Lease, sync_lock
from sync.warehouse.ledger import Ledger

__all__ = [
    "LedgerName",
    "Ownership",
    "note_own_rows",
    "ownership_lock",
    "read_ownership",
    "views_taken_over",
]


@dataclass(frozen=True, slots=True)
class LedgerName:
    """How Redis names a ledger; empty if it names none.

    Attributes:
        ledger_id: The ledger's random id.
        ledger_place: Where it was.
    """

    ledger_id: str = ""
    ledger_place: str = ""

    def refuse_other(self, ledger: Ledger) -> None:
        """Make sure that the ledger at hand is the one that Redis names.

        Raises:
            SyncError: It is another one, so a sync would publish every row.
        """
        if not self.is_other(ledger):
            return
        gone = f"an earlier ledger at {ledger.place}, which is gone"
        other = f"the ledger {self.ledger_place}, and this run has {ledger.place}"
        raise SyncError(
            "The rows online were published from"
            f" {gone if self.ledger_place == ledger.place else other}, so this run would publish"
            " every row.",
            remedy="Bring that ledger back, or leave out `--require-ledger`.",
        )

    def is_other(self, ledger: Ledger) -> bool:
        """Return whether Redis names another ledger than the one at hand."""
        return bool(self.ledger_id) and self.ledger_id != ledger.database_id


@dataclass(frozen=True, slots=True)
class Ownership:
    """Who publishes a project to the server.

    Attributes:
        own: The identity of this run.
        held: The identity in Redis; None if it has none.
        ledger: The ledger that Redis names: the one of the last run.
        server: The server and its database, for messages.
    """

    own: Identity
    held: Identity | None
    ledger: LedgerName = field(default_factory=LedgerName)
    server: str = "unknown"

    @property
    def is_foreign(self) -> bool:
        """Whether another identity publishes the project."""
        return self.held is not None and self.held != self.own

    def refuse_foreign(self, project: str) -> None:
        """Make sure that no other identity publishes the project.

        Args:
            project: The project, as its keys in Redis name it.

        Raises:
            ForeignOwner: Another one does; the error shows both.
        """
        if self.is_foreign:
            raise ForeignOwner(
                f"Another identity publishes '{project}' to this Redis: {self.held}."
                f" This run is: {self.own}. The server and database: {self.server}.",
                remedy="Give each its own `namespace` under `vars: featurestore:` in"
                " dbt_project.yml, or its own Redis. To replace the other's rows, run"
                " `featurestore sync --take-over`.",
            )


def read_ownership(client: RedisCommands, project: str, own: Identity) -> Ownership:
    """Return who publishes a project.

    Args:
        client: The online store.
        project: The project, as its keys name it.
        own: The identity of this run.
    """
    found = client.hgetall(_owner_key(project))
    texts = {_text(name): _text(value) for name, value in found.items()}
    held = Identity.from_fields(texts) if "project" in texts else None
    named = LedgerName(**{name: texts.get(name, "") for name in LedgerName.__slots__})
    return Ownership(own, held, named, shown_server(client))


@contextmanager
def ownership_lock(
    client: RedisCommands,
    project: str,
    ledger: Ledger,
    own: Identity,
    *,
    take_over: bool = False,
    require_ledger: bool = False,
) -> Iterator[Lease]:
    """Hold the project's lock, as its owner, for the length of a block.

    Args:
        client: The online store.
        project: The project, as its keys name it.
        ledger: The ledger; its tables are created.
        own: The identity of this run.
        take_over: Become the owner where another identity is.
        require_ledger: Refuse a ledger that is not the one that Redis names.

    Raises:
        SyncLocked: Another sync holds the lock.
        SyncError: The ledger is another one, and must not be.
        ForeignOwner: Another identity publishes the project; nothing was changed.
    """
    with sync_lock(client, project) as lease:
        found = read_ownership(client, project, own)
        if not take_over:
            found.refuse_foreign(project)
        if require_ledger:
            found.ledger.refuse_other(ledger)
        # The database's id, a part of the identity, must be kept before Redis names it.
        ledger.create()
        if found.held != own:
            _become_owner(client, lease, own, take_over=take_over)
        _name_ledger(lease, ledger, found.ledger)
        yield lease


def views_taken_over(client: RedisCommands, project: str) -> set[str]:
    """Return the views that were taken over and not published in full since."""
    return {_text(name) for name in client.smembers(_taken_over_key(project))}


def note_own_rows(lease: Lease, view: str) -> None:
    """Note that no row of another identity is left of a view."""
    lease.run("SREM", [_taken_over_key(lease.project)], view)


def _name_ledger(lease: Lease, ledger: Ledger, named: LedgerName) -> None:
    own = LedgerName(ledger.database_id, ledger.place)
    if own != named:
        words = [word for pair in asdict(own).items() for word in pair]
        lease.run("HSET", [_owner_key(lease.project)], *words)


def _become_owner(client: RedisCommands, lease: Lease, own: Identity, *, take_over: bool) -> None:
    words = [word for pair in own.to_fields().items() for word in pair]
    if not take_over:
        lease.run("HSET", [_owner_key(lease.project)], *words)
        return
    # The other identity's last commands may still be on their way.
    lease.fence_off_previous_holders()
    project = lease.project
    views = sorted(client.smembers(views_key(project)))
    epochs = [view_key(project, _text(view)) for view in views]
    keys = [_owner_key(project), _taken_over_key(project), *epochs]
    # One script: were it killed between two steps, an epoch of the other identity might survive
    # under this one's name, and rows of the other would count as published by this one.
    lease.run_script("take_over", keys, str(len(views)), *views, *words)


def _owner_key(project: str) -> str:
    return metadata_key(project, "owner")


def _taken_over_key(project: str) -> str:
    return metadata_key(project, "taken-over")


def _text(raw: bytes) -> str:
    return raw.decode(errors="replace")
