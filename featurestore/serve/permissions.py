"""Decides whether a caller may read the features of a request, once for each form of request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from featurestore.registry.definitions import FeatureRef, ServiceMember
from featurestore.registry.registry import Registry
from featurestore.serve.grants import EVERYTHING, Grant, visible_registry
from featurestore.serve.problems import HttpProblem

__all__ = ["Permissions", "personal_data_asked"]

_SHAPES = 1000
"""The number of answers to keep; a caller has a few, only a misuse has thousands."""


class Permissions:
    """What one grant allows of one project.

    Args:
        registry: The project's definitions.
        grant: The rights.

    Attributes:
        registry: The definitions that the caller may see.
    """

    def __init__(self, registry: Registry, grant: Grant) -> None:
        self.registry = visible_registry(registry, grant)
        self._all = registry
        self._grant = grant
        self._known: dict[tuple[object, ...], tuple[str, ...]] = {}

    def check(
        self, features: Sequence[str] | None, service: str | None, *, timestamps: bool = False
    ) -> None:
        """Make sure that a request may be read.

        Args:
            features: References `view:feature` or `view:*`.
            service: The name of a service.
            timestamps: Whether the event timestamps are read too.

        Raises:
            UnknownName: A name is unknown, or the caller may not know it: the two look alike.
            HttpProblem: The request takes personal data, which the caller may not read.
        """
        if self._grant is EVERYTHING:
            return
        shape = (None if features is None else tuple(features), service, timestamps)
        if shape not in self._known:
            found = self._decided(features, service, timestamps=timestamps)
            if len(self._known) >= _SHAPES:
                self._known.clear()
            self._known[shape] = found
        if personal := self._known[shape]:
            # A new one each time: an exception that is raised again keeps every earlier traceback.
            raise _personal_problem(personal)

    def allows_times(self, features: Sequence[str] | None, service: str | None) -> bool:
        """Return whether the event timestamps of a request may be read, if its features may."""
        try:
            self.check(features, service, timestamps=True)
        except HttpProblem:
            return False
        return True

    def _decided(
        self, features: Sequence[str] | None, service: str | None, *, timestamps: bool
    ) -> tuple[str, ...]:
        """Return the personal data that a request takes, and the caller may not read.

        Raises:
            RegistryError: The request names both or neither of features and service, or a name that
                the caller may not know.
        """
        # Of a service too: its members may be of views that the caller may not read by reference.
        self.registry.members(features, service)
        if self._grant.personal:
            return ()
        return tuple(personal_data_asked(self._all, features, service, timestamps=timestamps))


def personal_data_asked(
    registry: Registry,
    features: Sequence[str] | None,
    service: str | None,
    *,
    timestamps: bool = False,
) -> list[str]:
    """Return the personal data that a request takes.

    Args:
        registry: All definitions of the project.
        features: References `view:feature` or `view:*`.
        service: The name of a service, instead.
        timestamps: Whether the event timestamps are read too.

    Raises:
        RegistryError: Both or neither are given, or a name is unknown.
    """
    members = registry.members(features, service)
    personal = [*_personal_features(registry, members), *_on_demand(registry, service)]
    return [*personal, *_personal_times(registry, members)] if timestamps else personal


def _personal_features(registry: Registry, members: Sequence[ServiceMember]) -> Iterator[str]:
    for member in members:
        view = registry.view(member.view)
        marked = {feature.name for feature in view.features if feature.pii}
        yield from (f"{view.name}:{name}" for name in member.features if name in marked)


def _on_demand(registry: Registry, service: str | None) -> list[str]:
    if service is None:
        return []
    return [one.name for one in registry.service(service).on_demand if one.pii]


def _personal_times(registry: Registry, members: Sequence[ServiceMember]) -> Iterator[str]:
    for member in members:
        view = registry.view(member.view)
        reference = FeatureRef(view.name, view.event_timestamp.name)
        if reference in registry.personal:
            yield str(reference)


def _personal_problem(names: Sequence[str]) -> HttpProblem:
    return HttpProblem(
        403,
        "Personal data",
        f"The token may not read personal data: {', '.join(names)}.",
        remedy="Leave them out, or use a token with `personal: true`.",
        field="/features",
    )
