"""Selects the views that a command is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from featurestore.errors import SyncError
from featurestore.online.redis.commands import RedisCommands
from featurestore.registry.definitions import FeatureView
from featurestore.registry.registry import Registry
from featurestore.registry.warehouse_types import with_types
from featurestore.warehouse.protocol import Warehouse
from sync.redis.metadata import read_schemas, views_key
from sync.survey import Survey
from sync.view_failures import ViewFailure, failure_of
from sync.warehouse.ledger import Ledger
from sync.warehouse.publication import Publication, columns_in_layout
from sync.warehouse.sync_source import read_publication

__all__ = [
    "chosen_publications",
    "chosen_views",
    "publication_of",
    "published_columns",
    "published_names",
    "undeclared_views",
]


def chosen_views(registry: Registry, views: Sequence[str] | None) -> list[FeatureView]:
    """Return the views of these names; by default every view that is `online`.

    Raises:
        UnknownFeatureView: A name is unknown.
        SyncError: A view is declared `online: false`.
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


def publication_of(view: FeatureView, warehouse: Warehouse, now: datetime) -> Publication:
    """Return a view as it is published at a moment, checked against its table.

    Args:
        view: The feature view.
        warehouse: The warehouse.
        now: The moment.
    """
    return read_publication(with_types(view, warehouse), now, warehouse)


def chosen_publications(
    registry: Registry,
    warehouse: Warehouse,
    now: datetime,
    *,
    views: Sequence[str] | None,
    since: datetime | None,
) -> list[Publication | ViewFailure]:
    """Return the chosen views as they are published, or why one cannot be.

    Args:
        registry: The project's definitions.
        warehouse: The warehouse.
        now: The moment whose newest rows are published.
        views: See `chosen_views`.
        since: Compare only the entities with an event since then.
    """
    found: list[Publication | ViewFailure] = []
    for view in chosen_views(registry, views):
        with failure_of(view.name, found.append):
            found.append(replace(publication_of(view, warehouse, now), since=since))
    return found


def published_names(client: RedisCommands, ledger: Ledger, project: str) -> set[str]:
    """Return the names of all views that the ledger or Redis knows as published."""
    in_redis = client.smembers(views_key(project))
    return {*ledger.views(), *(name.decode() for name in in_redis)}


def published_columns(survey: Survey) -> dict[str, tuple[str, ...]]:
    """Return the columns of each published view; those of the online rows without a ledger."""
    if survey.has_ledger:
        entries = {view: survey.ledger.read(view) for view in survey.ledger.views()}
        return {view: columns_in_layout(entry.layout) for view, entry in entries.items() if entry}
    found = {}
    for view in published_names(survey.client, survey.ledger, survey.project):
        declared = survey.registry.feature_views.get(view)
        schemas = read_schemas(survey.client, survey.project, view)
        if declared and schemas:
            # The online format does not name the timestamps.
            stamps = [column.name for column in declared.columns]
            names = {name for schema in schemas for name, _ in (*schema.keys, *schema.features)}
            found[view] = (*sorted(names), *stamps)
    return found


def undeclared_views(
    client: RedisCommands, ledger: Ledger, project: str, declared: Sequence[str]
) -> list[str]:
    """Return the views that were published and are no longer declared, or no longer online."""
    return sorted(published_names(client, ledger, project) - set(declared))
