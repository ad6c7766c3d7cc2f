"""The registry: every entity, feature view and feature service of a project."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from featurestore.errors import (
    DefinitionProblems,
    Problem,
    RegistryError,
    UnknownEntity,
    UnknownFeature,
    UnknownFeatureService,
    UnknownFeatureView,
)
from featurestore.registry.definitions import (
    ALL_FEATURES,
    Entity,
    Feature,
    FeatureRef,
    FeatureService,
    FeatureView,
    ServiceMember,
)
from featurestore.registry.service_meta import group_references

__all__ = ["Registry"]


@dataclass(frozen=True, slots=True)
class Registry:
    """All definitions of a project, by name, sorted.

    Attributes:
        project: The dbt project's name.
        dialect: The warehouse's dialect, by sqlglot's name.
        problems: The errors in the definitions. A registry with problems serves no features.
        latest: The full name of the latest version of each versioned view. A name without a version
            means the latest version, as in dbt's `ref()`.
        namespace: The name that replaces the project's in online keys; empty if none does.
        personal: Why a feature, a key or a timestamp is personal data without `pii: true` of its
            own, such as "computed from 'customers.email'".
    """

    project: str
    dialect: str
    entities: Mapping[str, Entity] = field(default_factory=dict)
    feature_views: Mapping[str, FeatureView] = field(default_factory=dict)
    feature_services: Mapping[str, FeatureService] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    latest: Mapping[str, str] = field(default_factory=dict)
    namespace: str = ""
    personal: Mapping[FeatureRef, str] = field(default_factory=dict)

    @property
    def online_name(self) -> str:
        """The name that every online key contains: the namespace, or else the project's name."""
        return self.namespace or self.project

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the registry with plain dictionaries, since a read-only view cannot be pickled."""
        values = (getattr(self, each.name) for each in fields(self))
        return Registry, tuple(dict(v) if isinstance(v, Mapping) else v for v in values)

    def checked(self) -> Registry:
        """Return this registry if it has no problem.

        Raises:
            DefinitionProblems: A definition is wrong; the error lists all problems.
        """
        if self.problems:
            raise DefinitionProblems(self.problems)
        return self

    def view(self, name: str) -> FeatureView:
        """Return a feature view.

        Raises:
            UnknownFeatureView: No view has this name.
        """
        try:
            return self.feature_views[self.latest.get(name, name)]
        except KeyError:
            raise UnknownFeatureView(name, self.feature_views) from None

    def feature(self, reference: FeatureRef) -> Feature:
        """Return a feature.

        Raises:
            UnknownFeatureView: No view has this name.
            UnknownFeature: The view does not have the feature.
        """
        view = self.view(reference.view)
        for feature in view.features:
            if feature.name == reference.feature:
                return feature
        raise UnknownFeature(reference.feature, view.feature_names, where=f"'{view.name}'")

    def service(self, name: str) -> FeatureService:
        """Return a feature service.

        Raises:
            UnknownFeatureService: No service has this name.
        """
        try:
            return self.feature_services[name]
        except KeyError:
            raise UnknownFeatureService(name, self.feature_services) from None

    def services_using(self, view: str, feature: str | None = None) -> list[FeatureService]:
        """Return the services that take a view.

        Args:
            view: The view's full name, with its version.
            feature: Only services that take this feature.
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
        """Return an entity.

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
        """Return the features that a request takes of each view.

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
