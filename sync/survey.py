"""Both sides of a project, warehouse and Redis, for all commands."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from featurestore.online.redis.commands import RedisCommands
from featurestore.registry.registry import Registry
from featurestore.sql.dialects import render
from featurestore.warehouse.protocol import Warehouse
from sync.safety.diagnosis import (
    OTHER_IDENTITY,
    Diagnosis,
    PublicationState,
    diagnose,
    diagnose_online,
)
from sync.safety.ownership import Ownership
from sync.warehouse.ledger import Ledger
from sync.warehouse.publication import Publication

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["MEMORY_SAMPLE_ROWS", "Survey"]

MEMORY_SAMPLE_ROWS = 500
"""Rows from which the memory of all rows is estimated."""

_NEWEST = "_featurestore_newest"
_KNOWN = "_featurestore_known"
_ENDED = "_featurestore_ended"


@dataclass(frozen=True, slots=True)
class Survey:
    """Both sides of a project.

    Attributes:
        registry: The project's definitions.
        warehouse: The warehouse.
        client: The online store.
        ledger: The record of what was published.
        now: The moment whose newest rows count.
        ownership: Who publishes the project to the online store.
    """

    registry: Registry
    warehouse: Warehouse
    client: RedisCommands
    ledger: Ledger
    now: datetime
    ownership: Ownership

    @property
    def project(self) -> str:
        """The project, as its keys in Redis and its ledger name it."""
        return self.registry.online_name

    def diagnosis(self, publication: Publication) -> Diagnosis:
        """Compare the ledger with Redis for one view."""
        entry = self.ledger.read(publication.name)
        found = diagnose(self.client, self.project, publication, entry)
        if self.ownership.is_foreign:
            return replace(found, state=PublicationState.FOREIGN, reason=OTHER_IDENTITY)
        return found

    @property
    def has_ledger(self) -> bool:
        """Whether the ledger at hand is the one that the rows online were published from."""
        return self.ledger.in_warehouse or not self.ownership.ledger.is_other(self.ledger)

    def observed(self, publication: Publication) -> Diagnosis:
        """Return the state of a view for a reader, who may lack the ledger."""
        if self.has_ledger or self.ownership.is_foreign:
            return self.diagnosis(publication)
        return diagnose_online(self.client, self.project, publication)

    def newest_rows(self, publication: Publication) -> str:
        """Keep the newest rows, as Redis holds them, for the session; return the table's name."""
        return self.ledger.keep(_NEWEST, publication.latest)

    def current_rows(self, publication: Publication) -> str:
        """Keep the newest rows that have not expired; return the table's name."""
        return self.ledger.keep(_NEWEST, publication.current)

    def known_rows(self, publication: Publication) -> str:
        """Keep the newest rows, however long ago they expired; return the table's name."""
        return self.ledger.keep(_KNOWN, publication.known)

    def newest_entities(self, publication: Publication) -> str:
        """Keep the join keys and the newest instant of each entity; return the table's name.

        That is cheaper than `newest_rows`, which also decides ties. Where rows have an end, the
        ties decide whether the newest row has ended.
        """
        view = publication.view
        if view.validity_columns:
            return self.newest_rows(publication)
        return self.ledger.keep(_NEWEST, publication.newest_entities)

    def ended_entities(self, publication: Publication) -> str:
        """Keep the entities whose newest row has ended; return the table's name."""
        return self.ledger.keep(_ENDED, publication.ended)

    @property
    def chance(self) -> str:
        """The SQL of a random number, where the ledger is."""
        return render(exp.Rand(), self.ledger.database.dialect)

    def sample(
        self, publication: Publication, source: str, rows: int = MEMORY_SAMPLE_ROWS
    ) -> list[dict[str, Any]]:
        """Return random rows of a table of a view's rows, without their timestamps.

        A row with a key or a feature that Python lacks is left out.
        """
        view = publication.view
        stamps = {
            column.name for column in (view.event_timestamp, view.created_timestamp) if column
        }
        query = f"SELECT * FROM {source} ORDER BY {self.chance} LIMIT {rows}"
        table = self.ledger.database.stream(query).read_all()
        return list(_readable(table.drop_columns([*stamps & {*table.column_names}])))


def _readable(table: pa.Table) -> Iterator[dict[str, Any]]:
    """Yield rows as Python values; a sync refuses a view with the others, and names the value."""
    for number in range(table.num_rows):
        with suppress(OverflowError, ValueError):
            yield from table.slice(number, 1).to_pylist()
