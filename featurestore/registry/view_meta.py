"""From a dbt model with `featurestore` meta to a feature view, every problem on the way noted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from featurestore.errors import Problem, did_you_mean
from featurestore.project.manifest import META_KEY, MISSPELLINGS
from featurestore.project.nodes import Group, ManifestColumn, Node
from featurestore.registry.definitions import (
    RESERVED_NAMES,
    Column,
    Entity,
    Feature,
    FeatureView,
    Freshness,
)
from featurestore.values.durations import parse_duration
from featurestore.values.type_spellings import UnknownType, parse_type
from featurestore.values.types import DataType, Kind

__all__ = ["COLUMN_KEYS", "FRESHNESS_KEYS", "HOW_TO_USE", "VIEW_KEYS", "Notes", "feature_view"]

VIEW_KEYS = {
    "entities": "Entity name to join key column, or to a list of columns of a composite key.",
    "event_timestamp": "The column since when a row is true; default: the model's `event_time`.",
    "created_timestamp": "The column that says when a row was written; breaks ties.",
    "available_after": "Delay between the event and the row being known, such as `15 minutes`.",
    "ttl": "The greatest age at which a row may be used, such as `30 days`; absent means any.",
    "online": "Whether the sync publishes the view to the online store; default true.",
    "freshness": "The ages at which `featurestore status` speaks up: `warn_after`, `error_after`;"
    " default: the model's `freshness`.",
    "ignore": "Rules of the lint that are wrong about this view, each with the reason:"
    ' `{FS003: "the report prints its own date"}`.',
}
"""The keys under a model's `featurestore` meta, each with its meaning."""

HOW_TO_USE = "#### How to use the feature view"
"""What the catalog's block in a model's description begins with: there its own words end."""

FRESHNESS_KEYS = {
    "warn_after": "The age of the newest event, or of what is online, that is worth a warning.",
    "error_after": "The one that makes `featurestore status` exit with 1.",
}
"""The keys under `freshness`, each with its meaning."""

COLUMN_KEYS = {
    "feature": "False leaves a documented column out of the features.",
    "pii": "True marks personal data: not published, and in no training set, unless allowed.",
}
"""The keys under a column's `featurestore` meta, each with its meaning."""


@dataclass(slots=True)
class Notes:
    """Collects the problems of one resource.

    Args:
        path: The file that declares the resource.
        resource: Its name, as dbt shows it.
    """

    path: str
    resource: str
    problems: list[Problem] = field(default_factory=list)

    def add(self, message: str, remedy: str = "") -> None:
        """Note one problem."""
        self.problems.append(Problem(self.path, self.resource, message, remedy))

    def unknown_keys(self, meta: Mapping[str, Any], known: Mapping[str, str], where: str) -> None:
        """Note each key of `meta` that means nothing here."""
        for key in meta:
            if key not in known:
                hint = did_you_mean(str(key), known) or f"Known: {', '.join(known)}."
                self.add(f"unknown key '{key}' under {where}.", hint)


def feature_view(
    node: Node, groups: Mapping[str, Group], dialect: str, notes: Notes
) -> FeatureView | None:
    """Read one model.

    Args:
        node: The model, snapshot or seed.
        groups: The project's groups, for the owner.
        dialect: How the declared types are spelled.
        notes: Where problems go; a view with problems is returned as far as it can be read.

    Returns:
        The feature view; None when the model is none, or is declared too wrongly to say more.
    """
    meta = _own_meta(node.all_meta, notes)
    if meta is None:
        return None
    notes.unknown_keys(meta, VIEW_KEYS, f"meta.{META_KEY}")
    types = _column_types(node, dialect, notes)
    entities = _entities(meta, node, types, notes)
    event = _timestamp(
        "event_timestamp", meta.get("event_timestamp") or node.config.event_time, types, notes
    )
    created = _timestamp("created_timestamp", meta.get("created_timestamp"), types, notes)
    if event is None and not any("event_timestamp" in p.message for p in notes.problems):
        notes.add(
            "no event_timestamp: nothing says since when a row is true.",
            f"Add `event_timestamp: <column>` under meta.{META_KEY}, or dbt's own `event_time`.",
        )
    if node.relation_name is None:
        notes.add(
            f"it is {node.config.materialized or 'not materialized'}, so the warehouse holds no"
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
        available_after=_duration("available_after", meta, notes) or timedelta(),
        ttl=_duration("ttl", meta, notes),
        online=_boolean("online", meta, True, notes),
        freshness=_freshness(meta, node, notes),
        description=(node.description or "").partition(HOW_TO_USE)[0].strip(),
        owner=str(groups[group].owner) if group in groups else "",
        group=group,
        access=node.config.access or node.access or "",
        tags=_words(node.config.tags or node.tags),
        version="" if node.version is None else str(node.version),
        ignore=meta.get("ignore") or {},
    )
    return _with_features(view, node, types, notes)


