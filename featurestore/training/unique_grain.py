"""The views whose engine itself refuses a second row for a key and an event timestamp."""

from __future__ import annotations

from dataclasses import replace

from featurestore.sql.plan import TrainingPlan, ViewJoin
from featurestore.warehouse.abilities import indexes_of
from featurestore.warehouse.protocol import Warehouse

__all__ = ["with_unique_grains", "without_unique_grains"]


def with_unique_grains(plan: TrainingPlan, warehouse: Warehouse) -> TrainingPlan:
    """Return the plan with a mark on each join whose view cannot have ties.

    Only a primary key or a unique index counts. A dbt test that passed says nothing of the rows
    that have come since.

    Args:
        plan: The plan.
        warehouse: The session that runs the statement: its catalog says what is enforced now.
    """
    joins = (replace(join, unique=_is_unique(join, warehouse)) for join in plan.joins)
    return replace(plan, joins=tuple(joins))


def without_unique_grains(plan: TrainingPlan) -> TrainingPlan:
    """Return the plan for a statement that runs later, when a constraint may be gone."""
    return replace(plan, joins=tuple(replace(join, unique=False) for join in plan.joins))


def _is_unique(join: ViewJoin, warehouse: Warehouse) -> bool:
    grain = [*join.keys, join.view.event_timestamp.name]
    return any(index.decides(grain) for index in indexes_of(warehouse, join.view.relation))
