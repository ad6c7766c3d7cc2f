"""The choice of a shape of join for each view, by the sizes of both sides."""

from __future__ import annotations

from dataclasses import replace

from featurestore.sql.cost import SMALL, Sizes, cheapest_shape
from featurestore.sql.plan import TrainingPlan, ViewJoin
from featurestore.training.entity_frame import EntityFrame
from featurestore.warehouse.abilities import estimate_of
from featurestore.warehouse.protocol import Warehouse

__all__ = ["with_cheapest_shapes"]


def with_cheapest_shapes(
    plan: TrainingPlan, frame: EntityFrame, warehouse: Warehouse
) -> TrainingPlan:
    """Return the plan with the cheapest shape of join for each view.

    Args:
        plan: A plan without shapes.
        frame: Its entity rows.
        warehouse: The warehouse, for its statistics; without them the plan stays as it is.
    """
    asked = frame.estimate(warehouse)
    if asked is None:
        return plan
    joins = tuple(_shaped(join, asked.rows, warehouse) for join in plan.joins)
    return replace(plan, spine=replace(plan.spine, stored=asked.stored), joins=joins)


def _shaped(join: ViewJoin, asked: int, warehouse: Warehouse) -> ViewJoin:
    view = join.view
    # Below SMALL every shape costs about the same, so the keys and the span need not be read.
    history = estimate_of(
        warehouse, view.relation, join.keys, over=view.event_timestamp.name, above=SMALL
    )
    if history is None:
        return join
    sizes = Sizes(asked, history.rows, history.distinct, history.span, view.ttl)
    return replace(join, strategy=cheapest_shape(sizes))
