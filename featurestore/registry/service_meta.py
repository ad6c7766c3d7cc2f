"""Read a feature service from a dbt exposure of `type: ml`, and note every problem."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from featurestore.errors import RegistryError, did_you_mean
from featurestore.project.manifest import META_KEY
from featurestore.project.nodes import Exposure
from featurestore.registry.definitions import (
    ALL_FEATURES,
    FeatureRef,
    FeatureService,
    FeatureView,
    ServiceMember,
)
from featurestore.registry.notes import Notes
from featurestore.registry.request_time_meta import with_request_time

__all__ = ["MEMBER_KEYS", "SERVICE_KEYS", "feature_service", "group_references"]

SERVICE_KEYS = {
    "features": "The features used: `view:feature`, `view:*`, or a mapping for an aliased view.",
    "label": "The column to predict, as `model.column`; optional.",
    "request": "Name to type of each field that comes with a request: a column of the entity rows.",
    "on_demand": "Name to SQL expression of each feature that is computed at request time.",
    "group": "The dbt group of the service, which may use that group's `access: private` views.",
}
"""The keys under an exposure's `featurestore` meta, each with its meaning."""

MEMBER_KEYS = {
    "view": "The feature view.",
    "alias": "Another name for the view, so that a service can take it more than once.",
    "entities": "Entity name to the column (or columns) of the entity frame that holds its key.",
    "features": "The features to take of the view; default all.",
}
"""The keys of an aliased view in a service, each with its meaning."""


def feature_service(
    exposure: Exposure, views: Mapping[str, FeatureView], dialect: str, notes: Notes
) -> FeatureService | None:
    """Return the feature service that an exposure declares.

    Args:
        exposure: The exposure.
        views: Every feature view of the project, by name.
        dialect: The dialect of types and expressions.
        notes: Collects the problems.

    Returns:
        The service; None if the exposure does not declare one.
    """
    meta = exposure.all_meta.get(META_KEY)
    if meta is None or not isinstance(meta, dict):
        if meta is not None:
            notes.add(f"meta.{META_KEY} is {meta!r}.", "Make it a mapping of keys to values.")
        return None
    notes.unknown_keys(meta, SERVICE_KEYS, f"meta.{META_KEY}")
    if exposure.type != "ml":
        notes.add(f"its type is '{exposure.type}'.", "A feature service has `type: ml`.")
    listed = meta.get("features")
    if not isinstance(listed, list) or not listed:
        notes.add("it lists no features.", "Add `features: [view:feature, ...]`.")
        listed = []
    members = [member for item in listed for member in _members(item, views, notes)]
    _note_repeated_names(members, notes)
    _note_other_keys(members, views, notes)
    service = FeatureService(
        name=exposure.name,
        unique_id=exposure.unique_id,
        path=exposure.original_file_path,
        members=tuple(_merged(members)),
        label=str(meta.get("label") or ""),
        description=(exposure.description or "").strip(),
        owner=str(exposure.owner),
        tags=tuple(str(tag) for tag in exposure.tags or ()),
        group=str(meta.get("group") or exposure.config.group or ""),
    )
    return with_request_time(service, meta, views, dialect, notes)


def group_references(
    references: list[FeatureRef], views: Mapping[str, FeatureView]
) -> tuple[ServiceMember, ...]:
    """Return one member per view, with `*` expanded and without repetitions.

    Args:
        references: References to features that exist.
        views: Every feature view, by name.
    """
    members = [
        ServiceMember(ref.view, _expanded(ref.feature, views[ref.view])) for ref in references
    ]
    return tuple(_merged(members))


def _expanded(feature: str, view: FeatureView) -> tuple[str, ...]:
    # `*` leaves out personal data: a service must name such a feature.
    if feature == ALL_FEATURES:
        return tuple(known.name for known in view.features if not known.pii)
    return (feature,)


def _merged(members: list[ServiceMember]) -> list[ServiceMember]:
    merged: dict[str, ServiceMember] = {}
    for member in members:
        earlier = merged.get(member.name)
        features = (*earlier.features, *member.features) if earlier else member.features
        # dict.fromkeys keeps the first place of a repeated feature, so columns do not move.
        merged[member.name] = ServiceMember(
            member.view, tuple(dict.fromkeys(features)), member.alias, member.entities
        )
    return list(merged.values())


