"""What the operations that write nothing share: both sides, and the newest rows to look at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from featurestore.registry.registry import Registry
from featurestore.warehouse.protocol import Warehouse
from sync.safety.diagnosis import Condition, Diagnosis, examine
from sync.warehouse.ledger import Ledger
from sync.warehouse.publication import Publication

if TYPE_CHECKING:
    import redis

__all__ = ["MEMORY_SAMPLE_ROWS", "Survey"]

MEMORY_SAMPLE_ROWS = 500
"""Rows by which the memory of all is estimated."""

_NEWEST = "_featurestore_newest"


@dataclass(frozen=True, slots=True)
class Survey:
    """Both sides of a project.

    Attributes:
        registry: The project's definitions.
        warehouse: Open for reading.
        client: The online store.
        state: What the warehouse says was published.
        now: The moment at which the store stands.
    """

    registry: Registry
    warehouse: Warehouse
    client: redis.Redis
    state: Ledger
    now: datetime

    @property
    def project(self) -> str:
        """The dbt project."""
        return self.registry.project

    def diagnosis(self, publication: Publication) -> Diagnosis:
        """Compare what both sides say of a view."""
        state = self.state.read(publication.name)
        return examine(self.client, self.project, publication, state)

    def last_publication(
        self, view: str, found: Diagnosis
    ) -> tuple[datetime | None, datetime | None]:
        """Return the moment of which Redis holds the newest rows, and the clock at that time.

        A sync that finds nothing to change leaves Redis alone, and tells the warehouse only.
        """
        confirmed = self.state.confirmed(view) if found.condition is Condition.OK else None
        return confirmed or (found.online.as_of, found.online.synced_at)

    def newest_rows(self, publication: Publication) -> str:
        """Keep the newest rows for the length of the session; return the table's name."""
        self.warehouse.execute(f"CREATE OR REPLACE TEMP TABLE {_NEWEST} AS\n{publication.latest}")
        return _NEWEST

    def sample(self, source: str, rows: int = MEMORY_SAMPLE_ROWS) -> list[dict[str, Any]]:
        """Return some rows of a table."""
        query = f"SELECT * FROM {source} ORDER BY random() LIMIT {rows}"
        sampled: list[dict[str, Any]] = self.warehouse.stream(query).read_all().to_pylist()
        return sampled
