"""Personal data online: what a sync publishes, and what a reader may ask for."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from featurestore.errors import NotServedOnline, RegistryError
from featurestore.governance.personal_data import Allowance, AllowPii, personal_reason
from featurestore.registry.definitions import ALL_FEATURES, Feature, FeatureRef, FeatureView
from featurestore.registry.registry import Registry

__all__ = [
    "Publishable",
    "as_published",
    "is_withheld",
    "personal_names",
    "publishable",
    "refuse_unpublished",
    "refuse_unpublished_timestamp",
    "refuse_unpublished_view",
]


@dataclass(frozen=True, slots=True)
class Publishable:
    """The part of a project that a sync may publish.

    Attributes:
        registry: The definitions without unallowed personal data.
        personal: References of the personal data in it, which the caller allowed.
        withheld: Why each other reference is left out; `view:*` for a whole view.
    """

    registry: Registry
    personal: tuple[str, ...]
    withheld: Mapping[str, str]


def publishable(
    registry: Registry, allow_pii: AllowPii = False, views: Sequence[str] | None = None
) -> Publishable:
    """Return the registry without unallowed personal data, and the references in it and left out.

    Args:
        registry: The project's definitions.
        allow_pii: The personal data that the caller allows online.
        views: The views to publish; by default all.

    Raises:
        RegistryError: A named view has only personal features, or a personal key, and the caller
            does not allow it.
    """
    allowance = Allowance.of(registry, allow_pii)
    allowed = _filtered(registry, allowance.permits, allowance.names)
    for name in views or ():
        view = registry.view(name)
        if view.online and not allowed.view(name).online:
            raise _nothing_left(registry, view, _personal_keys(registry, view, allowance.names))
    chosen = {registry.view(name).name for name in views or registry.feature_views}
    asked = [view for view in registry.feature_views.values() if view.online]
    asked = [view for view in asked if view.name in chosen]
    everything = [ref for view in asked for ref in _references(registry, view)]
    personal = tuple(str(ref) for ref in everything if allowance.names(ref))
    left_out = {
        str(ref): personal_reason(registry, ref) for ref in everything if not allowance.names(ref)
    }
    return Publishable(allowed, personal, left_out)


def _references(registry: Registry, view: FeatureView) -> list[FeatureRef]:
    """Return the personal columns that a publication of a view holds."""
    return [
        *_personal_keys(registry, view, lambda _: False),
        *(FeatureRef(view.name, feature.name) for feature in view.features if feature.pii),
    ]


def _personal_keys(
    registry: Registry, view: FeatureView, allows: Callable[[FeatureRef], bool]
) -> list[FeatureRef]:
    """Return the keys and timestamps of a view that are personal data and not allowed."""
    columns = [FeatureRef(view.name, column.name) for column in view.columns]
    return [ref for ref in columns if ref in registry.personal and not allows(ref)]


def personal_names(registry: Registry, view: FeatureView) -> tuple[str, ...]:
    """Return the names of a view's features, keys and timestamps that are personal data."""
    return tuple(reference.feature for reference in _references(registry, view))


def _nothing_left(
    registry: Registry, view: FeatureView, keys: Sequence[FeatureRef]
) -> RegistryError:
    if keys:
        return RegistryError(
            f"The key or timestamp '{keys[0].feature}' of '{view.name}' ({view.path}) is personal"
            f" data ({personal_reason(registry, keys[0])}), so a sync publishes nothing of it.",
            remedy=f"Use a surrogate key, or allow it with --allow-pii {keys[0]}.",
        )
    return RegistryError(
        f"Every feature of '{view.name}' ({view.path}) is personal data, so a sync publishes"
        " nothing of it.",
        remedy=f"Allow it with --allow-pii '{view.name}:{ALL_FEATURES}', or by feature.",
    )


