"""The definitions of a project, as agents search and read them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from featurestore.errors import RegistryError, UnknownFeature, did_you_mean
from featurestore.registry.definitions import (
    Column,
    Entity,
    Feature,
    FeatureRef,
    FeatureService,
    FeatureView,
    OnDemandFeature,
)
from featurestore.registry.registry import Registry
from featurestore.serve.agent_answers import (
    CatalogMatch,
    CatalogMatches,
    DefinitionAnswer,
    NamedColumn,
    ServiceUse,
    ServiceUses,
    at_most,
    clipped,
)
from featurestore.serve.agent_scope import AgentScope
from featurestore.training.declared_expressions import on_demand_types
from featurestore.values.durations import format_duration

__all__ = ["search_catalog", "shown_definition", "uses_of"]

_SHORT = 300
_LONG = 2_000
_NAME_POINTS, _WORD_POINTS, _TEXT_POINTS = 4, 2, 1


@dataclass(frozen=True)
class _Entry:
    """A definition with the texts to search, the most telling first."""

    match: CatalogMatch
    words: str
    text: str

    def points(self, asked: Sequence[str]) -> tuple[int, int]:
        """Return how many words the entry has, and how well it fits them."""
        found = [self._points(word) for word in asked]
        return sum(map(bool, found)), sum(found)

    def _points(self, word: str) -> int:
        name, words = self.match.name.lower(), self.words.lower()
        if word in name:
            return _NAME_POINTS
        return _WORD_POINTS if word in words else _TEXT_POINTS * (word in self.text.lower())


def search_catalog(scope: AgentScope, words: str, kind: str, limit: int) -> CatalogMatches:
    """Return the definitions that have one of some words, those with the most words first."""
    asked = words.lower().split()
    entries = [one for one in _entries(scope.visible) if kind in ("any", one.match.kind)]
    rated = [(entry.points(asked), entry) for entry in entries]
    found = [pair for pair in rated if not asked or pair[0][0]]
    found.sort(key=lambda pair: (-pair[0][0], -pair[0][1], pair[1].match.name))
    note = at_most(len(found), limit, "Add words, or raise `limit`.")
    if not found:
        known = [entry.match.name for entry in entries]
        note = f"Nothing has these words. {did_you_mean(words, known)}".strip()
    return CatalogMatches(matches=[entry.match for _, entry in found[:limit]], note=note)


def _entries(registry: Registry) -> Iterator[_Entry]:
    for view in registry.feature_views.values():
        about = " ".join((*view.tags, view.owner, view.group, *(e.name for e in view.entities)))
        yield _entry(view.name, "view", None, view.description, about)
        for feature in view.features:
            name, tags = f"{view.name}:{feature.name}", " ".join((*feature.tags, about))
            yield _entry(name, "feature", _text(feature.data_type), feature.description, tags)
    for service in registry.feature_services.values():
        about = " ".join((*service.tags, service.owner, service.group))
        yield _entry(service.name, "service", None, service.description, about)
        types = on_demand_types(registry, service) if _is_whole(registry, service) else {}
        for computed in service.on_demand:
            name, kind = f"{service.name}:{computed.name}", "on-demand feature"
            yield _entry(name, kind, _text(types.get(computed.name)), computed.description, about)


def _entry(name: str, kind: str, data_type: str | None, description: str, words: str) -> _Entry:
    short = clipped(description, _SHORT)
    match = CatalogMatch(name=name, kind=kind, type=data_type, description=short)
    return _Entry(match, words, description)


def _is_whole(registry: Registry, service: FeatureService) -> bool:
    return all(member.view in registry.feature_views for member in service.members)


def shown_definition(scope: AgentScope, name: str, limit: int) -> DefinitionAnswer:
    """Return one view, feature, service or entity.

    Raises:
        RegistryError: No definition has the name, or the caller may not know it.
    """
    registry = scope.visible
    if ":" in name:
        return _feature_of(scope, FeatureRef.parse(name))
    if name in registry.feature_views or name in registry.latest:
        return _view(scope, registry.view(name), limit)
    if name in registry.feature_services:
        return _service(scope, registry.service(name), limit)
    if name in registry.entities:
        return _entity(registry, registry.entity(name))
    known = (*registry.feature_views, *registry.feature_services, *registry.entities)
    raise RegistryError(
        f"Unknown feature view, service or entity '{name}'.",
        remedy=did_you_mean(name, known) or "Search for it by words.",
    )


def _view(scope: AgentScope, view: FeatureView, limit: int) -> DefinitionAnswer:
    return DefinitionAnswer(
        name=view.name,
        kind="view",
        description=clipped(view.description, _LONG),
        join_keys=[_column(key) for key in view.join_keys],
        features=[_feature(feature) for feature in view.features[:limit]],
        event_timestamp=view.event_timestamp.name,
        available_after=format_duration(view.available_after) if view.available_after else None,
        ttl=None if view.ttl is None else format_duration(view.ttl),
        online=view.online,
        owner=view.owner,
        group=view.group,
        tags=list(view.tags),
        services=_services_of(scope, view.name),
        file=view.path,
        note=at_most(len(view.features), limit, "Raise `limit`, or search for a feature."),
    )


def _feature_of(scope: AgentScope, reference: FeatureRef) -> DefinitionAnswer:
    registry = scope.visible
    is_view = reference.view in registry.feature_views or reference.view in registry.latest
    if not is_view and reference.view in registry.feature_services:
        return _on_demand_of(scope, registry.service(reference.view), reference.feature)
    feature, view = registry.feature(reference), registry.view(reference.view)
    return DefinitionAnswer(
        name=f"{view.name}:{feature.name}",
        kind="feature",
        description=clipped(feature.description, _LONG),
        type=_text(feature.data_type),
        view=view.name,
        join_keys=[_column(key) for key in view.join_keys],
        ttl=None if view.ttl is None else format_duration(view.ttl),
        online=view.online,
        owner=view.owner,
        group=view.group,
        tags=list(feature.tags),
        services=_services_of(scope, view.name, feature.name),
        pii=feature.pii,
        default=None if feature.pii else feature.default,
        file=view.path,
    )


def _on_demand_of(scope: AgentScope, service: FeatureService, name: str) -> DefinitionAnswer:
    computed = {one.name: one for one in service.on_demand}
    if name not in computed:
        raise UnknownFeature(name, computed, where=f"the service '{service.name}'")
    shown = _computed(scope, service, computed[name])
    return DefinitionAnswer(
        name=f"{service.name}:{name}",
        kind="on-demand feature",
        description=shown.description,
        type=shown.type,
        expression=shown.expression,
        owner=service.owner,
        group=service.group,
        services=[service.name],
        pii=shown.pii,
        file=service.path,
    )


def _service(scope: AgentScope, service: FeatureService, limit: int) -> DefinitionAnswer:
    every = scope.project.registry
    keys: dict[str, NamedColumn] = {}
    features: list[NamedColumn] = []
    for member in service.members:
        view = every.view(member.view)
        names = member.key_names(view)
        keys |= {names[key.name]: _column(key, names[key.name]) for key in view.join_keys}
        taken = {feature.name: feature for feature in view.features}
        shown = view.name if view.name in scope.visible.feature_views else None
        features += [_feature(taken[name], shown) for name in member.features]
    features += [_computed(scope, service, one) for one in service.on_demand]
    return DefinitionAnswer(
        name=service.name,
        kind="service",
        description=clipped(service.description, _LONG),
        join_keys=list(keys.values()),
        request=[
            NamedColumn(
                name=field.name,
                type=str(field.data_type),
                description=clipped(field.description, _SHORT),
                pii=field.pii,
            )
            for field in service.request
        ],
        features=features[:limit],
        owner=service.owner,
        group=service.group,
        tags=list(service.tags),
        label=service.label if scope.sees_all else "",
        file=service.path,
        note=at_most(len(features), limit, "Raise `limit`."),
    )


def _entity(registry: Registry, entity: Entity) -> DefinitionAnswer:
    views = [view.name for view in registry.feature_views.values() if entity in view.entities]
    return DefinitionAnswer(
        name=entity.name,
        kind="entity",
        join_keys=[_column(key) for key in entity.join_keys],
        note=f"Views that describe it: {', '.join(views)}.",
    )


def uses_of(scope: AgentScope, name: str, limit: int) -> ServiceUses:
    """Return the services that use a view or a feature.

    Raises:
        RegistryError: No view or feature has the name, or the caller may not know it.
    """
    registry = scope.visible
    reference = FeatureRef.parse(name) if ":" in name else FeatureRef(name, "")
    view = registry.view(reference.view)
    feature = registry.feature(reference).name if reference.feature else None
    services = registry.services_using(view.name, feature)
    uses = [
        ServiceUse(
            service=service.name,
            features=list(_taken(service, view.name, feature)),
            owner=service.owner,
            description=clipped(service.description, _SHORT),
        )
        for service in services[:limit]
    ]
    note = at_most(len(services), limit, "Raise `limit`.") if services else "No service uses it."
    return ServiceUses(services=uses, note=note)


def _taken(service: FeatureService, view: str, feature: str | None) -> dict[str, None]:
    members = [member for member in service.members if member.view == view]
    names = [name for member in members for name in member.features]
    return dict.fromkeys(name for name in names if feature in (None, name))


def _services_of(scope: AgentScope, view: str, feature: str | None = None) -> list[str]:
    return [service.name for service in scope.visible.services_using(view, feature)]


def _column(column: Column, name: str = "") -> NamedColumn:
    return NamedColumn(name=name or column.name, type=_text(column.data_type))


def _feature(feature: Feature, view: str | None = None) -> NamedColumn:
    return NamedColumn(
        name=feature.name,
        type=_text(feature.data_type),
        description=clipped(feature.description, _SHORT),
        view=view,
        pii=feature.pii,
        default=None if feature.pii else feature.default,
    )


def _computed(scope: AgentScope, service: FeatureService, one: OnDemandFeature) -> NamedColumn:
    types = on_demand_types(scope.project.registry, service)
    return NamedColumn(
        name=one.name,
        type=_text(types.get(one.name)),
        description=clipped(one.description, _SHORT),
        pii=one.pii,
        expression=one.text,
    )


def _text(data_type: object) -> str | None:
    return None if data_type is None else str(data_type)
