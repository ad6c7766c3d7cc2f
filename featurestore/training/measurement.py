"""Measuring a built training set for its card: counts, rates and hashes, in one statement."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from featurestore.registry.definitions import FeatureService, FeatureView
from featurestore.sql.dialects import render
from featurestore.sql.expressions import column
from featurestore.sql.plan import TrainingPlan, unused_names
from featurestore.training.card import HASHING, Card, ColumnCard, ViewCard
from featurestore.training.card_service import definition_of
from featurestore.training.request import Request
from featurestore.values.far_instants import python_rows
from featurestore.values.types import DataType, Kind
from featurestore.values.version import VERSION
from featurestore.warehouse.protocol import Warehouse

__all__ = ["measure_training_set", "with_timestamps"]

_ON_DEMAND = "on_demand"
"""The column of the hash of the on-demand features."""


def with_timestamps(plan: TrainingPlan) -> TrainingPlan:
    """Return the plan with each view's event timestamp added: a match is a row that has one."""
    joins = tuple(
        join if join.timestamp_output else replace(join, timestamp_output=name)
        for name, join in zip(unused_names(plan, "_at_"), plan.joins, strict=True)
    )
    return replace(plan, joins=joins)


def measure_training_set(
    plan: TrainingPlan,
    request: Request,
    warehouse: Warehouse,
    table: str,
    *,
    sql: str,
    output: str,
    manifest: Path | None,
) -> Card:
    """Return the card of a training set.

    Args:
        plan: The plan with all timestamps; see `with_timestamps`.
        request: The caller's request.
        warehouse: The warehouse that holds the rows.
        table: The table of the rows, timestamps included.
        sql: The statement of the training set.
        output: The file or table that receives the rows.
        manifest: dbt's manifest.
    """
    types = warehouse.columns(table)
    shown = _shown(plan, request, types)
    statement = _statement(plan, warehouse, table, types, shown)
    (row,) = python_rows(warehouse.stream(statement).read_all())
    # Snowflake's driver passes on a count as a decimal.
    found: dict[str, Any] = {
        name: int(value) if isinstance(value, Decimal) else value for name, value in row.items()
    }
    rows = found["total"]
    return Card(
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        featurestore=VERSION,
        request=request.to_dict(),
        output=output,
        sql=sql,
        manifest=hashlib.sha256(manifest.read_bytes()).hexdigest() if manifest else "",
        engine=warehouse.version,
        rows=rows,
        entities=found["entities"] or "",
        first=_text(found["earliest"]),
        last=_text(found["latest"]),
        columns=tuple(
            ColumnCard(name, str(types[name]), _rate(rows - found[f"n{index}"], rows))
            for index, name in enumerate(shown)
        ),
        views=(*_view_cards(plan, found), *_service_card(request.service, plan, found)),
        hashing=HASHING,
    )


def _view_cards(plan: TrainingPlan, found: Mapping[str, Any]) -> Iterator[ViewCard]:
    for index, join in enumerate(plan.joins):
        yield ViewCard(
            view=join.name,
            of=join.view.name,
            features=join.features,
            match_rate=_rate(found[f"m{index}"], found["total"]),
            definition=_definition(join.view),
            content=found[f"h{index}"] or "",
            defaults=join.defaults,
        )


def _service_card(
    service: FeatureService | None, plan: TrainingPlan, found: Mapping[str, Any]
) -> Iterator[ViewCard]:
    if service is not None and plan.on_demand:
        yield ViewCard(
            view=service.name,
            of=service.name,
            features=tuple(computed.name for computed in plan.on_demand),
            match_rate=1.0,
            definition=definition_of(service),
            content=found[_ON_DEMAND] or "",
        )


def _shown(plan: TrainingPlan, request: Request, types: Mapping[str, DataType]) -> list[str]:
    """Return the columns of the training set, without the timestamps that only measure it."""
    added = {join.timestamp_output for join in plan.joins}
    return [name for name in types if request.feature_timestamps or name.lower() not in added]


def _statement(
    plan: TrainingPlan,
    warehouse: Warehouse,
    table: str,
    types: Mapping[str, DataType],
    shown: Iterable[str],
) -> str:
    dialect = plan.dialect
    own = _typed(plan.spine.own, types, dialect)
    time = _sql(plan.spine.event_timestamp, dialect)
    parts = [
        "count(*) AS total",
        f"min({time}) AS earliest",
        f"max({time}) AS latest",
        f"{warehouse.content_hash(own)} AS entities",
    ]
    parts += [f"count({_sql(name, dialect)}) AS n{index}" for index, name in enumerate(shown)]
    parts += list(_of_views(plan, own, types, warehouse))
    return f"SELECT {', '.join(parts)} FROM {table}"


def _of_views(
    plan: TrainingPlan,
    own: Mapping[str, DataType],
    types: Mapping[str, DataType],
    warehouse: Warehouse,
) -> Iterator[str]:
    for index, join in enumerate(plan.joins):
        yield f"count({_sql(join.timestamp_output or '', plan.dialect)}) AS m{index}"
        taken = _typed([output.name for output in join.outputs], types, plan.dialect)
        yield f"{warehouse.content_hash({**own, **taken})} AS h{index}"
    if plan.on_demand:
        taken = _typed([computed.name for computed in plan.on_demand], types, plan.dialect)
        yield f"{warehouse.content_hash({**own, **taken})} AS {_ON_DEMAND}"


def _typed(
    names: Iterable[str], types: Mapping[str, DataType], dialect: str
) -> dict[str, DataType]:
    unknown = DataType(Kind.OTHER)
    return {_sql(name, dialect): types.get(name, unknown) for name in names}


def _sql(name: str, dialect: str) -> str:
    return render(column(name), dialect)


def _text(instant: Any) -> str | None:
    return None if instant is None else str(instant)


def _rate(part: int, whole: int) -> float:
    return round(part / whole, 6) if whole else 0.0


def _definition(view: FeatureView) -> str:
    # Only the keys that decide which row is chosen and what its values mean: a new description
    # is not a new definition.
    defaults = {each.name: each.default for each in view.features if each.default is not None}
    parts = (
        view.relation,
        view.entities,
        [(feature.name, str(feature.data_type)) for feature in view.features],
        view.event_timestamp,
        view.created_timestamp,
        view.available_after,
        view.ttl,
        # Only where declared, so that the cards of other views keep their hash.
        *((view.valid_until, view.no_end, view.is_deleted) if view.valid_until else ()),
        *([defaults] if defaults else []),
    )
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
