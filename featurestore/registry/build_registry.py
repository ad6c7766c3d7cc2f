"""Build the registry from dbt's manifest alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from featurestore.errors import Problem
from featurestore.project.manifest import Manifest, load_manifest
from featurestore.project.nodes import Node
from featurestore.registry.definitions import Entity, FeatureRef, FeatureService, FeatureView
from featurestore.registry.notes import Notes
from featurestore.registry.registry import Registry
from featurestore.registry.request_time_meta import personal_inputs
from featurestore.registry.service_meta import feature_service
from featurestore.registry.view_meta import feature_view

__all__ = ["build_registry", "load_registry"]


def load_registry(path: Path) -> Registry:
    """Return the registry of a manifest file.

    Args:
        path: dbt's manifest.json.

    Raises:
        ManifestError: The file is missing or is not a readable manifest.
    """
    return build_registry(load_manifest(path))


def build_registry(
    manifest: Manifest, personal: Mapping[FeatureRef, str] | None = None
) -> Registry:
    """Return the registry of a manifest; its `problems` list all errors instead of raising them.

    Args:
        manifest: dbt's manifest.
        personal: Why features, keys and timestamps are personal data by inheritance.
    """
    inherited = personal or {}
    problems: list[Problem] = []
    views, latest = _read_views(manifest, problems)
    # Before the services: a `*` in a service leaves out personal data.
    views = {name: _with_inherited(view, inherited) for name, view in views.items()}
    # A name without a version means the latest version, as in dbt's `ref()`.
    by_any_name = {**views, **{name: views[versioned] for name, versioned in latest.items()}}
    services = _read_services(manifest, by_any_name, problems)
    return Registry(
        project=manifest.project,
        dialect=manifest.dialect,
        entities=MappingProxyType(_entities(views.values(), problems)),
        feature_views=MappingProxyType(views),
        feature_services=MappingProxyType(services),
        # A set, because two checks may note the same problem.
        problems=tuple(sorted(set(problems))),
        latest=MappingProxyType(latest),
        personal=MappingProxyType({**_computed(services.values(), by_any_name), **inherited}),
    )


def _computed(
    services: Iterable[FeatureService], views: Mapping[str, FeatureView]
) -> dict[FeatureRef, str]:
    """Return why on-demand features are personal data, if an input makes them so."""
    found = {}
    for service in services:
        personal = personal_inputs(service, views)
        for feature in service.on_demand:
            inputs = [name for name in feature.inputs if name in personal]
            if feature.pii and inputs:
                found[FeatureRef(service.name, feature.name)] = f"computed from '{inputs[0]}'"
    return found


def _with_inherited(view: FeatureView, personal: Mapping[FeatureRef, str]) -> FeatureView:
    features = tuple(
        replace(feature, pii=feature.pii or FeatureRef(view.name, feature.name) in personal)
        for feature in view.features
    )
    return view if features == view.features else replace(view, features=features)


def _read_views(
    manifest: Manifest, problems: list[Problem]
) -> tuple[dict[str, FeatureView], dict[str, str]]:
    views: dict[str, FeatureView] = {}
    latest: dict[str, str] = {}
    taken: dict[str, FeatureView] = {}
    for node in manifest.tagged():
        notes = Notes(node.path, node.qualified_name)
        view = feature_view(node, manifest.groups_of(node.package_name), manifest.dialect, notes)
        if view is not None:
            names = {view.name, node.name} if _is_latest_version(node) else {view.name}
            same = next((taken[name] for name in sorted(names) if name in taken), None)
            if same is not None:
                _note_same_name(view, same, notes)
            else:
                taken.update(dict.fromkeys(names, view))
                views[view.name] = view
                if _is_latest_version(node):
                    latest[node.name] = view.name
        problems.extend(notes.problems)
    return dict(sorted(views.items())), latest


def _note_same_name(
    one: FeatureView | FeatureService, other: FeatureView | FeatureService, notes: Notes
) -> None:
    """Note that two packages declare one name: dbt wants names to be unique within one alone."""
    notes.add(
        f"its name is taken by {other.unique_id} ({other.path}); this is {one.unique_id}.",
        "Rename one of them, or set `+enabled: false` for one in dbt_project.yml.",
    )


def _is_latest_version(node: Node) -> bool:
    return node.version is not None and node.version == node.latest_version


def _read_services(
    manifest: Manifest, views: Mapping[str, FeatureView], problems: list[Problem]
) -> dict[str, FeatureService]:
    services: dict[str, FeatureService] = {}
    for exposure in sorted(manifest.exposures, key=lambda e: e.name):
        notes = Notes(exposure.original_file_path, exposure.name)
        service = feature_service(exposure, views, manifest.dialect, notes)
        if service is not None:
            same = services.setdefault(service.name, service)
            if same is not service:
                _note_same_name(service, same, notes)
        problems.extend(notes.problems)
    return services


def _entities(views: Iterable[FeatureView], problems: list[Problem]) -> dict[str, Entity]:
    """Return the entities, and add a problem if two views disagree on a key's type."""
    first: dict[str, tuple[Entity, FeatureView]] = {}
    for view in views:
        for entity in view.entities:
            known, where = first.setdefault(entity.name, (entity, view))
            disagreement = _disagreement(entity, known)
            if disagreement:
                problems.append(
                    Problem(
                        view.path,
                        view.name,
                        f"entity '{entity.name}' has {disagreement} in view '{where.name}'"
                        f" ({where.path}).",
                        "Cast the column in one of the two models.",
                    )
                )
    return {name: entity for name, (entity, _) in sorted(first.items())}


def _disagreement(entity: Entity, known: Entity) -> str:
    if len(entity.join_keys) != len(known.join_keys):
        return f"{len(entity.join_keys)} join keys here and {len(known.join_keys)}"
    for here, there in zip(entity.join_keys, known.join_keys, strict=True):
        # By family: an int32 and an int64 key still compare as equal values.
        if here.data_type and there.data_type and here.data_type.family != there.data_type.family:
            return f"the key {here.name} {here.data_type} here and {there.name} {there.data_type}"
    return ""
