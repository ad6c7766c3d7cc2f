"""What one agent may see of a project, and the rule that it never reads personal data."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

from featurestore.errors import FeatureStoreError
from featurestore.lineage.display_names import SERVICE_PREFIX
from featurestore.registry.definitions import FeatureRef
from featurestore.registry.registry import Registry
from featurestore.serve.agent_project import LoadedProject
from featurestore.serve.grants import EVERYTHING, Grant, visible_registry
from featurestore.serve.permissions import personal_data_asked

__all__ = ["AgentScope"]


@dataclass(frozen=True)
class AgentScope:
    """The part of a project that a caller may see.

    Attributes:
        project: The project.
        grant: The rights of the caller; personal data is out of reach with any of them.
    """

    project: LoadedProject
    grant: Grant

    @cached_property
    def visible(self) -> Registry:
        """The definitions that the caller may see."""
        return visible_registry(self.project.registry, self.grant)

    @property
    def sees_all(self) -> bool:
        """Whether no definition is hidden from the caller."""
        return self.grant is EVERYTHING

    @cached_property
    def hidden_nodes(self) -> Collection[str]:
        """The nodes of the lineage that the caller may not see."""
        every, visible = self.project.registry, self.visible
        views = every.feature_views.keys() - visible.feature_views.keys()
        services = every.feature_services.keys() - visible.feature_services.keys()
        return {
            *(every.feature_views[name].unique_id for name in views),
            *(f"{SERVICE_PREFIX}{name}" for name in services),
        }

    def hidden_views_of(self, service: str) -> list[str]:
        """Return the views of a service that the caller may not see."""
        members = self.project.registry.service(service).members
        return [one.view for one in members if one.view not in self.visible.feature_views]

    def check(
        self, features: Sequence[str] | None, service: str | None, *, timestamps: bool = False
    ) -> None:
        """Make sure that an agent may read the values of a request.

        Raises:
            FeatureStoreError: A name is unknown, or the caller may not know it; or the request
                takes personal data.
        """
        if service is not None:
            self.visible.service(service)
        for feature in features or ():
            self.visible.view(FeatureRef.parse(feature).view)
        personal = personal_data_asked(
            self.project.registry, features, service, timestamps=timestamps
        ) or _all_personal(self.project.registry, features)
        if personal:
            raise FeatureStoreError(
                f"Personal data: {', '.join(personal)}. Agents never read it: no token changes"
                " that.",
                remedy="Leave it out.",
            )

    def allows_times(self, features: Sequence[str] | None, service: str | None) -> bool:
        """Return whether the event timestamps of an allowed request are not personal data."""
        return not personal_data_asked(self.project.registry, features, service, timestamps=True)

    @contextmanager
    def without_hidden_names(self, service: str | None) -> Iterator[None]:
        """Replace an error about a service if it names views that the caller may not see.

        Raises:
            FeatureStoreError: The error that the block raised, or the one in its place.
        """
        try:
            yield
        except FeatureStoreError as error:
            hidden = self.hidden_views_of(service) if service is not None else []
            if any(name in str(error) for name in hidden):
                raise FeatureStoreError(
                    f"The service '{service}' cannot be read now: {type(error).__name__}.",
                    remedy="The owner of the service can see why.",
                ) from None
            raise


def _all_personal(registry: Registry, features: Sequence[str] | None) -> list[str]:
    """Return the views that give a request no feature, because all are personal data."""
    members = registry.members(features, None) if features else ()
    return [f"{member.view}:*" for member in members if not member.features]
