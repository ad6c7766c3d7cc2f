"""`list`: the feature views, features, entities or services of a project."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from featurestore.cli.cells import list_cell
from featurestore.cli.options import AsFormat, Format, ProjectDir, open_store
from featurestore.cli.output import note, print_json, print_table
from featurestore.cli.registry_facts import (
    entities_of,
    keys_of,
    type_of,
    unpublishable,
    views_describing,
)
from featurestore.values.durations import format_duration

if TYPE_CHECKING:
    from featurestore.registry.registry import Registry

__all__ = ["list_command"]

_Row = Mapping[str, object]
"""One line of the listing, by column; JSON shows the same keys."""
_UNPUBLISHABLE = "unpublishable"
"""The column of reasons, which are too long for a table and are written below it."""


class Listing(StrEnum):
    """What `list` can list."""

    VIEWS = "views"
    FEATURES = "features"
    ENTITIES = "entities"
    SERVICES = "services"


def list_command(
    kind: Annotated[
        Listing,
        typer.Argument(metavar="KIND", help="What to list."),
    ] = Listing.VIEWS,
    project_dir: ProjectDir = Path(),
    format_: AsFormat = Format.TABLE,
) -> None:
    """List the feature views, features, entities or services.

    Example: featurestore list features --format json
    """
    rows = list(_LISTINGS[kind](open_store(project_dir).registry))
    if format_ is Format.JSON:
        print_json(rows)
    elif rows:
        reasons = {row["view"]: row[_UNPUBLISHABLE] for row in rows if row.get(_UNPUBLISHABLE)}
        shown = [{key: row[key] for key in row if key != _UNPUBLISHABLE} for row in rows]
        print_table(list(shown[0]), [list(map(list_cell, row.values())) for row in shown])
        for view, reason in reasons.items():
            note(f"'{view}' cannot be published: {reason}")
    else:
        note(f"The project declares no {kind}. See docs/how-to/declare-features.md.")


def _views(registry: Registry) -> Iterator[_Row]:
    for view in registry.feature_views.values():
        yield {
            "view": view.name,
            "entities": entities_of(view),
            "features": len(view.features),
            "ttl": format_duration(view.ttl) if view.ttl is not None else None,
            "online": view.online,
            _UNPUBLISHABLE: unpublishable(registry, view),
            "owner": view.owner or None,
            "description": _first_sentence(view.description),
        }


def _features(registry: Registry) -> Iterator[_Row]:
    for view in registry.feature_views.values():
        for feature in view.features:
            yield {
                "feature": f"{view.name}:{feature.name}",
                "type": type_of(feature),
                "default": feature.default,
                "description": _first_sentence(feature.description),
            }


def _entities(registry: Registry) -> Iterator[_Row]:
    for entity in registry.entities.values():
        yield {
            "entity": entity.name,
            "join_keys": keys_of(entity),
            "views": views_describing(registry, entity),
        }


def _services(registry: Registry) -> Iterator[_Row]:
    for service in registry.feature_services.values():
        yield {
            "service": service.name,
            "features": sum(len(member.features) for member in service.members),
            "views": [member.name for member in service.members],
            "request": {each.name: str(each.data_type) for each in service.request},
            "on_demand": [each.name for each in service.on_demand],
            "label": service.label or None,
            "owner": service.owner or None,
        }


_LISTINGS: dict[Listing, Callable[[Registry], Iterator[_Row]]] = {
    Listing.VIEWS: _views,
    Listing.FEATURES: _features,
    Listing.ENTITIES: _entities,
    Listing.SERVICES: _services,
}


def _first_sentence(text: str) -> str:
    """Return the text up to its first full stop, or its first line.

    >>> _first_sentence("Recent reliability of one aircraft. Windows end at the landing.")
    'Recent reliability of one aircraft.'
    """
    line = text.partition("\n")[0]
    sentence, stop, _ = line.partition(". ")
    return f"{sentence}." if stop else line
