"""The rule for personal data: a marked feature leaves the warehouse only if allowed.

A feature is marked by `pii: true`, or because its value descends from a marked column.

`view:*` leaves out personal features, and a request that names one is refused, until the caller
allows it. The card of a training set, the report of a sync and the project's metadata in Redis
record the allowed features.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass

from featurestore.errors import RegistryError
from featurestore.registry.definitions import (
    ALL_FEATURES,
    Feature,
    FeatureRef,
    ServiceMember,
)
from featurestore.registry.registry import Registry

__all__ = [
    "PERSONAL_VALUE",
    "AllowPii",
    "Allowance",
    "Granted",
    "allowed_timestamps",
    "granted",
    "personal_reason",
    "refusal",
    "refuse_unallowed",
]

PERSONAL_VALUE = "(personal data)"
"""Written for a value that a report or an error must not show: both end up in logs."""

AllowPii = bool | str | Sequence[str]
"""A caller's allowance: True for all personal data, or references `view:feature`, `view:*`.

For entity rows, a reference may name the marked column of any model, as `model:column`."""


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
    def of(
        cls, registry: Registry, allow: AllowPii, columns: Container[FeatureRef] = ()
    ) -> Allowance:
        """Return the allowance in a caller's argument.

        Args:
            registry: The project's definitions.
            allow: The argument.
            columns: Personal columns of models, which it may name beside features.

        Raises:
            RegistryError: A text is not a reference, or its view or feature is unknown.
        """
        if isinstance(allow, bool):
            return cls(everything=allow)
        listed = [allow] if isinstance(allow, str) else allow
        return cls(references=frozenset(_reference(registry, text, columns) for text in listed))

    def permits(self, view: str, feature: Feature) -> bool:
        """Return whether the caller may read a feature; without personal data, always."""
        return not feature.pii or self.names(FeatureRef(view, feature.name))

    def names(self, column: FeatureRef) -> bool:
        """Return whether the caller allows a column with personal data."""
        named = {column, FeatureRef(column.view, ALL_FEATURES)}
        return self.everything or not named.isdisjoint(self.references)


def _reference(registry: Registry, text: str, columns: Container[FeatureRef]) -> FeatureRef:
    reference = FeatureRef.parse(text)
    if reference in registry.personal or reference in columns:
        return reference
    service = registry.feature_services.get(reference.view)
    names = [each.name for each in service.on_demand] if service else []
    if reference.feature in (*names, *([ALL_FEATURES] if names else [])):
        return reference
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
    allow_pii: AllowPii | Allowance = False,
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
    allowance = allow_pii if isinstance(allow_pii, Allowance) else Allowance.of(registry, allow_pii)
    listed = [features] if isinstance(features, str) else features
    asked = None if listed is None else _with_allowed(registry, listed, allowance)
    members = registry.members(asked, feature_service)
    _refuse(registry, members, allowance)
    personal = (*_personal(registry, members), *_computed(registry, feature_service, allowance))
    meant = _personal_of(registry, _starred(registry, asked or ()))
    return Granted(members, personal, tuple(ref for ref in meant if ref not in personal))


def _computed(
    registry: Registry, feature_service: str | None, allowance: Allowance
) -> tuple[str, ...]:
    """Return references of a service's on-demand features that are personal data and allowed.

    Raises:
        RegistryError: One is personal data and not allowed.
    """
    features = registry.service(feature_service).on_demand if feature_service else ()
    personal = [FeatureRef(str(feature_service), each.name) for each in features if each.pii]
    refused = [reference for reference in personal if not allowance.names(reference)]
    for reference in refused:
        reason = personal_reason(registry, reference)
        raise refusal(f"The on-demand feature '{reference}' is personal data ({reason})", refused)
    return tuple(map(str, personal))


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
        one = f"is personal data ({personal_reason(registry, refused[0])})"
        are = one if len(refused) == 1 else "are personal data"
        raise refusal(f"{names} {are}", refused)


def allowed_timestamps(
    registry: Registry, members: Iterable[ServiceMember], allowance: Allowance
) -> tuple[str, ...]:
    """Return references of the event timestamps that are personal data and that a request may show.

    Args:
        registry: The project's definitions.
        members: The views whose event timestamps a training set shows.
        allowance: The personal data that the caller allows.

    Raises:
        RegistryError: An event timestamp is personal data and not allowed.
    """
    views = dict.fromkeys(registry.view(member.view).name for member in members)
    times = [FeatureRef(name, registry.view(name).event_timestamp.name) for name in views]
    personal = [time for time in times if time in registry.personal]
    for time in personal:
        if not allowance.names(time):
            reason = personal_reason(registry, time)
            raise refusal(f"The event timestamp '{time}' is personal data ({reason})", [time])
    return tuple(map(str, personal))


def refusal(what: str, refused: Sequence[FeatureRef]) -> RegistryError:
    """Return the error for a training set with personal data that the caller did not allow.

    Args:
        what: The subject and the verb, such as "'customers:email' is personal data".
        refused: The columns to allow.
    """
    allowed = ", ".join(f'"{ref}"' for ref in refused)
    return RegistryError(
        f"{what}, which a training set must not hold unless you allow it.",
        remedy=f"Leave it out, or pass allow_pii=[{allowed}]"
        f" (--allow-pii {refused[0]} on the command line). The card records it.",
    )


def personal_reason(registry: Registry, reference: FeatureRef) -> str:
    """Return why a feature is personal data: its own mark, or the marked column upstream."""
    return registry.personal.get(reference, "`pii: true`")


def refuse_unallowed(registry: Registry, reference: FeatureRef, allow_pii: AllowPii) -> None:
    """Raise if a feature or a timestamp beside it is personal data that the caller did not allow.

    Args:
        registry: The project's definitions.
        reference: The feature to show, with the timestamps of its view.
        allow_pii: The personal data that the caller allows.

    Raises:
        RegistryError: A name is unknown, or one of them is personal data and not allowed.
    """
    feature, view = registry.feature(reference), registry.view(reference.view)
    times = (view.event_timestamp, view.created_timestamp, view.valid_until)
    shown = [FeatureRef(view.name, time.name) for time in times if time is not None]
    personal = [time for time in shown if time in registry.personal]
    if feature.pii:
        personal.insert(0, FeatureRef(view.name, feature.name))
    allowance = Allowance.of(registry, allow_pii)
    for one in personal:
        if not allowance.names(one):
            raise RegistryError(
                f"'{one}' is personal data ({personal_reason(registry, one)}), which is not shown"
                " unless you allow it.",
                remedy=f'Pass allow_pii=["{one}"] (--allow-pii {one} on the command line).',
            )
