"""What there is: `list`, `show`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from featurestore.cli.options import AsFormat, Format, ProjectDir, open_store
from featurestore.cli.output import note, plain, print_json, print_table, stdout
from featurestore.errors import RegistryError, did_you_mean
from featurestore.registry.definitions import FeatureRef
from featurestore.values.durations import format_duration

if TYPE_CHECKING:
    from featurestore.registry.definitions import Entity, FeatureService, FeatureView
    from featurestore.registry.registry import Registry

__all__ = ["COMMANDS"]


class Listing(StrEnum):
    """What can be listed."""

    VIEWS = "views"
    FEATURES = "features"
    ENTITIES = "entities"
    SERVICES = "services"


def list_(
    kind: Annotated[Listing, typer.Argument(help="What to list.")] = Listing.VIEWS,
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
        print_table(list(rows[0]), [list(map(_shown, row.values())) for row in rows])
    else:
        note(f"The project declares no {kind}. See docs/how-to/declare-features.md.")


def _views(registry: Registry) -> Iterable[dict[str, Any]]:
    for view in registry.feature_views.values():
        yield {
            "view": view.name,
            "entities": _entities(view),
            "features": len(view.features),
            "ttl": format_duration(view.ttl) if view.ttl is not None else None,
            "online": view.online,
            "owner": view.owner or None,
            "description": _first_sentence(view.description),
        }


def _features(registry: Registry) -> Iterable[dict[str, Any]]:
    for view in registry.feature_views.values():
        for feature in view.features:
            yield {
                "feature": f"{view.name}:{feature.name}",
                "type": str(feature.data_type) if feature.data_type else None,
                "description": _first_sentence(feature.description),
            }


def _listed_entities(registry: Registry) -> Iterable[dict[str, Any]]:
    for entity in registry.entities.values():
        views = [v.name for v in registry.feature_views.values() if _describes(v, entity.name)]
        yield {"entity": entity.name, "join_keys": _keys(entity), "views": views}


def _services(registry: Registry) -> Iterable[dict[str, Any]]:
    for service in registry.feature_services.values():
        yield {
            "service": service.name,
            "features": sum(len(member.features) for member in service.members),
            "views": [member.name for member in service.members],
            "label": service.label or None,
            "owner": service.owner or None,
        }


_LISTINGS = {
    Listing.VIEWS: _views,
    Listing.FEATURES: _features,
    Listing.ENTITIES: _listed_entities,
    Listing.SERVICES: _services,
}


def show(
    name: Annotated[str, typer.Argument(help="A view, view:feature, an entity or a service.")],
    project_dir: ProjectDir = Path(),
    format_: AsFormat = Format.TABLE,
) -> None:
    """Show all about one feature view, feature, entity or service.

    Example: featurestore show plane_features
    """
    facts, table = _described(open_store(project_dir).registry, name)
    if format_ is Format.JSON:
        print_json({**facts, **({} if table is None else {table[0]: table[1]})})
        return
    stdout.print(f"[bold]{name}[/bold]")
    shown = [
        (key.replace("_", " "), value)
        for key, value in facts.items()
        if value not in (None, "", [])
    ]
    width = max(len(key) for key, _ in shown)
    for key, value in shown:
        stdout.print(f"  {key:<{width}}  {_shown(value)}", markup=False)
    if table is not None and table[1]:
        print_table(list(table[1][0]), [list(map(_shown, row.values())) for row in table[1]])


_Described = tuple[dict[str, Any], tuple[str, list[dict[str, Any]]] | None]


def _described(registry: Registry, name: str) -> _Described:
    if ":" in name:
        return _feature_facts(registry, FeatureRef.parse(name))
    if name in registry.feature_views or name in registry.latest:
        return _view_facts(registry, registry.view(name))
    if name in registry.feature_services:
        return _service_facts(registry.service(name))
    if name in registry.entities:
        return _entity_facts(registry, registry.entity(name))
    known = (*registry.feature_views, *registry.feature_services, *registry.entities)
    raise RegistryError(
        f"There is no feature view, service or entity '{name}'.",
        remedy=did_you_mean(name, known) or "See `featurestore list`.",
    )


def _view_facts(registry: Registry, view: FeatureView) -> _Described:
    facts = {
        "kind": "feature view",
        "description": view.description,
        "entities": _entities(view),
        "event_timestamp": view.event_timestamp.name,
        "created_timestamp": view.created_timestamp and view.created_timestamp.name,
        "available_after": format_duration(view.available_after) if view.available_after else None,
        "ttl": format_duration(view.ttl) if view.ttl is not None else None,
        "online": view.online,
        "owner": view.owner,
        "group": view.group,
        "tags": list(view.tags),
        "relation": view.relation,
        "file": view.path,
        "services": [service.name for service in registry.services_using(view.name)],
    }
    features = [
        {
            "feature": feature.name,
            "type": str(feature.data_type) if feature.data_type else None,
            "description": feature.description,
        }
        for feature in view.features
    ]
    return facts, ("features", features)


def _feature_facts(registry: Registry, reference: FeatureRef) -> _Described:
    feature = registry.feature(reference)
    view = registry.view(reference.view)
    return {
        "kind": "feature",
        "type": str(feature.data_type) if feature.data_type else None,
        "description": feature.description,
        "view": view.name,
        "entities": _entities(view),
        "owner": view.owner,
        "tags": list(feature.tags),
        "services": [s.name for s in registry.services_using(view.name, feature.name)],
    }, None


def _service_facts(service: FeatureService) -> _Described:
    facts = {
        "kind": "feature service",
        "description": service.description,
        "label": service.label,
        "owner": service.owner,
        "tags": list(service.tags),
        "file": service.path,
    }
    members = [
        {
            "name": member.name,
            "view": member.view,
            "keys": {entity: list(names) for entity, names in member.entities.items()} or None,
            "features": list(member.features),
        }
        for member in service.members
    ]
    return facts, ("members", members)


def _entity_facts(registry: Registry, entity: Entity) -> _Described:
    types = {key.name: str(key.data_type) for key in entity.join_keys if key.data_type}
    views = [v.name for v in registry.feature_views.values() if _describes(v, entity.name)]
    return {"kind": "entity", "join_keys": _keys(entity), "types": types, "views": views}, None


def _entities(view: FeatureView) -> dict[str, list[str]]:
    return {entity.name: _keys(entity) for entity in view.entities}


def _keys(entity: Entity) -> list[str]:
    return [key.name for key in entity.join_keys]


def _describes(view: FeatureView, entity: str) -> bool:
    return any(known.name == entity for known in view.entities)


def _first_sentence(text: str) -> str:
    """Return what stands before the first full stop, or the first line.

    >>> _first_sentence("Recent reliability of one aircraft. Windows end at the landing.")
    'Recent reliability of one aircraft.'
    """
    line = text.partition("\n")[0]
    sentence, stop, _ = line.partition(". ")
    return f"{sentence}." if stop else line


def _shown(value: Any) -> str:
    """Write lists and mappings the way a person would."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_shown(item)}" for key, item in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(_shown, value))
    return plain(value)


COMMANDS = (list_, show)
