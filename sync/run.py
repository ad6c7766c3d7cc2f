"""What the steps of a sync share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from featurestore.online.keys import metadata_key
from featurestore.warehouse.protocol import Warehouse
from sync.report import ProgressEvent
from sync.safety.lock import Lease
from sync.warehouse.ledger import Ledger

if TYPE_CHECKING:
    import redis

__all__ = ["SyncRun", "silent"]


def silent(event: ProgressEvent) -> None:
    """Say nothing as the work goes on."""
    del event


@dataclass(frozen=True, slots=True)
class SyncRun:
    """What all views of one run share.

    Attributes:
        project: The dbt project.
        warehouse: Open for writing.
        client: The online store.
        lease: The lock that is held.
        state: What was published.
        now: The moment for which rows are the newest.
        progress: Called as the work goes on.
        begun: The servers' histories at the begin.
    """

    project: str
    warehouse: Warehouse
    client: redis.Redis
    lease: Lease
    state: Ledger
    now: datetime
    progress: Callable[[ProgressEvent], None] = silent
    begun: frozenset[str] = frozenset()

    def view_key(self, view: str) -> str:
        """Return the key of what Redis knows about a view's publication."""
        return metadata_key(self.project, "view", view)

    @property
    def views_key(self) -> str:
        """The key of the set of all views that have rows in Redis."""
        return metadata_key(self.project, "views")

    def schema_key(self, view: str) -> str:
        """Return the key of the schemas by which a view's rows are read."""
        return metadata_key(self.project, "schema", view)
