"""Check a request for online values, and plan the read."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from featurestore.errors import EntityFrameError, NameCollision, OnlineStoreError, did_you_mean
from featurestore.governance.publishable import (
    refuse_unpublished,
    refuse_unpublished_timestamp,
)
from featurestore.online.default_values import published_defaults
from featurestore.online.key_values import key_writer
from featurestore.online.keys import row_prefix
from featurestore.online.read_plan import JoinKeys, ReadPlan, ViewPlan
from featurestore.online.request_plan import plan_request
from featurestore.online.schema import Schema
from featurestore.registry.definitions import FeatureService, FeatureView, ServiceMember
from featurestore.registry.registry import Registry
from featurestore.values.epoch import MICROSECOND

__all__ = ["entity_columns", "plan_views"]


def entity_columns(
    entity_rows: Sequence[Mapping[str, Any]] | Mapping[str, Sequence[Any]],
) -> tuple[dict[str, list[Any]], int]:
    """Return entity rows, given as rows or as columns, as columns, and their number.

    Raises:
        EntityFrameError: The rows are neither mappings nor a mapping of lists, rows name different
            keys, or columns have different lengths.

    >>> entity_columns([{"tailnum": "N14228"}, {"tailnum": "N24211"}])
    ({'tailnum': ['N14228', 'N24211']}, 2)
    """
    if isinstance(entity_rows, Mapping):
        columns = {
            name: values.copy() if type(values) is list else _listed(name, values)
            for name, values in entity_rows.items()
        }
        if len({len(values) for values in columns.values()}) > 1:
            lengths = ", ".join(f"{name}: {len(values)}" for name, values in columns.items())
            raise EntityFrameError(f"The entity rows' columns differ in length: {lengths}.")
        return columns, len(next(iter(columns.values()), ()))
    try:
        rows = list(entity_rows)
        first = rows[0].keys() if rows else {}.keys()
        other = next((number for number, row in enumerate(rows) if row.keys() != first), None)
    except (AttributeError, TypeError):
        raise _not_mappings(entity_rows) from None
    if other is not None:
        raise EntityFrameError(
            f"Entity row {other} has the keys {', '.join(rows[other]) or 'none'}, but row 0 has"
            f" {', '.join(first) or 'none'}.",
            remedy="Give every row the same keys, with None for a missing value.",
        )
    return {name: [row[name] for row in rows] for name in first}, len(rows)


def _listed(name: str, values: Any) -> list[Any]:
    """Return the values of one column; a text is one value, not one value per character."""
    if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
        raise EntityFrameError(
            f"The entity rows' column '{name}' is {values!r}, not a list of values.",
            remedy=f"Pass {{{name!r}: [{values!r}]}}, or a list with one mapping per entity.",
            about=name,
        )
    return list(values)


def _not_mappings(entity_rows: Any) -> EntityFrameError:
    remedy = "Pass one mapping per entity, such as [{'id': 7}], or one list per join key."
    if hasattr(entity_rows, "columns"):
        remedy = "Pass one list per join key: of a pandas frame, frame.to_dict('list')."
    elif isinstance(entity_rows, Sequence) and not isinstance(entity_rows, str | bytes):
        number, row = next(
            (number, row) for number, row in enumerate(entity_rows) if not isinstance(row, Mapping)
        )
        return EntityFrameError(
            f"Entity row {number} is {row!r}, not a mapping of join keys to values.", remedy=remedy
        )
    kind = type(entity_rows).__qualname__
    return EntityFrameError(f"The entity rows are a {kind}, not a list of mappings.", remedy=remedy)


def plan_views(
    registry: Registry,
    schemas: Mapping[str, Schema],
    members: Sequence[ServiceMember],
    columns: Sequence[str] | None,
    *,
    full_feature_names: bool,
    feature_timestamps: bool,
    personal: Mapping[str, Container[str] | None] = MappingProxyType({}),
    fills: bool = True,
    service: FeatureService | None = None,
) -> ReadPlan:
    """Return the plan of a request, after checking it against the columns of the entity rows.

    Args:
        registry: The project's definitions.
        schemas: The published schema of each view, by its name.
        members: The requested features of each view.
        columns: The names of the entity rows' columns; None without entity rows.
        full_feature_names: Name the values `view__feature`.
        feature_timestamps: Add `view__event_timestamp` for each view.
        personal: The personal data of each view that the sync was allowed; None if its version did
            not record it, so all that is published was.
        fills: Whether declared defaults fill missing values.
        service: The service that is asked for; None for a request that names features.

    Raises:
        EntityFrameError: The entity rows lack a join key or a request field.
        ExpressionRefused: An on-demand feature has no known meaning for the published types.
        OnlineStoreError: The view is published with other join keys than it declares, or a feature
            is personal data that the sync was not allowed.
        NameCollision: Two columns of the result would have the same name.
    """
    taken = dict.fromkeys(columns or (), "the entity rows")
    plans = []
    shared: dict[tuple[tuple[str, str], ...], JoinKeys] = {}
    for member in members:
        view = registry.view(member.view)
        schema = schemas[view.name]
        published = dict(schema.features)
        allowed = personal.get(view.name)
        refuse_unpublished(registry, view, member.features, published, allowed)
        if feature_timestamps:
            refuse_unpublished_timestamp(registry, view, allowed)
        prefix = f"{member.name}__" if full_feature_names else ""
        names = tuple(f"{prefix}{feature}" for feature in member.features)
        timestamp = f"{member.name}__event_timestamp" if feature_timestamps else ""
        _claim((*names, timestamp) if timestamp else names, member.name, taken)
        wanted = tuple((feature, published.get(feature)) for feature in member.features)
        asked = _keys(view, schema, member, columns)
        plans.append(
            ViewPlan(
                view=view,
                wanted=wanted,
                names=names,
                types={name: kind or "null" for name, (_, kind) in zip(names, wanted, strict=True)},
                ttl=None if view.ttl is None else view.ttl // MICROSECOND,
                prefix=row_prefix(registry.online_name, view.name),
                # One object for views that read equal keys, so that each request writes them once.
                keys=shared.setdefault(asked, _join_keys(asked, member.name)),
                layout=tuple(key for key, _ in schema.keys),
                timestamp=timestamp,
                defaults=published_defaults(view, wanted) if fills else {},
            )
        )
    if service is None or not (service.request or service.on_demand):
        return ReadPlan.of(plans)
    at_request = plan_request(service, plans, columns, registry.dialect)
    _claim(tuple(at_request.types), service.name, taken)
    return ReadPlan.of(plans, at_request)


def _join_keys(asked: Sequence[tuple[str, str]], view: str) -> JoinKeys:
    where = f"'{view}'"
    return JoinKeys(
        tuple((name, kind, key_writer(name, kind, where=where)) for name, kind in asked)
    )


def _claim(names: Sequence[str], owner: str, taken: dict[str, str]) -> None:
    for name in names:
        if name in taken:
            raise NameCollision(
                f"Two columns would be named '{name}': one of {taken[name]} and one of '{owner}'.",
                remedy="Use full_feature_names=True (--full-feature-names on the command line).",
            )
        taken[name] = f"'{owner}'"


def _keys(
    view: FeatureView, schema: Schema, member: ServiceMember, columns: Sequence[str] | None
) -> tuple[tuple[str, str], ...]:
    """Return the entity rows' column of each join key, and its type."""
    given = member.key_names(view)
    keys = []
    for key, kind in schema.keys:
        name = given.get(key, key)
        if columns is not None and name not in columns:
            raise EntityFrameError(
                f"The entity rows have no '{name}', a join key of '{member.name}'; they have"
                f" {', '.join(columns) or 'no columns'}.",
                remedy=did_you_mean(name, columns) or f"Add '{name}' to each row.",
                about=name,
            )
        keys.append((name, kind))
    _refuse_other_keys(view, schema)
    return tuple(keys)


def _refuse_other_keys(view: FeatureView, schema: Schema) -> None:
    published, declared = [key for key, _ in schema.keys], [key.name for key in view.join_keys]
    if {*published} != {*declared}:
        # The entity rows may have a column of a published key's name that means another entity.
        raise OnlineStoreError(
            f"The feature view '{view.name}' is published with the join keys"
            f" {', '.join(published) or 'none'}, but declares {', '.join(declared) or 'none'}.",
            remedy="Run `featurestore sync`, or read with the manifest of the last sync.",
        )
