"""Governance: who may have which feature, and how things are named; pure functions on the registry.

A feature that is declared `pii: true` is left out wherever all features of a view are meant, and
refused where it is named, until the caller says that it may be had. What was allowed is written
down: in the card of a training set, in the report of a sync, and in the sync's book.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from featurestore.definitions import (
    ALL_FEATURES,
    Feature,
    FeatureRef,
    FeatureService,
    FeatureView,
    ServiceMember,
)
from featurestore.errors import OnlineStoreError, Problem, RegistryError, did_you_mean
from featurestore.manifest import META_KEY
from featurestore.registry import Registry

__all__ = [
    "NAMING_KINDS",
    "AllowPii",
    "Allowance",
    "Granted",
    "access_problems",
    "as_published",
    "granted",
    "naming_problems",
    "naming_rules",
    "publishable",
    "refuse_unallowed",
    "refuse_unpublished",
]

AllowPii = bool | str | Sequence[str]
"""What a caller may say: True for all personal data, or references `view:feature`, `view:*`."""

NAMING_KINDS = ("entity", "feature", "service", "view")
"""What can have a rule for its names."""


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


def access_problems(registry: Registry) -> list[Problem]:
    """Return a problem for each service that takes a private view of another group."""
    return [
        _trespass(service, registry.view(name))
        for service in registry.feature_services.values()
        for name in dict.fromkeys(member.view for member in service.members)
        if not _may_use(service, registry.view(name))
    ]


def _may_use(service: FeatureService, view: FeatureView) -> bool:
    if view.access != "private":
        return True
    if service.group:
        return service.group == view.group
    return bool(view.owner) and service.owner == view.owner


def _trespass(service: FeatureService, view: FeatureView) -> Problem:
    whose = f"group '{view.group}'" if view.group else "no group"
    own = f"group '{service.group}'" if service.group else "no group"
    return Problem(
        service.path,
        service.name,
        f"it uses '{view.name}' ({view.path}), which is `access: private` to {whose}; the service"
        f" is of {own}.",
        f"Add `group: {view.group or '<group>'}` under meta.featurestore if the service is theirs,"
        " or ask them for `access: protected`.",
    )


def naming_rules(project_dir: Path) -> dict[str, str]:
    """Return the naming rules of a project, from `vars` in its dbt_project.yml.

    Raises:
        RegistryError: They are no mapping.
    """
    import yaml

    content = yaml.safe_load((project_dir / "dbt_project.yml").read_text(encoding="utf-8")) or {}
    own = (content.get("vars") or {}).get(META_KEY) or {}
    rules = own.get("naming") or {} if isinstance(own, dict) else own
    if not isinstance(rules, dict):
        raise RegistryError(
            f"The naming rules in {project_dir / 'dbt_project.yml'} are {rules!r}.",
            remedy="Write `vars: {featurestore: {naming: {feature: '^[a-z0-9_]+$'}}}`.",
        )
    return rules


def naming_problems(registry: Registry, rules: Mapping[str, str]) -> list[Problem]:
    """Return a problem for each name that does not follow its rule.

    Args:
        registry: The project's definitions.
        rules: A regular expression for each kind of name (see `NAMING_KINDS`), found anywhere in
            the name unless it says otherwise by `^` and `$`.

    Raises:
        RegistryError: A rule is for no kind of name, or is no regular expression.
    """
    patterns = {kind: _pattern(kind, rule) for kind, rule in rules.items()}
    return sorted(
        Problem(
            path,
            resource,
            f"the {kind} name '{name}' does not follow the rule {rules[kind]!r}.",
            "Rename it, or change the rule under `vars: {featurestore: {naming: ...}}`.",
        )
        for kind, path, resource, name in dict.fromkeys(_names(registry))
        if kind in patterns and not patterns[kind].search(name)
    )


def _pattern(kind: str, rule: str) -> re.Pattern[str]:
    if kind not in NAMING_KINDS:
        raise RegistryError(
            f"There is a naming rule for '{kind}', which is no kind of name.",
            remedy=did_you_mean(kind, NAMING_KINDS) or f"Known: {', '.join(NAMING_KINDS)}.",
        )
    try:
        return re.compile(rule)
    except (re.error, TypeError) as error:
        raise RegistryError(
            f"The naming rule for '{kind}' is {rule!r}, which is no regular expression: {error}.",
            remedy="Write for example '^[a-z][a-z0-9_]*$'.",
        ) from None


def _names(registry: Registry) -> Iterator[tuple[str, str, str, str]]:
    for view in registry.feature_views.values():
        # A version is dbt's own, and no part of the name that somebody gave.
        plain = view.name.removesuffix(f".v{view.version}") if view.version else view.name
        yield "view", view.path, view.name, plain
        for entity in view.entities:
            yield "entity", view.path, view.name, entity.name
        for feature in view.features:
            yield "feature", view.path, view.name, feature.name
    for service in registry.feature_services.values():
        yield "service", service.path, service.name, service.name
