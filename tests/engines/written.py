"""The cases of tests/training/cases on any engine, with the engine's tables and types."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import yaml

from featurestore.registry.definitions import Column, FeatureView
from featurestore.sql.plan import Spine
from featurestore.sql.planning import make_plan
from featurestore.sql.point_in_time import point_in_time
from featurestore.sql.strategies import strategies_of
from tests.engines.base import Engine
from tests.engines.laws import typed
from tests.oracle import in_utc
from tests.support.builders import column, model, registry, service


@dataclass(frozen=True)
class Written:
    """A case as the file has it."""

    case: dict[str, Any]

    @property
    def expected(self) -> list[list[Any]]:
        """Return the rows that the file expects."""
        return self.case["expected"]

    @property
    def options(self) -> dict[str, Any]:
        """Return the options of the request."""
        return self.case.get("options", {})

    def runs_on(self, engine: Engine, strategy: str) -> bool:
        """Return whether the engine has the types, and the shape what the case asks of it."""
        tables = [*self.case["views"].values(), self.case["entities"]]
        types = {data_type for table in tables for data_type in table["columns"].values()}
        shape = next(shape for shape in strategies_of(engine.dialect) if shape.name == strategy)
        known = shape.bounds_created or not self.options.get("as_known")
        return known and types <= set(engine.types)

    def found(self, engine: Engine, strategy: str) -> list[list[Any]]:
        """Return the rows that the engine finds."""
        named = "service" in self.case
        declared = registry(
            *(model(n, _columns(v), **v["declare"]) for n, v in self.case["views"].items()),
            exposures=[service("wanted", self.case["service"])] if named else [],
        ).checked()
        members = declared.members(self.case.get("features"), "wanted" if named else None)
        views = {name: self._view(engine, declared.view(name)) for name in self.case["views"]}
        plan = make_plan(engine.dialect, self._spine(engine), members, views, **self.options)
        rows = engine.rows(point_in_time(plan, strategy))
        return [[_plain(value) for value in row.values()] for row in rows]

    def _view(self, engine: Engine, view: FeatureView) -> FeatureView:
        table = self.case["views"][view.name]
        types = table["columns"]

        def here(column: Column) -> Column:
            return Column(column.name, typed(engine, types[column.name]))

        created, until = view.created_timestamp, view.valid_until
        return replace(
            view,
            relation=engine.create(f"{view.name}_table", types, _rows(table)),
            entities=tuple(
                replace(entity, join_keys=tuple(here(key) for key in entity.join_keys))
                for entity in view.entities
            ),
            features=tuple(
                replace(feature, data_type=typed(engine, types[feature.name]))
                for feature in view.features
            ),
            event_timestamp=here(view.event_timestamp),
            created_timestamp=here(created) if created else None,
            valid_until=here(until) if until else None,
        )

    def _spine(self, engine: Engine) -> Spine:
        table = self.case["entities"]
        types = {"_row": "bigint", **table["columns"]}
        rows = [{"_row": number, **row} for number, row in enumerate(_rows(table))]
        relation = engine.create("entity_rows", types, rows)
        columns = {name: typed(engine, data_type) for name, data_type in types.items()}
        return Spine(relation, False, columns, order_by="_row")


def read(path: Path) -> Written:
    """Read a case."""
    return Written(yaml.safe_load(path.read_text(encoding="utf-8")))


def _rows(table: dict[str, Any]) -> list[dict[str, Any]]:
    types = table["columns"]
    return [
        {name: _value(cell, types[name]) for name, cell in zip(types, row, strict=True)}
        for row in table["rows"]
    ]


def _value(cell: Any, data_type: str) -> Any:
    if cell is None or not isinstance(cell, str):
        return cell
    if data_type == "date":
        return date.fromisoformat(cell)
    if data_type == "timestamptz":
        moment = datetime.fromisoformat(cell)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return datetime.fromisoformat(cell) if data_type.startswith("timestamp") else cell


def _columns(table: dict[str, Any]) -> list[dict[str, Any]]:
    defaults = table.get("defaults", {})
    return [
        column(name, data_type, **({"default": defaults[name]} if name in defaults else {}))
        for name, data_type in table["columns"].items()
    ]


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return str(in_utc(value).replace(tzinfo=None))
    return str(value) if isinstance(value, date) else value
