"""Read a feature view from the `featurestore` meta of a dbt model, and note every problem.

The keys of a view, their meaning and their defaults are the two tables below; the keys of a column
are in `column_meta`, those of a service in `service_meta`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from featurestore.errors import did_you_mean
from featurestore.project.manifest import META_KEY, MISSPELLINGS
from featurestore.project.nodes import Group, Node
from featurestore.registry.column_meta import column_types, with_features
from featurestore.registry.definitions import Column, Entity, FeatureView, Freshness
from featurestore.registry.meta_parsing import (
    boolean_of,
    duration_of,
    listed,
    percentage_of,
    words_of,
)
from featurestore.registry.notes import Notes
from featurestore.registry.snapshot_columns import SnapshotColumns, snapshot_columns
from featurestore.registry.table_changes import table_changes
from featurestore.values.types import DataType

__all__ = ["FRESHNESS_KEYS", "HOW_TO_USE", "OTHER_KEY_TYPES", "VIEW_KEYS", "feature_view"]

VIEW_KEYS = {
    "entities": "Entity name to join key column, or to a list of columns of a composite key.",
    "event_timestamp": "The column with the instant from which a row is true; default: the model's"
    " `event_time`, or a snapshot's `dbt_valid_from`.",
    "created_timestamp": "The column with the instant at which a row was written; it decides ties.",
    "valid_until": "The column with the instant from which a row no longer counts, NULL for no end;"
    " default: a snapshot's `dbt_valid_to`.",
    "available_after": "The delay from the event until its row is known, such as `15 minutes`;"
    " default none.",
    "ttl": "The greatest age at which a row still counts, such as `30 days`; default any age.",
    "online": "Whether the sync publishes the view to the online store; default true.",
    "freshness": "The ages at which `featurestore status` warns or fails: `warn_after`,"
    " `error_after`; default: the model's `freshness`.",
    "max_deletes": "The share of the view's online rows that one sync may delete, such as `50%`;"
    " default: the project's `vars: {featurestore: {max_deletes: ...}}`, else `50%`.",
    "ignore": "Lint rules that are wrong about this view, each with the reason:"
    ' `{FS003: "the report prints its own date"}`.',
}
"""The keys under a model's `featurestore` meta, each with its meaning."""

OTHER_KEY_TYPES = "Use an integer, text, a date, a timestamp, a decimal, a boolean or a uuid."
"""The remedy for a join key of another type."""

_DEFAULTS: Mapping[str, Any] = {"available_after": timedelta(), "online": True}
"""The values of absent keys."""

HOW_TO_USE = "#### How to use the feature view"
"""The first line of the block that `docs` adds to a model's description, behind the user's text."""

FRESHNESS_KEYS = {
    "warn_after": "The age of the newest event, or of the online rows, that causes a warning.",
    "error_after": "The age that makes `featurestore status` exit with 1.",
}
"""The keys under `freshness`, each with its meaning."""


def feature_view(
    node: Node, groups: Mapping[str, Group], dialect: str, notes: Notes
) -> FeatureView | None:
    """Return the feature view that a model declares.

    Args:
        node: The model, snapshot or seed.
        groups: The project's groups, for the owner.
        dialect: The dialect that spells the declared types.
        notes: Collects the problems; a view with problems comes back as far as it is readable.

    Returns:
        The feature view; None if the model does not declare one, or lacks the essential keys.
    """
    meta = _own_meta(node.all_meta, notes)
    if meta is None:
        return None
    notes.unknown_keys(meta, VIEW_KEYS, f"meta.{META_KEY}")
    types = column_types(node, dialect)
    snapshot = snapshot_columns(node)
    entities = _entities(meta, node, types, notes)
    names = {
        "event_timestamp": meta.get("event_timestamp")
        or node.config.event_time
        or (snapshot and snapshot.valid_from),
        "created_timestamp": meta.get("created_timestamp"),
        "valid_until": meta.get("valid_until") or (snapshot and snapshot.valid_to),
    }
    event, created, until = (
        _timestamp(key, name, types, snapshot, notes) for key, name in names.items()
    )
    if until is not None and event is not None and until.name == event.name:
        notes.add(
            f"valid_until and event_timestamp are both '{until.name}', so no row would ever count.",
            "Name the column with the end of a row's validity.",
        )
    if event is None and not any("event_timestamp" in p.message for p in notes.problems):
        notes.add(
            "event_timestamp is missing.",
            f"Add `event_timestamp: <column>` under meta.{META_KEY}, or dbt's own `event_time`.",
        )
    if node.relation_name is None:
        notes.add(
            f"it is {node.config.materialized or 'not materialized'}, so the warehouse has no"
            " table to read.",
            "Materialize it as table, incremental or view.",
        )
    if entities is None or event is None or node.relation_name is None:
        return None
    group = node.config.group or node.group or ""
    view = FeatureView(
        name=node.qualified_name,
        unique_id=node.unique_id,
        relation=node.relation_name,
        path=node.path,
        entities=entities,
        features=(),
        event_timestamp=event,
        created_timestamp=created,
        valid_until=until,
        no_end=_no_end(node, until, snapshot),
        is_deleted=_is_deleted(node, types, snapshot),
        available_after=duration_of("available_after", meta, notes) or _DEFAULTS["available_after"],
        ttl=_ttl(meta, notes),
        online=boolean_of("online", meta, _DEFAULTS["online"], notes),
        freshness=_freshness(meta, node, notes),
        description=(node.description or "").partition(HOW_TO_USE)[0].strip(),
        owner=str(groups[group].owner) if group in groups else "",
        group=group,
        access=node.config.access or node.access or "",
        tags=words_of(node.config.tags or node.tags),
        version="" if node.version is None else str(node.version),
        max_deletes=percentage_of("max_deletes", meta, notes),
        changes=table_changes(node.config, event.name, created.name if created else None),
        ignore=meta.get("ignore") or {},
    )
    return with_features(view, node, types, notes)


