"""Which views an operation is about."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from featurestore.errors import SyncError
from featurestore.online.keys import metadata_key
from featurestore.registry.definitions import FeatureView
from featurestore.registry.registry import Registry
from featurestore.registry.warehouse_types import with_types
from featurestore.warehouse.protocol import Warehouse
from sync.warehouse.ledger import Ledger
from sync.warehouse.newest_rows import published
from sync.warehouse.publication import Publication

if TYPE_CHECKING:
    import redis

__all__ = ["chosen_views", "publication_of", "published_names", "undeclared"]


def chosen_views(registry: Registry, views: Sequence[str] | None) -> list[FeatureView]:
    """Return the views of these names; by default every one that is `online`.

    Raises:
        UnknownFeatureView: There is none of a name.
        SyncError: One of them is declared `online: false`.
    """
    if views is None:
        return [view for view in registry.feature_views.values() if view.online]
    chosen = {view.name: view for view in map(registry.view, views)}
    for view in chosen.values():
        if not view.online:
            raise SyncError(
                f"The feature view '{view.name}' ({view.path}) is declared `online: false`.",
                remedy="Leave it out, or declare it online.",
            )
    return list(chosen.values())


def publication_of(
    view: FeatureView, warehouse: Warehouse, now: datetime, since: datetime | None = None
) -> Publication:
    """Return how a view is published as of a moment, checked against its table.

    Args:
        view: The feature view.
        warehouse: Where its table is.
        now: The moment.
        since: Look for changes only at entities that have an event since then.
    """
    return replace(published(with_types(view, warehouse), now, warehouse), since=since)


def published_names(client: redis.Redis, state: Ledger, project: str) -> set[str]:
    """Return the names of all views that either side remembers as published."""
    remembered: Any = client.smembers(metadata_key(project, "views"))
    return {*state.views(), *(name.decode() for name in remembered)}


def undeclared(
    client: redis.Redis, state: Ledger, project: str, declared: Collection[str]
) -> list[str]:
    """Return the views that were published, and are gone from the project or no longer online."""
    return sorted(published_names(client, state, project) - set(declared))
