"""The rule for personal data: a feature with `pii: true` leaves the warehouse only if allowed.

`view:*` leaves out personal features, and a request that names one is refused, until the caller
allows it. The card of a training set, the report of a sync and the project's metadata in Redis
record the allowed features.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from featurestore.errors import OnlineStoreError, RegistryError
from featurestore.registry.definitions import (
    ALL_FEATURES,
    Feature,
    FeatureRef,
    FeatureView,
    ServiceMember,
)
from featurestore.registry.registry import Registry

__all__ = [
    "AllowPii",
    "Allowance",
    "Granted",
    "as_published",
    "granted",
    "publishable",
    "refuse_unallowed",
    "refuse_unpublished",
]

AllowPii = bool | str | Sequence[str]
"""A caller's allowance: True for all personal data, or references `view:feature`, `view:*`."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """The personal data that a caller allows.

    Attributes:
        everything: Whether the caller allows all of it.
        references: The allowed features; the feature `*` means all features of the view.
    """

    everything: bool = False
    references: frozenset[FeatureRef] = frozenset()

    @classmethod
    def of(cls, registry: Registry, allow: AllowPii) -> Allowance:
        """Return the allowance in a caller's argument.

        Raises:
            RegistryError: A text is not a reference, or its view or feature is unknown.
        """
        if isinstance(allow, bool):
            return cls(everything=allow)
        listed = [allow] if isinstance(allow, str) else allow
        return cls(references=frozenset(_reference(registry, text) for text in listed))

    def permits(self, view: str, feature: Feature) -> bool:
        """Return whether the caller may read a feature; without personal data, always."""
        named = {FeatureRef(view, feature.name), FeatureRef(view, ALL_FEATURES)}
        return not feature.pii or self.everything or not named.isdisjoint(self.references)


def _reference(registry: Registry, text: str) -> FeatureRef:
    reference = FeatureRef.parse(text)
    view = registry.view(reference.view)
    if reference.feature != ALL_FEATURES:
        registry.feature(reference)
    return FeatureRef(view.name, reference.feature)


@dataclass(frozen=True, slots=True)
class Granted:
    """The features that a request gets.

    Attributes:
        members: The features of each view.
        personal: References of the personal features among them, which the caller allowed.
        withheld: References of the personal features that a `*` left out.
    """

    members: tuple[ServiceMember, ...]
    personal: tuple[str, ...] = ()
    withheld: tuple[str, ...] = ()


def granted(
    registry: Registry,
    features: str | Sequence[str] | None,
    feature_service: str | None,
    allow_pii: AllowPii = False,
) -> Granted:
    """Return the features that a request may read.

    Args:
        registry: The project's definitions.
        features: References `view:feature` or `view:*`; a `*` means all that the caller may read.
        feature_service: The name of a service, instead.
        allow_pii: The personal data that the caller allows.

    Raises:
        RegistryError: A name is unknown, or a named feature is personal data and not allowed.
    """
    allowance = Allowance.of(registry, allow_pii)
    listed = [features] if isinstance(features, str) else features
    asked = None if listed is None else _with_allowed(registry, listed, allowance)
    members = registry.members(asked, feature_service)
    _refuse(registry, members, allowance)
    personal = _personal(registry, members)
    meant = _personal_of(registry, _starred(registry, asked or ()))
    return Granted(members, personal, tuple(ref for ref in meant if ref not in personal))


def _with_allowed(registry: Registry, features: Sequence[str], allowance: Allowance) -> list[str]:
    """Expand `view:*` to include the personal features that the caller may read."""
    asked: list[str] = []
    for text in features:
        reference = FeatureRef.parse(text)
        asked.append(text)
        if reference.feature == ALL_FEATURES:
            view = registry.view(reference.view)
            asked += [
                str(FeatureRef(view.name, feature.name))
                for feature in view.features
                if feature.pii and allowance.permits(view.name, feature)
            ]
    return asked


def _starred(registry: Registry, features: Sequence[str]) -> list[str]:
    references = map(FeatureRef.parse, features)
    return [registry.view(ref.view).name for ref in references if ref.feature == ALL_FEATURES]


def _personal_of(registry: Registry, views: Sequence[str]) -> list[str]:
    return [
        str(FeatureRef(view, feature.name))
        for view in dict.fromkeys(views)
        for feature in registry.view(view).features
        if feature.pii
    ]


def _personal(registry: Registry, members: Sequence[ServiceMember]) -> tuple[str, ...]:
    found = (
        str(FeatureRef(member.view, name))
        for member in members
        for name in member.features
        if registry.feature(FeatureRef(member.view, name)).pii
    )
    return tuple(dict.fromkeys(found))


def _refuse(registry: Registry, members: Sequence[ServiceMember], allowance: Allowance) -> None:
    refused = [
        ref
        for ref in map(FeatureRef.parse, _personal(registry, members))
        if not allowance.permits(ref.view, registry.feature(ref))
    ]
    refused += [FeatureRef(member.view, ALL_FEATURES) for member in members if not member.features]
    if refused:
        names = ", ".join(f"'{ref}'" for ref in refused)
        are = "is personal data (`pii: true`)" if len(refused) == 1 else "are personal data"
        allowed = ", ".join(f'"{ref}"' for ref in refused)
        raise RegistryError(
            f"{names} {are}, which a training set must not hold unless you allow it.",
            remedy=f"Leave it out, or pass allow_pii=[{allowed}]"
            f" (--allow-pii {refused[0]} on the command line). The card records it.",
        )


def refuse_unallowed(registry: Registry, reference: FeatureRef, allow_pii: AllowPii) -> None:
    """Raise if a feature is personal data that the caller did not allow.

    Args:
        registry: The project's definitions.
        reference: The feature to show.
        allow_pii: The personal data that the caller allows.

    Raises:
        RegistryError: A name is unknown, or the feature is personal data and not allowed.
    """
    feature = registry.feature(reference)
    named = FeatureRef(registry.view(reference.view).name, feature.name)
    if not Allowance.of(registry, allow_pii).permits(named.view, feature):
        raise RegistryError(
            f"'{named}' is personal data (`pii: true`), which is not shown unless you allow it.",
            remedy=f'Pass allow_pii=["{named}"] (--allow-pii {named} on the command line).',
        )


def publishable(
    registry: Registry, allow_pii: AllowPii = False, views: Sequence[str] | None = None
) -> tuple[Registry, tuple[str, ...]]:
    """Return the registry without unallowed personal data, and the allowed references.

    Args:
        registry: The project's definitions.
        allow_pii: The personal data that the caller allows online.
        views: The views to publish; by default all.

    Raises:
        RegistryError: A named view has only personal features, and the caller allows none of them.
    """
    allowance = Allowance.of(registry, allow_pii)
    allowed = _filtered(registry, allowance.permits)
    for name in views or ():
        view = registry.view(name)
        if view.online and not allowed.view(name).features:
            raise RegistryError(
                f"Every feature of '{view.name}' ({view.path}) is personal data (`pii: true`), so"
                " a sync publishes nothing of it.",
                remedy=f"Allow it with --allow-pii '{view.name}:{ALL_FEATURES}', or by feature.",
            )
    chosen = {registry.view(name).name for name in views or registry.feature_views}
    published = (
        str(FeatureRef(view.name, feature.name))
        for view in allowed.feature_views.values()
        for feature in view.features
        if feature.pii and view.online and view.name in chosen
    )
    return allowed, tuple(published)


def as_published(registry: Registry, columns: Mapping[str, Container[str]]) -> Registry:
    """Return the registry with only the personal data that was published.

    Args:
        registry: The project's definitions.
        columns: The published columns, by view.
    """
    return _filtered(
        registry,
        lambda view, feature: not feature.pii or feature.name in columns.get(view, ()),
    )


def _filtered(registry: Registry, keeps: Callable[[str, Feature], bool]) -> Registry:
    views = {}
    for name, view in registry.feature_views.items():
        kept = tuple(feature for feature in view.features if keeps(name, feature))
        ties = () if kept == view.features else view.features
        views[name] = replace(view, features=kept, ties=ties, online=view.online and bool(kept))
    return replace(registry, feature_views=MappingProxyType(views))


def refuse_unpublished(
    view: FeatureView, features: Container[str], published: Container[str]
) -> None:
    """Raise if a read asks for personal data that was not published.

    Args:
        view: The feature view.
        features: The requested features.
        published: The features that are online.

    Raises:
        OnlineStoreError: A requested feature is personal data and not online.
    """
    for feature in view.features:
        if feature.pii and feature.name in features and feature.name not in published:
            reference = FeatureRef(view.name, feature.name)
            raise OnlineStoreError(
                f"'{reference}' is personal data (`pii: true`) and is not published.",
                remedy="Leave it out of the request, or publish it with"
                f" `featurestore sync --allow-pii {reference}`.",
            )
