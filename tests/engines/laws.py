"""A scenario's statements on any engine, and what they return in a form that compares exactly."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from featurestore.registry.definitions import Column, Entity, Feature, FeatureView, ServiceMember
from featurestore.sql.history_bounds import Extent
from featurestore.sql.latest_rows import latest_rows
from featurestore.sql.plan import Spine
from featurestore.sql.planning import make_plan
from featurestore.sql.point_in_time import point_in_time
from featurestore.sql.why import CHOSEN, why_query
from featurestore.values.type_spellings import UnknownType, parse_type
from featurestore.values.types import DataType, Kind
from tests.engines.base import Engine
from tests.oracle import comparable, in_utc
from tests.support.scenarios import NOON, Case, Scenario, in_yml


def runs_on(engine: Engine, scenario: Scenario) -> bool:
    """Return whether the engine has all types of a scenario."""
    types = {t for case in scenario.cases for t in case.types.values()}
    return types | set(scenario.entity_types.values()) <= set(engine.types)


def training_rows(
    engine: Engine,
    scenario: Scenario,
    strategy: str,
    *,
    as_known: bool = False,
    unique: bool = False,
    bounds: bool = False,
) -> list[dict[str, Any]]:
    """Build the training set of a scenario on an engine; with `bounds`, as a job executes it."""
    views = {case.history.name: loaded(engine, case) for case in scenario.cases}
    types = {"_row": "bigint", **scenario.entity_types}
    rows = [{"_row": number, **row} for number, row in enumerate(scenario.entity_rows)]
    spine = Spine(
        engine.create("entity_rows", types, rows),
        False,
        {name: typed(engine, data_type) for name, data_type in types.items()},
        order_by="_row",
        extent=_extent(scenario) if bounds else None,
    )
    members = [
        ServiceMember(
            name, case.history.features, entities=_renamed(views[name], case.history.spine_keys)
        )
        for name, case in zip(views, scenario.cases, strict=True)
    ]
    plan = make_plan(
        engine.dialect,
        spine,
        members,
        views,
        full_feature_names=True,
        feature_timestamps=True,
        as_known=as_known,
    )
    plan = replace(plan, joins=tuple(replace(join, unique=unique) for join in plan.joins))
    return engine.rows(point_in_time(plan, strategy))


def _extent(scenario: Scenario) -> Extent:
    instants = [in_utc(row["event_timestamp"]) for row in scenario.entity_rows]
    known = [instant for instant in instants if instant is not None] or [NOON]
    return Extent(min(known), max(known))


def without_ties(scenario: Scenario) -> Scenario:
    """Return a scenario with the first row of each key and event timestamp alone."""
    return replace(scenario, cases=[_without_ties(case) for case in scenario.cases])


def _without_ties(case: Case) -> Case:
    history = case.history
    grain = (*history.keys, history.event)
    first = {}
    for row in history.rows:
        first.setdefault(repr([comparable(row[name]) for name in grain]), row)
    return replace(case, history=replace(history, rows=list(first.values())))


def _renamed(view: FeatureView, spine_keys: Any) -> dict[str, tuple[str, ...]]:
    return {
        entity.name: tuple(spine_keys.get(key.name, key.name) for key in entity.join_keys)
        for entity in view.entities
    }


def latest(engine: Engine, case: Case, now: datetime) -> list[dict[str, Any]]:
    """Select the latest rows of a view on an engine."""
    return engine.rows(latest_rows(loaded(engine, case), engine.dialect, now))


def explained(
    engine: Engine, case: Case, keys: dict[str, Any], at: datetime
) -> list[dict[str, Any]]:
    """Explain the first feature of a view on an engine."""
    feature = case.history.features[0]
    return engine.rows(why_query(loaded(engine, case), feature, keys, at, engine.dialect))


def chosen(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the value that an explanation calls the chosen one."""
    named = [{name.lower(): value for name, value in row.items()} for row in rows]
    return [{"value": row["value"]} for row in named if row["verdict"] == CHOSEN]


def loaded(engine: Engine, case: Case) -> FeatureView:
    """Create a view's table on an engine, and return the view as declared there."""
    history = case.history
    columns = {name: Column(name, typed(engine, t)) for name, t in case.types.items()}
    keys = tuple(columns[key] for key in history.keys)
    return FeatureView(
        name=history.name,
        unique_id=f"model.shop.{history.name}",
        relation=engine.create(f"{history.name}_table", case.types, history.rows),
        path="models/views.yml",
        entities=(Entity("pair", keys),) if keys else (),
        features=tuple(
            Feature(name, columns[name].data_type, default=in_yml(history.defaults.get(name)))
            for name in history.features
        ),
        event_timestamp=columns[history.event],
        created_timestamp=columns[history.created] if history.created else None,
        valid_until=columns[history.until] if history.until else None,
        is_deleted=columns[history.deleted] if history.deleted else None,
        ttl=history.ttl,
        available_after=history.available_after,
    )


def typed(engine: Engine, data_type: str) -> DataType:
    """Return a type as the engine's own spelling is read."""
    try:
        return parse_type(engine.types[data_type], engine.dialect)
    except UnknownType:
        return DataType(Kind.ARRAY)


def same(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return rows in a form that `==` compares, with instants of any type."""
    return [{name: comparable(_instant(value)) for name, value in row.items()} for row in rows]


def _instant(value: Any) -> Any:
    return in_utc(_micros(value)) if isinstance(value, datetime) else value


def _micros(value: Any) -> datetime:
    return value.to_pydatetime(warn=False) if hasattr(value, "to_pydatetime") else value
