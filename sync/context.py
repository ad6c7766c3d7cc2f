"""What the steps of a sync share."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from featurestore.definitions import FeatureView
from featurestore.online.codec import Schema
from featurestore.online.keys import book
from featurestore.warehouse.protocol import Warehouse
from sync.lock import Lease
from sync.report import ProgressEvent
from sync.state import State

if TYPE_CHECKING:
    import redis

__all__ = ["Context", "Publication", "columns_of", "silent"]


def silent(event: ProgressEvent) -> None:
    """Say nothing as the work goes on."""
    del event


@dataclass(frozen=True, slots=True)
class Context:
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
    state: State
    now: datetime
    progress: Callable[[ProgressEvent], None] = silent
    begun: frozenset[str] = frozenset()

    def view_book(self, view: str) -> str:
        """Return the key of what Redis knows about a view's publication."""
        return book(self.project, "view", view)

    @property
    def views_book(self) -> str:
        """The key of the set of all views that have rows in Redis."""
        return book(self.project, "views")

    def schema_book(self, view: str) -> str:
        """Return the key of the schemas by which a view's rows are read."""
        return book(self.project, "schema", view)


def columns_of(layout: str) -> tuple[str, ...]:
    """Return the names of the columns that were published by a layout.

    >>> columns_of('{"columns": [["tailnum", "string"], ["seats", "int32"]]}')
    ('tailnum', 'seats')
    """
    return tuple(name for name, _ in json.loads(layout).get("columns", ()))


@dataclass(frozen=True, slots=True)
class Publication:
    """One view, and how it is published.

    Attributes:
        view: The feature view, with all types known.
        latest: The statement for its newest rows.
        recent: The statement for those of entities with a recent event; empty to look at all.
        schema: How they are laid out.
        columns: The name and the warehouse's type of every column, in order.
    """

    view: FeatureView
    latest: str
    schema: Schema
    columns: tuple[tuple[str, str], ...]
    recent: str = ""

    @property
    def name(self) -> str:
        """The view's name."""
        return self.view.name

    def seen_from(self, published: datetime | None, now: datetime) -> Publication:
        """Return it with all entities looked at where a run goes back in time.

        What was published of later moments lies at entities without a recent event too.

        Args:
            published: The moment of the last publication.
            now: The moment of this one.
        """
        goes_back = published is not None and now < published
        return replace(self, recent="") if goes_back else self

    @property
    def layout(self) -> str:
        """All that makes rows published before differ from the same rows published now."""
        ttl = None if self.view.ttl is None else self.view.ttl // timedelta(microseconds=1)
        created = self.view.created_timestamp
        return json.dumps(
            {
                "schema": self.schema.fingerprint.hex(),
                "columns": self.columns,
                "event": self.view.event_timestamp.name,
                "created": created and created.name,
                "ttl": ttl,
            }
        )
