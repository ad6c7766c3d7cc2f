"""Personal data: which features may leave the warehouse, and by whose allowance.

A feature that is declared `pii: true` is left out wherever all features of a view are meant, and
refused where it is named, until the caller says that it may be had. What was allowed is written
down: in the card of a training set, in the report of a sync, and in the sync's book.
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
"""What a caller may say: True for all personal data, or references `view:feature`, `view:*`."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """The personal data that a caller says may be had.

    Attributes:
        everything: Whether all of it may.
        references: The features that may; the feature `*` stands for all of its view.
    """

    everything: bool = False
    references: frozenset[FeatureRef] = frozenset()

    @classmethod
    def of(cls, registry: Registry, allow: AllowPii) -> Allowance:
        """Read what a caller said.

        Raises:
            RegistryError: A reference is none, or leads to nothing.
        """
        if isinstance(allow, bool):
            return cls(everything=allow)
        listed = [allow] if isinstance(allow, str) else allow
        return cls(references=frozenset(_reference(registry, text) for text in listed))

    def permits(self, view: str, feature: Feature) -> bool:
        """Whether a feature may be had: one that is no personal data always may."""
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
    """What a request gets.

    Attributes:
        members: What is taken of each view.
        personal: The references of the personal data in it, which the caller allowed.
        withheld: The references of the personal data that a `*` would have meant.
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
    """Resolve a request to what its caller may have.

    Args:
        registry: The project's definitions.
        features: References `view:feature` or `view:*`; a `*` means what may be had.
        feature_service: The name of a service, instead.
        allow_pii: The personal data that the caller allows.

    Raises:
        RegistryError: A name is unknown, or personal data is named and not allowed.
    """
    allowance = Allowance.of(registry, allow_pii)
    listed = [features] if isinstance(features, str) else features
    asked = None if listed is None else _written_out(registry, listed, allowance)
    members = registry.members(asked, feature_service)
    _refuse(registry, members, allowance)
    personal = _personal(registry, members)
    meant = _personal_of(registry, _starred(registry, asked or ()))
    return Granted(members, personal, tuple(ref for ref in meant if ref not in personal))


def _written_out(registry: Registry, features: Sequence[str], allowance: Allowance) -> list[str]:
    """Return the references with the personal data that a `*` may mean written behind it."""
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
            f"{names} {are}, which a training set holds only where its maker allows it.",
            remedy=f"Leave it out, or say allow_pii=[{allowed}]"
            f" (--allow-pii {refused[0]} on the command line): it is written on the card.",
        )


def refuse_unallowed(registry: Registry, reference: FeatureRef, allow_pii: AllowPii) -> None:
    """Refuse to show personal data that the caller did not allow.

    Args:
        registry: The project's definitions.
        reference: The feature that is to be shown.
        allow_pii: The personal data that the caller allows.

    Raises:
        RegistryError: A name is unknown, or the feature is personal data and not allowed.
    """
    feature = registry.feature(reference)
    named = FeatureRef(registry.view(reference.view).name, feature.name)
    if not Allowance.of(registry, allow_pii).permits(named.view, feature):
        raise RegistryError(
            f"'{named}' is personal data (`pii: true`), which is shown only where it is allowed.",
            remedy=f'Say allow_pii=["{named}"] (--allow-pii {named} on the command line).',
        )


def publishable(
    registry: Registry, allow_pii: AllowPii = False, views: Sequence[str] | None = None
) -> tuple[Registry, tuple[str, ...]]:
    """Return the registry without the personal data that may not be published, and what may.

    Args:
        registry: The project's definitions.
        allow_pii: The personal data that the caller allows online.
        views: The views that are to be published; by default all.

    Raises:
        RegistryError: A view that is named has nothing else.
    """
    allowance = Allowance.of(registry, allow_pii)
    allowed = _filtered(registry, allowance.permits)
    for name in views or ():
        view = registry.view(name)
        if view.online and not allowed.view(name).features:
            raise RegistryError(
                f"Every feature of '{view.name}' ({view.path}) is personal data (`pii: true`), so"
                " nothing of it is published.",
                remedy=f"Allow it with --allow-pii '{view.name}:{ALL_FEATURES}', or in part.",
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
    """Return the registry with only the personal data that was allowed when a view was published.

    Args:
        registry: The project's definitions.
        columns: The columns that were published, by view.
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
    """Refuse a read of personal data that was not published.

    Args:
        view: The feature view.
        features: The features asked for.
        published: The features that are online.

    Raises:
        OnlineStoreError: One of them is personal data, and not online.
    """
    for feature in view.features:
        if feature.pii and feature.name in features and feature.name not in published:
            reference = FeatureRef(view.name, feature.name)
            raise OnlineStoreError(
                f"'{reference}' is personal data (`pii: true`) and is not published.",
                remedy="Leave it out of the request, or publish it with"
                f" `featurestore sync --allow-pii {reference}`.",
            )
