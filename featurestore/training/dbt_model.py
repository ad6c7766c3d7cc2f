"""A training set as a dbt model: its SQL with `ref()`s, and a yml with its columns.

As a model, the training set has lineage, tests and docs, and `dbt build` builds it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from featurestore.errors import EntityFrameError, PlanError
from featurestore.project.manifest import Manifest
from featurestore.project.nodes import Node
from featurestore.registry.definitions import Feature, FeatureView
from featurestore.sql.exit_types import exit_type, spelled_type
from featurestore.sql.plan import TrainingPlan
from featurestore.sql.point_in_time import point_in_time
from featurestore.training.dbt_refs import DbtRefs, without_jinja
from featurestore.training.entity_frame import EntityFrame
from featurestore.values.atomic_file import atomic_write
from featurestore.values.types import DataType
from featurestore.warehouse.protocol import Warehouse

__all__ = ["DbtModel", "dbt_model", "write_model"]

_MARK = "{#- Written by featurestore:"
_HEADER = f"{_MARK} write it again instead of editing it. -#}}"


@dataclass(frozen=True, slots=True)
class DbtModel:
    """The two files of a dbt model."""

    sql: str
    yml: str


def dbt_model(
    plan: TrainingPlan,
    frame: EntityFrame,
    manifest: Manifest,
    name: str,
    strategy: str | None = None,
    *,
    warehouse: Warehouse,
) -> DbtModel:
    """Return a training set as a dbt model.

    Args:
        plan: The training set.
        frame: Its entity rows; they must be in the warehouse.
        manifest: The project's manifest: a relation of one of its models becomes a `ref()`.
        name: The model's name.
        strategy: A shape of join to insist on.
        warehouse: Knows which table a name without a schema means.

    Raises:
        EntityFrameError: The entity rows are a data frame, or read a table whose name fits two
            models.
    """
    if frame.table is not None:
        raise EntityFrameError(
            "A dbt model cannot read a data frame.",
            remedy="Give the entity rows as SQL, a table's name or 'ref:<model>'.",
        )
    refs = DbtRefs(manifest, plan.dialect, warehouse)
    joins = tuple(
        replace(join, view=replace(join.view, relation=refs.of(join.view.relation)))
        for join in plan.joins
    )
    spine = replace(plan.spine, source=refs.within(frame.source, is_query=frame.is_query))
    sql = point_in_time(replace(plan, joins=joins, spine=spine), strategy)
    return DbtModel(f"{_HEADER}\n\n{refs.written(sql)}\n", _yml(plan, refs.node(frame), name))


def _yml(plan: TrainingPlan, entities: Node | None, name: str) -> str:
    columns = [
        {
            "name": column,
            "data_type": _spelled(data_type, plan.dialect),
            # dbt renders the text of a yml too.
            **({"description": without_jinja(description)} if description else {}),
        }
        for column, data_type, description in _columns(plan, entities)
    ]
    views = ", ".join(join.name for join in plan.joins)
    content: dict[str, Any] = {
        "name": name,
        "description": "A training set: each entity row with the features of"
        f" {views} as they were known at its instant; one row per entity row.",
        "config": {"materialized": "table", "contract": {"enforced": True}},
        "columns": columns,
    }
    text: str = yaml.safe_dump(
        {"models": [content]}, sort_keys=False, allow_unicode=True, width=100
    )
    return text


def _columns(
    plan: TrainingPlan, entities: Node | None
) -> Iterator[tuple[str, DataType | None, str]]:
    described: Mapping[str, Any] = entities.columns if entities else {}
    for column in plan.spine.own:
        known = described.get(column)
        yield column, plan.spine.columns[column], (known.description or "").strip() if known else ""
    for join in plan.joins:
        features = {feature.name: feature for feature in join.view.features}
        for output in join.outputs:
            feature = features[output.feature]
            yield output.name, feature.data_type, _described(feature)
        if join.timestamp_output:
            view: FeatureView = join.view
            yield (
                join.timestamp_output,
                view.event_timestamp.data_type,
                f"The event timestamp of the row of {join.name} that the values come from.",
            )
    for computed in plan.on_demand:
        yield computed.name, computed.data_type, computed.description


def _described(feature: Feature) -> str:
    default = "" if feature.default is None else f"NULL and missing values are {feature.default!r}."
    return "\n".join(filter(None, (feature.description, default)))


def _spelled(data_type: DataType | None, dialect: str) -> str:
    return spelled_type(exit_type(data_type, dialect), dialect) if data_type else ""


def write_model(model: DbtModel, path: Path, *, overwrite: bool = False) -> str:
    """Write a model's two files, if they changed.

    Args:
        model: The model.
        path: The `.sql` file; the yml goes beside it.
        overwrite: Whether to replace a file that this function did not write.

    Returns:
        The change as a unified diff; an empty text without a change.

    Raises:
        PlanError: The file's name does not end in .sql, or one of the files was written by
            hand.
    """
    if path.suffix != ".sql":
        raise PlanError(f"The file of a dbt model must end in .sql, got '{path}'.")
    if not overwrite:
        _refuse_other_model(path)
    changes = [_update(path, model.sql), _update(path.with_suffix(".yml"), model.yml)]
    return "".join(changes)


def _refuse_other_model(path: Path) -> None:
    """Refuse files of another hand: only the `.sql` file says who wrote both."""
    files = (path, path.with_suffix(".yml"))
    ours = path.exists() and path.read_text("utf-8").startswith(_MARK)
    strange = None if ours else next((file for file in files if file.exists()), None)
    if strange is not None:
        raise PlanError(
            f"{strange} exists, and featurestore did not write it.",
            remedy="Choose another name, or pass overwrite=True (--overwrite on the command line).",
        )


def _update(path: Path, text: str) -> str:
    before = path.read_text("utf-8") if path.exists() else ""
    if before == text:
        return ""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as part:
        part.write_text(text, encoding="utf-8")
    lines = difflib.unified_diff(
        before.splitlines(keepends=True),
        text.splitlines(keepends=True),
        str(path) if before else "/dev/null",
        str(path),
    )
    return "".join(lines)