def as_published(
    registry: Registry,
    columns: Mapping[str, Container[str]],
    allowed: Mapping[str, Container[str] | None],
) -> Registry:
    """Return the registry with only the personal data that was published as such.

    Args:
        registry: The project's definitions.
        columns: The published columns, by view.
        allowed: The personal data that the sync of a view was allowed; None if it did not record
            it.
    """

    def was_allowed(view: str, name: str) -> bool:
        names = allowed.get(view)
        return view in columns and (names is None or name in names)

    def was_published(view: str, feature: Feature) -> bool:
        return feature.name in columns.get(view, ()) and was_allowed(view, feature.name)

    return _filtered(
        registry,
        lambda view, feature: not feature.pii or was_published(view, feature),
        lambda key: was_allowed(key.view, key.feature),
    )


def is_withheld(registry: Registry, view: FeatureView) -> bool:
    """Return whether a view is not published because of personal data.

    Args:
        registry: The definitions without unallowed personal data.
        view: The feature view in it.
    """
    return not view.online and bool(
        not view.features or _personal_keys(registry, view, lambda _: False)
    )


def _filtered(
    registry: Registry,
    keeps: Callable[[str, Feature], bool],
    keeps_key: Callable[[FeatureRef], bool],
) -> Registry:
    views = {}
    for name, view in registry.feature_views.items():
        kept = tuple(feature for feature in view.features if keeps(name, feature))
        ties = () if kept == view.features else view.features
        online = view.online and bool(kept) and not _personal_keys(registry, view, keeps_key)
        views[name] = replace(view, features=kept, ties=ties, online=online)
    return replace(registry, feature_views=MappingProxyType(views))


def refuse_unpublished(
    registry: Registry,
    view: FeatureView,
    features: Container[str],
    published: Container[str],
    allowed: Container[str] | None = None,
) -> None:
    """Raise if a read asks for personal data that was not published as such.

    The reader's definitions decide: a feature that was marked since the last sync is refused.

    Args:
        registry: The reader's definitions.
        view: The feature view.
        features: The requested features.
        published: The features that are online.
        allowed: The personal features that the sync was allowed; None if it did not record them.

    Raises:
        NotServedOnline: A requested feature is personal data and not published as such.
    """
    for feature in view.features:
        if feature.pii and feature.name in features:
            if feature.name in published and (allowed is None or feature.name in allowed):
                continue
            reference = FeatureRef(view.name, feature.name)
            raise NotServedOnline(
                f"'{reference}' is personal data ({personal_reason(registry, reference)}) and is"
                " not published.",
                remedy="Leave it out of the request, or publish it with"
                f" `featurestore sync --allow-pii {reference}`.",
            )


def refuse_unpublished_timestamp(
    registry: Registry, view: FeatureView, allowed: Container[str] | None
) -> None:
    """Raise if a read asks for event timestamps that are personal data, unless published as such.

    Args:
        registry: The reader's definitions.
        view: The feature view.
        allowed: The personal data that the sync was allowed; None if it did not record it.

    Raises:
        NotServedOnline: The event timestamp was marked since the last sync.
    """
    time = FeatureRef(view.name, view.event_timestamp.name)
    if time in registry.personal and allowed is not None and time.feature not in allowed:
        raise NotServedOnline(
            f"The event timestamp '{time}' is personal data ({personal_reason(registry, time)}) and"
            " is not published as such.",
            remedy="Read without feature_timestamps, or publish it with"
            f" `featurestore sync --allow-pii {time}`.",
        )


def refuse_unpublished_view(registry: Registry, view: FeatureView) -> None:
    """Raise if a view is not published because of personal data.

    Raises:
        NotServedOnline: A key or a timestamp of the view is personal data, or every feature is.
    """
    for key in _personal_keys(registry, view, lambda _: False):
        raise NotServedOnline(
            f"'{key}' is a key or timestamp with personal data"
            f" ({personal_reason(registry, key)}), so the view is not published.",
            remedy="Use a surrogate key, or publish it with"
            f" `featurestore sync --allow-pii {key}`.",
        )
    if all(feature.pii for feature in view.features):
        refuse_unpublished(registry, view, view.feature_names, ())
