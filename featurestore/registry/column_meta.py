"""Read the columns of a feature view: their types, which are features, and which are personal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from featurestore.project.manifest import META_KEY
from featurestore.project.nodes import ManifestColumn, Node
from featurestore.registry.definitions import RESERVED_PREFIX, Column, Feature, FeatureView
from featurestore.registry.meta_parsing import boolean_of, words_of
from featurestore.registry.notes import Notes
from featurestore.registry.personal_mark import PersonalMark, personal_mark
from featurestore.registry.snapshot_columns import SnapshotColumns, snapshot_columns
from featurestore.values.type_spellings import UnknownType, parse_type
from featurestore.values.typed_default import typed_default
from featurestore.values.types import DataType, Kind

__all__ = ["COLUMN_KEYS", "WRONG_DEFAULT", "column_types", "default_problem", "with_features"]

WRONG_DEFAULT = "Correct the `default`, or leave it out."
"""The remedy for a default that the type of its column does not have."""

COLUMN_KEYS = {
    "feature": "False leaves a documented column out of the features; default true, and false for"
    " the columns that dbt adds to a snapshot.",
    "pii": "True marks personal data, which a caller must allow by name; default false."
    ' `{inherited: false, reason: "..."}` clears a column that is computed from a marked one.',
    "default": "The value that a read returns in place of NULL, and of a missing or expired row,"
    " in training sets and online; in the type of the column.",
}
"""The keys under a column's `featurestore` meta, each with its meaning."""


def column_types(node: Node, dialect: str) -> dict[str, DataType | None]:
    """Return the declared type of each documented column; None if it is absent or unknown.

    Then the warehouse's own type counts. An engine has more types than the table of spellings, and
    a column that is not a feature may have any of them.
    """
    return {column.name: _declared(column, dialect) for column in node.columns.values()}


def _declared(column: ManifestColumn, dialect: str) -> DataType | None:
    try:
        return parse_type(column.data_type, dialect) if column.data_type else None
    except UnknownType:
        return None


def _feature_type(column: ManifestColumn, declared: DataType | None) -> DataType | None:
    """Return a feature's type; an unknown one keeps its spelling."""
    if declared is None and column.data_type:
        return DataType(Kind.OTHER, text=column.data_type)
    return declared


def with_features(
    view: FeatureView, node: Node, types: Mapping[str, DataType | None], notes: Notes
) -> FeatureView:
    """Return the view with its features: documented columns that are not keys or timestamps."""
    taken = {column.name for column in (*view.columns, *view.validity_columns)}
    snapshot = snapshot_columns(node)
    features = tuple(
        Feature(
            column.name,
            _feature_type(column, types[column.name]),
            (column.description or "").strip(),
            words_of(column.tags or (column.config and column.config.tags)),
            _is_personal(column, notes),
            _default(column, types[column.name], notes),
        )
        for column in node.columns.values()
        if _is_feature(column, taken, snapshot, notes)
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
                f"column '{column.name}' is a key or a timestamp, so `pii` cannot withhold it.",
                "Use a surrogate or hashed key in the model, or remove `pii: true`.",
            )


def _note_reserved(columns: Iterable[Column | Feature], notes: Notes) -> None:
    for column in columns:
        if column.name.lower().startswith(RESERVED_PREFIX):
            notes.add(
                f"column '{column.name}' has a name of the ledger, which starts with"
                f" '{RESERVED_PREFIX}'.",
                "Rename it in the model.",
            )


def _is_personal(column: ManifestColumn, notes: Notes) -> bool:
    return personal_mark(column, notes) is PersonalMark.PERSONAL


def _default(
    column: ManifestColumn, data_type: DataType | None, notes: Notes
) -> bool | float | str | None:
    """Return the declared default; a wrong one becomes a problem and counts as absent."""
    own = column.all_meta.get(META_KEY)
    value = own.get("default") if isinstance(own, dict) else None
    if value is None:
        return None
    if not isinstance(value, bool | int | float | str):
        notes.add(f"column '{column.name}': default is {value!r}.", "Write one value.")
        return None
    problem = default_problem(value, data_type) if data_type is not None else ""
    if problem:
        notes.add(f"column '{column.name}' is {data_type}: {problem}", WRONG_DEFAULT)
        return None
    return value


def default_problem(value: object, data_type: DataType) -> str:
    """Return why a type does not have a default; an empty text if it has."""
    try:
        typed_default(value, data_type)
    except ValueError as error:
        return f"the default {value!r} does not fit, because {error}."
    return ""


def _is_feature(
    column: ManifestColumn, taken: set[str], snapshot: SnapshotColumns | None, notes: Notes
) -> bool:
    own = column.all_meta.get(META_KEY)
    default = column.name not in taken and not (snapshot and snapshot.has(column.name))
    if own is None:
        return default
    if not isinstance(own, dict):
        notes.add(f"column '{column.name}': meta.{META_KEY} is {own!r}.", "Make it a mapping.")
        return False
    notes.unknown_keys(own, COLUMN_KEYS, f"meta.{META_KEY} of column '{column.name}'")
    wanted = boolean_of("feature", own, default, notes)
    if not wanted and own.get("default") is not None:
        notes.add(
            f"column '{column.name}' has a default, but is not a feature.",
            "Remove the default, or the `feature: false`.",
        )
    if wanted and column.name in taken:
        notes.add(
            f"column '{column.name}' is a key or a timestamp, so it cannot be a feature.",
            "Remove `feature: true`, or add a copy of the column to the model.",
        )
        return False
    return wanted