def _note_repeated_names(members: list[ServiceMember], notes: Notes) -> None:
    plain = {member.name for member in members if not member.alias}
    aliases = [member.alias for member in members if member.alias]
    for alias in sorted({a for a in aliases if aliases.count(a) > 1 or a in plain}):
        notes.add(f"the name '{alias}' means two views.", "Give each alias its own name.")


def _note_other_keys(
    members: list[ServiceMember], views: Mapping[str, FeatureView], notes: Notes
) -> None:
    """Note each view that is taken by two sets of columns under one name."""
    first: dict[str, list[str]] = {}
    for member in members:
        # By the columns, and not by `entities`: that mapping may repeat the view's own names.
        columns = list(member.key_names(views[member.view]).values())
        known = first.setdefault(member.view, columns) if not member.alias else columns
        if known != columns:
            alias = f"{'_'.join(columns)}_{member.view}"
            notes.add(
                f"the view '{member.view}' is taken by the columns ({', '.join(known)}) and by"
                f" ({', '.join(columns)}) under one name.",
                f"Give one of the two an alias, such as `alias: {alias}`.",
            )


def _members(item: Any, views: Mapping[str, FeatureView], notes: Notes) -> list[ServiceMember]:
    if isinstance(item, str):
        return _reference(item, views, notes)
    if isinstance(item, dict):
        return _aliased(item, views, notes)
    notes.add(f"features has {item!r}.", "Write 'view:feature' or a mapping with `view:`.")
    return []


def _reference(item: str, views: Mapping[str, FeatureView], notes: Notes) -> list[ServiceMember]:
    try:
        reference = FeatureRef.parse(item)
    except RegistryError as error:
        notes.add(error.message, error.remedy)
        return []
    view = _view(reference.view, views, notes)
    if view is None or not _has_features(view, (reference.feature,), notes):
        return []
    return [ServiceMember(view.name, _expanded(reference.feature, view))]


def _aliased(
    item: dict[str, Any], views: Mapping[str, FeatureView], notes: Notes
) -> list[ServiceMember]:
    notes.unknown_keys(item, MEMBER_KEYS, "features")
    view = _view(str(item.get("view")), views, notes)
    if view is None:
        return []
    listed = item.get("features", [ALL_FEATURES])
    names = tuple(str(name) for name in (listed if isinstance(listed, list) else [listed]))
    if not _has_features(view, names, notes):
        return []
    features = tuple(f for name in names for f in _expanded(name, view))
    alias = str(item.get("alias") or "")
    return [ServiceMember(view.name, features, alias, _columns(item, view, notes))]


def _columns(item: dict[str, Any], view: FeatureView, notes: Notes) -> dict[str, tuple[str, ...]]:
    mapping = item.get("entities") or {}
    if not isinstance(mapping, dict):
        notes.add(f"entities is {mapping!r}.", "Write `entities: {airport: dest}`.")
        return {}
    known = {entity.name: entity for entity in view.entities}
    columns: dict[str, tuple[str, ...]] = {}
    for name, value in mapping.items():
        listed = tuple(str(v) for v in (value if isinstance(value, list) else [value]))
        if name not in known:
            notes.add(
                f"view '{view.name}' has no entity '{name}'.",
                did_you_mean(str(name), known) or f"It has {', '.join(known) or 'none'}.",
            )
        elif len(listed) != len(known[name].join_keys):
            keys = ", ".join(key.name for key in known[name].join_keys)
            notes.add(
                f"entity '{name}' of view '{view.name}' has the join keys ({keys}), but"
                f" {len(listed)} columns are given: {', '.join(listed)}."
            )
        else:
            columns[name] = listed
    return columns


def _view(name: str, views: Mapping[str, FeatureView], notes: Notes) -> FeatureView | None:
    if name not in views:
        notes.add(
            f"unknown feature view '{name}'.",
            did_you_mean(name, views) or f"Known: {', '.join(sorted(views)) or 'none'}.",
        )
    return views.get(name)


def _has_features(view: FeatureView, names: tuple[str, ...], notes: Notes) -> bool:
    missing = [name for name in names if name not in (*view.feature_names, ALL_FEATURES)]
    for name in missing:
        notes.add(
            f"view '{view.name}' has no feature '{name}'.",
            did_you_mean(name, view.feature_names) or f"Known: {', '.join(view.feature_names)}.",
        )
    return not missing