def _no_end(node: Node, until: Column | None, snapshot: SnapshotColumns | None) -> str:
    """Return what a snapshot writes for no end; it says nothing about another column."""
    own = until is not None and snapshot is not None and until.name == snapshot.valid_to
    return (node.config.dbt_valid_to_current or "").strip() if own else ""


def _is_deleted(
    node: Node, types: Mapping[str, DataType | None], snapshot: SnapshotColumns | None
) -> Column | None:
    if snapshot is None:
        return None
    # The column, with its rows, outlives a change of the config; documenting it keeps its meaning.
    name = snapshot.is_deleted
    recorded = node.config.hard_deletes == "new_record" or name in types
    return Column(name, types.get(name)) if recorded else None


def _ttl(meta: Mapping[str, Any], notes: Notes) -> timedelta | None:
    ttl = duration_of("ttl", meta, notes)
    if ttl != timedelta():
        return ttl
    notes.add(
        f"ttl is {meta['ttl']!r}, so a row would count only at the very instant of its event.",
        "Leave out `ttl` if rows count at any age; give the greatest age, such as `1 day`, if they"
        " expire.",
    )
    return None


def _own_meta(meta: Mapping[str, Any], notes: Notes) -> Mapping[str, Any] | None:
    for wrong in MISSPELLINGS:
        if wrong in meta and META_KEY not in meta:
            notes.add(f"meta has '{wrong}', which is not read.", f"Did you mean '{META_KEY}'?")
    own = meta.get(META_KEY)
    if own is not None and not isinstance(own, dict):
        notes.add(f"meta.{META_KEY} is {own!r}.", "Make it a mapping of keys to values.")
        return None
    return own


def _entities(
    meta: Mapping[str, Any], node: Node, types: Mapping[str, DataType | None], notes: Notes
) -> tuple[Entity, ...] | None:
    declared = meta.get("entities")
    if declared is None:
        keys = _grain(node)
        hint = f" (the model's own key is {', '.join(keys)})" if keys else ""
        notes.add(
            f"entities is missing{hint}.",
            f"Add `entities: {{<name>: <join key column>}}` under meta.{META_KEY}; an empty `{{}}`"
            " declares global features.",
        )
        return None
    if not isinstance(declared, dict):
        key = declared if isinstance(declared, str) else "<join key column>"
        notes.add(f"entities is {declared!r}.", f"Write `entities: {{<name>: {key}}}`.")
        return None
    entities = tuple(
        Entity(str(name), tuple(_key(str(name), column, types, notes) for column in listed(keys)))
        for name, keys in declared.items()
    )
    for entity in entities:
        if not entity.join_keys:
            notes.add(f"entity '{entity.name}' has no join key column.", "Name at least one.")
    return entities


def _grain(node: Node) -> list[str]:
    for constraint in node.constraints or ():
        if constraint.type == "primary_key" and constraint.columns:
            return constraint.columns
    return listed(node.config.unique_key)


def _key(entity: str, name: str, types: Mapping[str, DataType | None], notes: Notes) -> Column:
    if types and name not in types:
        notes.add(
            f"the join key '{name}' of entity '{entity}' is not a documented column.",
            did_you_mean(name, types) or "Document the column, with its data_type.",
        )
    data_type = types.get(name)
    if data_type is not None and not data_type.can_be_key:
        notes.add(
            f"the join key '{name}' is {data_type}, which cannot identify an entity.",
            OTHER_KEY_TYPES,
        )
    return Column(name, data_type)


def _timestamp(
    key: str,
    name: Any,
    types: Mapping[str, DataType | None],
    snapshot: SnapshotColumns | None,
    notes: Notes,
) -> Column | None:
    if name is None:
        return None
    if not isinstance(name, str):
        notes.add(f"{key} is {name!r}.", "Name a column.")
        return None
    # dbt adds the columns of a snapshot, so the yml need not document them.
    if types and name not in types and not (snapshot and snapshot.has(name)):
        notes.add(
            f"the {key} '{name}' is not a documented column.",
            did_you_mean(name, types) or "Document the column, with its data_type.",
        )
    data_type = types.get(name)
    if data_type is not None and not data_type.is_instant:
        notes.add(
            f"the {key} '{name}' is {data_type}.", "Make it a timestamp or a date in the model."
        )
    return Column(name, data_type)


def _freshness(meta: Mapping[str, Any], node: Node, notes: Notes) -> Freshness:
    declared = meta.get("freshness")
    if declared is None:
        # dbt's own `freshness` has more keys, and writes null for an undeclared age.
        own = node.config.freshness if isinstance(node.config.freshness, dict) else {}
        given = {key: own.get(key) for key in FRESHNESS_KEYS}
        declared = {key: value for key, value in given.items() if value and _is_given(value)}
    if not isinstance(declared, dict):
        notes.add(f"freshness is {declared!r}.", "Write `freshness: {error_after: 1 day}`.")
        return Freshness()
    notes.unknown_keys(declared, FRESHNESS_KEYS, f"meta.{META_KEY}.freshness")
    return Freshness(**{key: duration_of(key, declared, notes) for key in FRESHNESS_KEYS})


def _is_given(value: Any) -> bool:
    return not isinstance(value, dict) or value.get("count") is not None
