"""Read the request fields and the on-demand features of a service, and note every problem."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from featurestore.errors import did_you_mean
from featurestore.registry.definitions import (
    FeatureService,
    FeatureView,
    OnDemandFeature,
    RequestField,
    ServiceMember,
)
from featurestore.registry.notes import Notes
from featurestore.registry.personal_mark import PersonalMark, mark_of
from featurestore.registry.service_names import (
    Cycle,
    ambiguous_names,
    expression_names,
    feature_names,
    in_order,
    matching,
)
from featurestore.values.type_spellings import UnknownType, parse_type
from featurestore.values.types import DataType, Kind

__all__ = ["ON_DEMAND_KEYS", "REQUEST_KEYS", "personal_inputs", "with_request_time"]

REQUEST_KEYS = {
    "type": "The type of the field's values, as a `data_type`.",
    "description": "The meaning of the field.",
    "pii": "True marks personal data: what is computed from the field is personal data too.",
}
"""The keys of a request field in its long form, each with its meaning."""

ON_DEMAND_KEYS = {
    "expression": "One SQL expression in the dialect of the warehouse; it may read the service's"
    " features, its request fields and its other on-demand features.",
    "data_type": "The type of the values; optional, and then `validate` checks it.",
    "description": "The meaning of the feature.",
    "pii": "True marks personal data; by default the feature is personal data if an input is."
    ' `{inherited: false, reason: "..."}` clears it.',
}
"""The keys of an on-demand feature in its long form, each with its meaning."""

_REFUSED = {Kind.ARRAY, Kind.NULL, Kind.OPAQUE, Kind.OTHER, Kind.JSON, Kind.UUID, Kind.BYTES}


def with_request_time(
    service: FeatureService,
    meta: Mapping[str, Any],
    views: Mapping[str, FeatureView],
    dialect: str,
    notes: Notes,
) -> FeatureService:
    """Return a service with the request fields and the on-demand features of its meta."""
    fields = tuple(_fields(meta.get("request"), dialect, notes))
    declared = list(_on_demand(meta.get("on_demand"), dialect, notes))
    features = [feature for feature, _ in declared]
    owners = dict(_owners(service.members, views))
    for field in fields:
        _claim(field.name, "request field", owners, service, notes)
    for feature in features:
        _claim(feature.name, "on-demand feature", owners, service, notes)
    found = replace(service, request=fields)
    known = [
        *feature_names(service.members),
        *(f.name for f in fields),
        *(f.name for f in features),
    ]
    features = [_with_inputs(each, known, found, dialect, notes) for each in features]
    try:
        ordered = in_order(features)
    except Cycle as error:
        (cycle,) = error.args
        notes.add(
            f"on-demand features need each other: {' -> '.join(cycle)}.",
            "Compute one of them from features and request fields alone.",
        )
        return found
    cleared = {feature.name for feature, mark in declared if mark is PersonalMark.CLEARED}
    personal = _personal(ordered, found, views, cleared)
    return replace(
        found, on_demand=tuple(replace(each, pii=each.name in personal) for each in features)
    )


def _mapping(key: str, value: Any, example: str, notes: Notes) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        notes.add(f"{key} is {value!r}.", f"Write `{key}: {example}`.")
        return {}
    return {str(name): each for name, each in value.items()}


def _fields(value: Any, dialect: str, notes: Notes) -> Iterator[RequestField]:
    for name, item in _mapping("request", value, "{amount: double}", notes).items():
        own = item if isinstance(item, dict) else {"type": item}
        notes.unknown_keys(own, REQUEST_KEYS, f"request field '{name}'")
        data_type = _type(own.get("type"), f"request field '{name}'", dialect, notes)
        if data_type is not None:
            mark = mark_of(own.get("pii", False), f"request field '{name}'", notes)
            text = str(own.get("description") or "").strip()
            yield RequestField(name, data_type, text, mark is PersonalMark.PERSONAL)


def _type(spelled: Any, owner: str, dialect: str, notes: Notes) -> DataType | None:
    try:
        found = parse_type(spelled, dialect) if isinstance(spelled, str) else None
    except UnknownType:
        found = None
    if found is None or found.kind in _REFUSED:
        notes.add(
            f"{owner} has the type {spelled!r}.",
            "Write a type of one value, such as bigint, double, decimal(9,2), varchar, boolean,"
            " date or timestamp.",
        )
        return None
    return replace(found, precision=None) if found.family == "timestamp" else found


def _on_demand(
    value: Any, dialect: str, notes: Notes
) -> Iterator[tuple[OnDemandFeature, PersonalMark]]:
    items = _mapping("on_demand", value, '{is_big: "amount > 100"}', notes)
    for name, item in items.items():
        owner = f"on-demand feature '{name}'"
        own = item if isinstance(item, dict) else {"expression": item}
        notes.unknown_keys(own, ON_DEMAND_KEYS, owner)
        text = own.get("expression")
        if not isinstance(text, str) or not text.strip():
            notes.add(f"{owner} has the expression {text!r}.", "Write SQL in quotes.")
            continue
        spelled = own.get("data_type")
        data_type = None if spelled is None else _type(spelled, owner, dialect, notes)
        mark = mark_of(own.get("pii", False), owner, notes)
        described = str(own.get("description") or "").strip()
        yield (
            OnDemandFeature(
                name, text.strip(), (), described, mark is PersonalMark.PERSONAL, data_type
            ),
            mark,
        )


def _owners(
    members: tuple[ServiceMember, ...], views: Mapping[str, FeatureView]
) -> Iterator[tuple[str, str]]:
    """Yield each name that a service has already, in lower case, with what has it and where."""
    for member in members:
        view = views[member.view]
        for key, name in member.key_names(view).items():
            yield name.lower(), f"the join key '{key}' of '{member.name}' ({view.path})"
    for name, (member, feature) in feature_names(members).items():
        where = f"the feature '{member.name}:{feature}' ({views[member.view].path})"
        yield name.lower(), where
    for name, full in ambiguous_names(members).items():
        yield name.lower(), f"the features {', '.join(full)}"


def _claim(
    name: str, kind: str, owners: dict[str, str], service: FeatureService, notes: Notes
) -> None:
    """Note a name that is taken: on most warehouses capitals make no difference."""
    taken = owners.get(name.lower())
    if taken is None:
        owners[name.lower()] = f"the {kind} '{name}' ({service.path})"
    else:
        notes.add(
            f"the {kind} '{name}' ({service.path}) has the name of {taken}.",
            "Give it a name of its own.",
        )


def _with_inputs(
    feature: OnDemandFeature, known: list[str], service: FeatureService, dialect: str, notes: Notes
) -> OnDemandFeature:
    owner = f"on-demand feature '{feature.name}'"
    try:
        used = expression_names(feature.text, dialect)
    except ValueError as error:
        notes.add(f"{owner} has an expression that is not {dialect}'s SQL: {error}.")
        return feature
    ambiguous = ambiguous_names(service.members)
    inputs = []
    for name, quoted in used.items():
        found = matching(name, known, quoted=quoted)
        if found is not None:
            inputs.append(found)
            continue
        several = ambiguous.get(matching(name, ambiguous) or "", [])
        if several:
            notes.add(
                f"{owner} reads '{name}', which {len(several)} features of the service are named.",
                f"Write one of {', '.join(several)}.",
            )
            continue
        notes.add(
            f"{owner} reads '{name}', which the service does not have.",
            did_you_mean(name, known) or f"It has {', '.join(known)}.",
        )
    return replace(feature, inputs=tuple(dict.fromkeys(inputs)))


def personal_inputs(service: FeatureService, views: Mapping[str, FeatureView]) -> set[str]:
    """Return the names of a service's features and request fields that are personal data."""
    features = {
        name
        for name, (member, feature) in feature_names(service.members).items()
        if any(each.pii for each in views[member.view].features if each.name == feature)
    }
    computed = {feature.name for feature in service.on_demand if feature.pii}
    return features | computed | {field.name for field in service.request if field.pii}


def _personal(
    ordered: list[OnDemandFeature],
    service: FeatureService,
    views: Mapping[str, FeatureView],
    cleared: set[str],
) -> set[str]:
    """Return the names of the on-demand features that are personal data."""
    marked = personal_inputs(service, views)
    for feature in ordered:
        inherits = feature.name not in cleared and not marked.isdisjoint(feature.inputs)
        if feature.pii or inherits:
            marked.add(feature.name)
    return marked