def _own_meta(meta: Mapping[str, Any], notes: Notes) -> Mapping[str, Any] | None:
    for wrong in MISSPELLINGS:
        if wrong in meta and META_KEY not in meta:
            notes.add(f"meta has '{wrong}', which is not read.", f"Did you mean '{META_KEY}'?")
    own = meta.get(META_KEY)
    if own is not None and not isinstance(own, dict):
        notes.add(f"meta.{META_KEY} is {own!r}.", "Make it a mapping of keys to values.")
        return None
    return own


def _column_types(node: Node, dialect: str, notes: Notes) -> dict[str, DataType | None]:
    types: dict[str, DataType | None] = {}
    for column in node.columns.values():
        try:
            types[column.name] = parse_type(column.data_type, dialect) if column.data_type else None
        except UnknownType as error:
            notes.add(f"column '{column.name}': {error}.", "Correct its `data_type`.")
            types[column.name] = DataType(Kind.OTHER, text=column.data_type)
    return types


def _entities(
    meta: Mapping[str, Any], node: Node, types: Mapping[str, DataType | None], notes: Notes
) -> tuple[Entity, ...] | None:
    declared = meta.get("entities")
    if declared is None:
        keys = _grain(node)
        hint = f" (the model's own key is {', '.join(keys)})" if keys else ""
        notes.add(
            f"no entities: nothing says what the features describe{hint}.",
            f"Add `entities: {{<name>: <join key column>}}` under meta.{META_KEY}; an empty `{{}}`"
            " declares global features.",
        )
        return None
    if not isinstance(declared, dict):
        key = declared if isinstance(declared, str) else "<join key column>"
        notes.add(f"entities is {declared!r}.", f"Write `entities: {{<name>: {key}}}`.")
        return None
    entities = tuple(
        Entity(str(name), tuple(_key(str(name), column, types, notes) for column in _listed(keys)))
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
    return _listed(node.config.unique_key)


def _listed(value: Any) -> list[str]:
    if value is None:
        return []
    return [str(item) for item in value] if isinstance(value, list) else [str(value)]


def _key(entity: str, name: str, types: Mapping[str, DataType | None], notes: Notes) -> Column:
    if types and name not in types:
        notes.add(
            f"the join key '{name}' of entity '{entity}' is no column that the model documents.",
            did_you_mean(name, types) or "Document the column, with its data_type.",
        )
    data_type = types.get(name)
    if data_type is not None and data_type.family in ("float", "array", "other", "json"):
        notes.add(
            f"the join key '{name}' is {data_type}, which cannot identify an entity.",
            "Use an integer, text, a date, a timestamp, a decimal, a boolean or a uuid.",
        )
    return Column(name, data_type)


def _timestamp(
    key: str, name: Any, types: Mapping[str, DataType | None], notes: Notes
) -> Column | None:
    if name is None:
        return None
    if not isinstance(name, str):
        notes.add(f"{key} is {name!r}.", "Name a column.")
        return None
    if types and name not in types:
        notes.add(
            f"the {key} '{name}' is no column that the model documents.",
            did_you_mean(name, types) or "Document the column, with its data_type.",
        )
    data_type = types.get(name)
    if data_type is not None and not data_type.is_instant:
        notes.add(
            f"the {key} '{name}' is {data_type}.", "Make it a timestamp or a date in the model."
        )
    return Column(name, data_type)


def _duration(key: str, meta: Mapping[str, Any], notes: Notes) -> timedelta | None:
    if meta.get(key) is None:
        return None
    try:
        return parse_duration(meta[key])
    except ValueError as error:
        notes.add(f"{key}: {error}.")
        return None


def _freshness(meta: Mapping[str, Any], node: Node, notes: Notes) -> Freshness:
    declared = meta.get("freshness")
    if declared is None:
        # dbt's own has more keys than these, and NULL in them where nothing is declared.
        own = node.config.freshness if isinstance(node.config.freshness, dict) else {}
        given = {key: own.get(key) for key in FRESHNESS_KEYS}
        declared = {key: value for key, value in given.items() if value and _is_given(value)}
    if not isinstance(declared, dict):
        notes.add(f"freshness is {declared!r}.", "Write `freshness: {error_after: 1 day}`.")
        return Freshness()
    notes.unknown_keys(declared, FRESHNESS_KEYS, f"meta.{META_KEY}.freshness")
    return Freshness(**{key: _duration(key, declared, notes) for key in FRESHNESS_KEYS})


def _is_given(value: Any) -> bool:
    return not isinstance(value, dict) or value.get("count") is not None


def _boolean(key: str, meta: Mapping[str, Any], default: bool, notes: Notes) -> bool:
    value = meta.get(key, default)
    if not isinstance(value, bool):
        notes.add(f"{key} is {value!r}.", "Write true or false.")
        return default
    return value


def _with_features(
    view: FeatureView, node: Node, types: Mapping[str, DataType | None], notes: Notes
) -> FeatureView:
    taken = {column.name for column in view.columns}
    features = tuple(
        Feature(
            column.name,
            types[column.name],
            (column.description or "").strip(),
            _words(column.tags or (column.config and column.config.tags)),
            _is_personal(column, notes),
        )
        for column in node.columns.values()
        if _is_feature(column, taken, notes)
    )
    if not features:
        notes.add(
            "it has no feature: every documented column is a key, a timestamp or left out.",
            "Document the columns that are features.",
        )
    _note_reserved([*view.columns, *features], notes)
    _note_personal_keys(node, taken, notes)
    return replace(view, features=features)


def _note_personal_keys(node: Node, taken: set[str], notes: Notes) -> None:
    for column in node.columns.values():
        if column.name in taken and _is_personal(column, notes):
            notes.add(
                f"column '{column.name}' is a key or a timestamp and cannot be withheld as `pii`.",
                "Take a surrogate or hashed key in the model, or remove `pii: true`.",
            )


def _note_reserved(columns: Iterable[Column | Feature], notes: Notes) -> None:
    for column in columns:
        if column.name.lower() in RESERVED_NAMES:
            notes.add(
                f"column '{column.name}' has a name that generated statements use themselves.",
                "Rename it in the model.",
            )


def _is_personal(column: ManifestColumn, notes: Notes) -> bool:
    own = column.all_meta.get(META_KEY)
    value = own.get("pii", False) if isinstance(own, dict) else False
    if not isinstance(value, bool):
        notes.add(f"column '{column.name}': pii is {value!r}.", "Write true or false.")
    return value is not False


def _is_feature(column: ManifestColumn, taken: set[str], notes: Notes) -> bool:
    own = column.all_meta.get(META_KEY)
    if own is None:
        return column.name not in taken
    if not isinstance(own, dict):
        notes.add(f"column '{column.name}': meta.{META_KEY} is {own!r}.", "Make it a mapping.")
        return False
    notes.unknown_keys(own, COLUMN_KEYS, f"meta.{META_KEY} of column '{column.name}'")
    wanted = _boolean("feature", own, column.name not in taken, notes)
    if wanted and column.name in taken:
        notes.add(
            f"column '{column.name}' is a key or a timestamp and cannot be a feature too.",
            "Remove `feature: true`, or add a copy of the column to the model.",
        )
        return False
    return wanted


def _words(value: Any) -> tuple[str, ...]:
    return tuple(_listed(value))
