"""The registry: every entity, feature view and feature service, read from dbt's manifest alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from featurestore.errors import (
    DefinitionProblems,
    Problem,
    RegistryError,
    UnknownEntity,
    UnknownFeature,
    UnknownFeatureService,
    UnknownFeatureView,
)
from featurestore.project.manifest import Manifest, load_manifest
from featurestore.project.nodes import Node
from featurestore.registry.definitions import (
    ALL_FEATURES,
    Entity,
    Feature,
    FeatureRef,
    FeatureService,
    FeatureView,
    ServiceMember,
)
from featurestore.registry.service_meta import feature_service, group_references
from featurestore.registry.view_meta import Notes, feature_view

__all__ = ["Registry", "build_registry", "load_registry"]


@dataclass(frozen=True, slots=True)
class Registry:
    """Everything a project declares, by name, sorted.

    Attributes:
        project: The dbt project's name; it is part of every online key.
        dialect: The warehouse's dialect, by sqlglot's name.
        problems: What is declared wrongly. A registry with problems serves messages, not features.
        latest: The name with its version, for each versioned view: a view without a version in its
            name means the latest, as it does in dbt's `ref()`.
    """

    project: str
    dialect: str
    entities: Mapping[str, Entity] = field(default_factory=dict)
    feature_views: Mapping[str, FeatureView] = field(default_factory=dict)
    feature_services: Mapping[str, FeatureService] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    latest: Mapping[str, str] = field(default_factory=dict)

    def checked(self) -> Registry:
        """Return this registry if all of it is right.

        Raises:
            DefinitionProblems: Anything is declared wrongly; all of it is listed.
        """
        if self.problems:
            raise DefinitionProblems(self.problems)
        return self

    def view(self, name: str) -> FeatureView:
        """Find a feature view.

        Raises:
            UnknownFeatureView: There is none of this name.
        """
        try:
            return self.feature_views[self.latest.get(name, name)]
        except KeyError:
            raise UnknownFeatureView(name, self.feature_views) from None

    def feature(self, reference: FeatureRef) -> Feature:
        """Find a feature.

        Raises:
            UnknownFeatureView: There is no such view.
            UnknownFeature: The view has no such feature.
        """
        view = self.view(reference.view)
        for feature in view.features:
            if feature.name == reference.feature:
                return feature
        raise UnknownFeature(reference.feature, view.feature_names, where=f"'{view.name}'")

    def service(self, name: str) -> FeatureService:
        """Find a feature service.

        Raises:
            UnknownFeatureService: There is none of this name.
        """
        try:
            return self.feature_services[name]
        except KeyError:
            raise UnknownFeatureService(name, self.feature_services) from None

    def services_using(self, view: str, feature: str | None = None) -> list[FeatureService]:
        """Return the services that take anything of a view.

        Args:
            view: The view's full name, so with its version if it has one.
            feature: The one feature that they have to take.
        """
        return [
            service
            for service in self.feature_services.values()
            if any(
                member.view == view and (feature is None or feature in member.features)
                for member in service.members
            )
        ]

    def entity(self, name: str) -> Entity:
        """Find an entity.

        Raises:
            UnknownEntity: No feature view declares it.
        """
        try:
            return self.entities[name]
        except KeyError:
            raise UnknownEntity(name, self.entities) from None

    def members(
        self, features: str | Sequence[str] | None, feature_service: str | None
    ) -> tuple[ServiceMember, ...]:
        """Resolve a request, by references or by service, to what is taken of each view.

        Args:
            features: References `view:feature` or `view:*`.
            feature_service: The name of a service.

        Raises:
            RegistryError: Both or neither are given, or a name is unknown.
        """
        if (features is None) == (feature_service is None):
            raise RegistryError(
                "Give either features or a feature service, not both or neither.",
                remedy="For example features=['plane_features:seats'].",
            )
        if feature_service is not None:
            return self.service(feature_service).members
        listed = [features] if isinstance(features, str) else list(features or ())
        if not listed:
            raise RegistryError("The list of features is empty.", remedy="Name at least one.")
        references = [self._reference(text) for text in listed]
        return group_references(references, self.feature_views)

    def _reference(self, text: str) -> FeatureRef:
        reference = FeatureRef.parse(text)
        view = self.view(reference.view)
        if reference.feature != ALL_FEATURES:
            self.feature(reference)
        return FeatureRef(view.name, reference.feature)


def load_registry(path: Path) -> Registry:
    """Read the registry from a manifest file.

    Args:
        path: dbt's manifest.json.

    Raises:
        ManifestError: The file is missing or is no manifest that can be read.
    """
    return build_registry(load_manifest(path))


def build_registry(manifest: Manifest) -> Registry:
    """Build the registry; what is wrong is collected in `problems`, not raised."""
    problems: list[Problem] = []
    views, latest = _read_views(manifest, problems)
    by_any_name = {**views, **{name: views[versioned] for name, versioned in latest.items()}}
    return Registry(
        project=manifest.project,
        dialect=manifest.dialect,
        entities=MappingProxyType(_entities(views.values(), problems)),
        feature_views=MappingProxyType(views),
        feature_services=MappingProxyType(_read_services(manifest, by_any_name, problems)),
        problems=tuple(sorted(set(problems))),
        latest=MappingProxyType(latest),
    )


def _read_views(
    manifest: Manifest, problems: list[Problem]
) -> tuple[dict[str, FeatureView], dict[str, str]]:
    views: dict[str, FeatureView] = {}
    latest: dict[str, str] = {}
    for node in manifest.tagged():
        notes = Notes(node.path, node.qualified_name)
        view = feature_view(node, manifest.groups, manifest.dialect, notes)
        problems.extend(notes.problems)
        if view is not None:
            views[view.name] = view
            if _is_latest_version(node):
                latest[node.name] = view.name
    return dict(sorted(views.items())), latest


def _is_latest_version(node: Node) -> bool:
    return node.version is not None and node.version == node.latest_version


def _read_services(
    manifest: Manifest, views: Mapping[str, FeatureView], problems: list[Problem]
) -> dict[str, FeatureService]:
    services: dict[str, FeatureService] = {}
    for exposure in sorted(manifest.exposures, key=lambda e: e.name):
        notes = Notes(exposure.original_file_path, exposure.name)
        service = feature_service(exposure, views, notes)
        problems.extend(notes.problems)
        if service is not None:
            services[service.name] = service
    return services


def _entities(views: Iterable[FeatureView], problems: list[Problem]) -> dict[str, Entity]:
    """Collect the entities, and note where two views disagree on a key's type."""
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
        if here.data_type and there.data_type and here.data_type.family != there.data_type.family:
            return f"the key {here.name} {here.data_type} here and {there.name} {there.data_type}"
    return ""
