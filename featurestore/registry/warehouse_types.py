"""Compare the definitions with the warehouse's tables, and fill in undeclared types.

The registry's own problems come from the manifest alone; these need the tables to exist. A type
that dbt does not declare comes from the warehouse and is never guessed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from featurestore.errors import (
    DefinitionProblems,
    Problem,
    RelationNotBuilt,
    did_you_mean,
)
from featurestore.registry.column_meta import WRONG_DEFAULT, default_problem
from featurestore.registry.definitions import Column, Entity, Feature, FeatureView
from featurestore.registry.unpublishable import unpublishable_problems
from featurestore.registry.view_meta import OTHER_KEY_TYPES
from featurestore.values.lossy_types import lossless_cast
from featurestore.values.types import DataType, Kind
from featurestore.values.wide_integers import BIGINT_REMEDY, bigint_hint
from featurestore.warehouse.protocol import Warehouse

__all__ = ["check_views", "with_types"]


def with_types(view: FeatureView, warehouse: Warehouse) -> FeatureView:
    """Return the view with the warehouse's type of every column.

    Args:
        view: A feature view.
        warehouse: The warehouse that holds its table.

    Raises:
        RelationNotBuilt: The table does not exist.
        DefinitionProblems: The table lacks a declared column, or has it with another type.
    """
    found = _described(view, warehouse)
    problems = list(_problems(view, found))
    if problems:
        raise DefinitionProblems(problems)
    return _typed(view, found)


def check_views(views: Iterable[FeatureView], warehouse: Warehouse) -> list[Problem]:
    """Return all differences between views and the warehouse."""
    problems: list[Problem] = []
    for view in views:
        try:
            found = _described(view, warehouse)
        except RelationNotBuilt as error:
            problems.append(Problem(view.path, view.name, error.message, error.remedy))
            continue
        problems += [
            *_problems(view, found),
            *unpublishable_problems(view, found),
            *_wide(view, found),
        ]
    return problems


def _described(view: FeatureView, warehouse: Warehouse) -> Mapping[str, DataType]:
    try:
        return warehouse.columns(view.relation)
    except RelationNotBuilt:
        raise RelationNotBuilt(
            f"The table {view.relation} of feature view '{view.name}' is not in the warehouse.",
            remedy=f"Run `dbt build --select {view.name}`. {warehouse.target_remedy}".strip(),
        ) from None


def _problems(view: FeatureView, found: Mapping[str, DataType]) -> Iterable[Problem]:
    # Every column that a statement names, including features that only decide ties.
    declared: dict[Column | Feature, None] = dict.fromkeys(
        (*view.columns, *view.validity_columns, *view.features, *view.ties)
    )
    for column in declared:
        where = f"column '{column.name}'"
        if column.name not in found:
            yield Problem(
                view.path,
                view.name,
                f"{where} is declared, but the table {view.relation} does not have it.",
                did_you_mean(column.name, found) or "Run `dbt build`, or correct the yml.",
            )
        elif column.data_type and _differ(column.data_type, found[column.name]):
            yield Problem(
                view.path,
                view.name,
                f"{where} is declared as {column.data_type}, but the table {view.relation} has"
                f" {found[column.name]}.",
                "Run `dbt build`, or correct its `data_type`.",
            )
    yield from _unusable(view, found)
    yield from _lossy(view, found)
    yield from _wrong_defaults(view, found)


def _differ(declared: DataType, found: DataType) -> bool:
    # By family: a contract may say `int` where the warehouse has a bigint. A spelling that is not
    # in our table, such as Snowflake's `array`, may name any type.
    return declared.kind is not Kind.OTHER and declared.family != found.family


def _unusable(view: FeatureView, found: Mapping[str, DataType]) -> Iterable[Problem]:
    for key in view.join_keys:
        # A declared type has been checked with the declaration.
        if key.data_type is None and key.name in found and not found[key.name].can_be_key:
            yield Problem(
                view.path,
                view.name,
                f"the join key '{key.name}' is {found[key.name]}, which cannot identify an entity.",
                OTHER_KEY_TYPES,
            )
    for column in (view.event_timestamp, view.created_timestamp, view.valid_until):
        if column is None or column.data_type is not None or column.name not in found:
            continue
        if not found[column.name].is_instant:
            yield Problem(
                view.path,
                view.name,
                f"column '{column.name}' is {found[column.name]}, not a timestamp or a date.",
                "Cast it in the model.",
            )


def _wrong_defaults(view: FeatureView, found: Mapping[str, DataType]) -> Iterable[Problem]:
    for feature in view.features:
        if feature.default is None or feature.name not in found:
            continue
        problem = default_problem(feature.default, found[feature.name])
        if problem:
            yield Problem(
                view.path,
                view.name,
                f"column '{feature.name}' is {found[feature.name]}: {problem}",
                WRONG_DEFAULT,
            )


def _lossy(view: FeatureView, found: Mapping[str, DataType]) -> Iterable[Problem]:
    keys = {key.name for key in view.join_keys}
    for name in (*view.feature_names, *keys):
        kind = found.get(name)
        cast = kind and lossless_cast(kind)
        if kind and kind.kind is Kind.UINT128 and name in keys:
            cast = "decimal(38,0)"
        if cast:
            yield Problem(
                view.path,
                view.name,
                f"column '{name}' is {found[name]}, which loses its meaning outside of the"
                " warehouse.",
                f"Cast it to {cast} in the model, or leave it out with `feature: false`.",
            )


def _wide(view: FeatureView, found: Mapping[str, DataType]) -> Iterable[Problem]:
    for name in view.feature_names:
        if name in found and (hint := bigint_hint(found[name])):
            yield Problem(
                view.path,
                view.name,
                f"column '{name}' is {hint}",
                BIGINT_REMEDY,
                severity="warning",
            )


def _typed(view: FeatureView, found: Mapping[str, DataType]) -> FeatureView:
    return replace(
        view,
        entities=tuple(
            Entity(entity.name, tuple(_column(key, found) for key in entity.join_keys))
            for entity in view.entities
        ),
        features=tuple(_feature(feature, found) for feature in view.features),
        ties=tuple(_feature(feature, found) for feature in view.ties),
        event_timestamp=_column(view.event_timestamp, found),
        created_timestamp=_optional(view.created_timestamp, found),
        valid_until=_optional(view.valid_until, found),
        is_deleted=_optional(view.is_deleted, found),
    )


def _optional(column: Column | None, found: Mapping[str, DataType]) -> Column | None:
    return None if column is None else _column(column, found)


def _column(column: Column, found: Mapping[str, DataType]) -> Column:
    # The warehouse's type, also where dbt declares one: statements compare what the table has.
    return Column(column.name, found[column.name])


def _feature(feature: Feature, found: Mapping[str, DataType]) -> Feature:
    return replace(feature, data_type=found[feature.name])
