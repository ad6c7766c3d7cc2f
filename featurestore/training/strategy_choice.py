"""The choice of a shape of join for each view, by the sizes of both sides and its indexes."""

from __future__ import annotations

from dataclasses import replace

from featurestore.sql.cost import SMALL, Sizes, cheapest_shape
from featurestore.sql.dialects import dialect_record
from featurestore.sql.plan import TrainingPlan, ViewJoin
from featurestore.training.entity_frame import EntityFrame
from featurestore.values.types import DataType, Kind
from featurestore.warehouse.abilities import estimate_of, indexes_of
from featurestore.warehouse.protocol import Warehouse

__all__ = ["with_cheapest_shapes"]

_SIGNED = {Kind.INT16, Kind.INT32, Kind.INT64}
"""The kinds that an index compares with each other."""


def with_cheapest_shapes(
    plan: TrainingPlan, frame: EntityFrame, warehouse: Warehouse
) -> TrainingPlan:
    """Return the plan with the cheapest shape of join for each view.

    Args:
        plan: A plan without shapes.
        frame: Its entity rows.
        warehouse: The warehouse, for its statistics and indexes; without them the plan stays as it
            is.
    """
    asked = frame.estimate(warehouse)
    if asked is not None:
        plan = replace(plan, spine=replace(plan.spine, stored=asked.stored))
    rows = asked.rows if asked else None
    return replace(plan, joins=tuple(_shaped(plan, join, rows, warehouse) for join in plan.joins))


def _shaped(
    plan: TrainingPlan, join: ViewJoin, asked: int | None, warehouse: Warehouse
) -> ViewJoin:
    view, rates = join.view, dialect_record(plan.dialect).rates
    sizes = Sizes(asked, ttl=view.ttl, indexed=_finds_rows(plan, join, warehouse))
    if asked is not None:
        # Below SMALL most shapes cost about the same, so the keys and the span need not be read.
        history = estimate_of(
            warehouse, view.relation, join.keys, over=view.event_timestamp.name, above=SMALL
        )
        if history is not None:
            sizes = replace(sizes, history=history.rows, keys=history.distinct, span=history.span)
    return replace(join, strategy=cheapest_shape(sizes, rates))


def _finds_rows(plan: TrainingPlan, join: ViewJoin, warehouse: Warehouse) -> bool:
    """Return whether an index of the view finds the newest row of a requested key."""
    spine = plan.spine
    for key, name in zip(join.view.join_keys, join.spine_keys, strict=True):
        # A comparison of two types converts the column of the history, and then no index applies.
        asked = spine.casts[name][1] if name in spine.casts else spine.columns[name]
        if key.data_type is None or not _compares_as_it_is(key.data_type, asked):
            return False
    indexes = indexes_of(warehouse, join.view.relation)
    return any(index.finds(join.keys, join.view.event_timestamp.name) for index in indexes)


def _compares_as_it_is(key: DataType, asked: DataType) -> bool:
    return key.variant == asked.variant or {key.kind, asked.kind} <= _SIGNED
