"""`show`: one feature view, feature, entity or service in detail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from featurestore.cli.cells import list_cell
from featurestore.cli.options import AsFormat, Format, ProjectDir, open_store
from featurestore.cli.output import print_json, print_table, print_text
from featurestore.cli.registry_facts import (
    entities_of,
    keys_of,
    type_of,
    unpublishable,
    views_describing,
)
from featurestore.errors import RegistryError, did_you_mean
from featurestore.registry.definitions import FeatureRef
from featurestore.values.durations import format_duration

if TYPE_CHECKING:
    from featurestore.registry.definitions import Entity, FeatureService, FeatureView
    from featurestore.registry.registry import Registry

__all__ = ["show_command"]


@dataclass(frozen=True, slots=True)
class Described:
    """One definition, as `show` writes it.

    Attributes:
        facts: Its properties, in order; empty ones are left out of the table.
        members: The records of the table below: features of a view, members of a service.
        members_key: The JSON key of `members`; empty for a definition that has no table.
    """

    facts: Mapping[str, object]
    members: Sequence[Mapping[str, object]] = ()
    members_key: str = ""

    def to_dict(self) -> dict[str, object]:
        """Return the description as plain values, for JSON."""
        return {**self.facts, **({self.members_key: self.members} if self.members_key else {})}


def show_command(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A view, view:feature, an entity or a service.")
    ],
    project_dir: ProjectDir = Path(),
    format_: AsFormat = Format.TABLE,
) -> None:
    """Show one feature view, feature, entity or service in detail.

    Example: featurestore show plane_features
    """
    described = _described(open_store(project_dir).registry, name)
    if format_ is Format.JSON:
        print_json(described.to_dict())
    else:
        _print_described(name, described)


def _print_described(name: str, described: Described) -> None:
    print_text(name, "bold")
    shown = {
        key.replace("_", " "): value
        for key, value in described.facts.items()
        if value not in (None, "", [], {})
    }
    width = max(map(len, shown))
    for key, value in shown.items():
        print_text(f"  {key:<{width}}  {list_cell(value)}")
    if described.members:
        rows = [list(map(list_cell, member.values())) for member in described.members]
        print_table(list(described.members[0]), rows)


def _described(registry: Registry, name: str) -> Described:
    if ":" in name:
        return _described_feature(registry, FeatureRef.parse(name))
    if name in registry.feature_views or name in registry.latest:
        return _described_view(registry, registry.view(name))
    if name in registry.feature_services:
        return _described_service(registry, registry.service(name))
    if name in registry.entities:
        return _described_entity(registry, registry.entity(name))
    known = (*registry.feature_views, *registry.feature_services, *registry.entities)
    raise RegistryError(
        f"Unknown feature view, service or entity '{name}'.",
        remedy=did_you_mean(name, known) or "See `featurestore list`.",
    )


def _described_view(registry: Registry, view: FeatureView) -> Described:
    facts = {
        "kind": "feature view",
        "description": view.description,
        "entities": entities_of(view),
        "event_timestamp": view.event_timestamp.name,
        "created_timestamp": view.created_timestamp and view.created_timestamp.name,
        "valid_until": view.valid_until and view.valid_until.name,
        "available_after": format_duration(view.available_after) if view.available_after else None,
        "ttl": format_duration(view.ttl) if view.ttl is not None else None,
        "online": view.online,
        "unpublishable": unpublishable(registry, view),
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
            "type": type_of(feature),
            "default": feature.default,
            "description": feature.description,
        }
        for feature in view.features
    ]
    return Described(facts, members=features, members_key="features")


def _described_feature(registry: Registry, reference: FeatureRef) -> Described:
    feature, view = registry.feature(reference), registry.view(reference.view)
    services = registry.services_using(view.name, feature.name)
    return Described(
        {
            "kind": "feature",
            "type": type_of(feature),
            "default": feature.default,
            "description": feature.description,
            "view": view.name,
            "entities": entities_of(view),
            "owner": view.owner,
            "tags": list(feature.tags),
            "services": [service.name for service in services],
        }
    )


def _described_service(registry: Registry, service: FeatureService) -> Described:
    from featurestore.training.declared_expressions import on_demand_types

    types = on_demand_types(registry, service)
    facts = {
        "kind": "feature service",
        "description": service.description,
        "label": service.label,
        "request": {field.name: str(field.data_type) for field in service.request},
        "on_demand": {feature.name: feature.text for feature in service.on_demand},
        "on_demand_types": {name: str(types[name]) for name in types},
        "personal_data": [
            *(field.name for field in service.request if field.pii),
            *(feature.name for feature in service.on_demand if feature.pii),
        ],
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
    return Described(facts, members=members, members_key="members")


def _described_entity(registry: Registry, entity: Entity) -> Described:
    return Described(
        {
            "kind": "entity",
            "join_keys": keys_of(entity),
            "types": {key.name: str(key.data_type) for key in entity.join_keys if key.data_type},
            "views": views_describing(registry, entity),
        }
    )
