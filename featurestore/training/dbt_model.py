"""A training set as a dbt model: its SQL with `ref()`s, and a yml with its columns.

Then the training set has lineage, tests and docs like any other model, and `dbt build` makes it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml
from sqlglot import exp, parse_one

from featurestore.errors import EntityFrameError, PlanError
from featurestore.project.manifest import Manifest
from featurestore.project.nodes import Node
from featurestore.registry.definitions import FeatureView
from featurestore.sql.dialects import grammar
from featurestore.sql.expressions import relation_parts
from featurestore.sql.plan import TrainingPlan
from featurestore.sql.point_in_time import point_in_time
from featurestore.training.entity_frame import EntityFrame
from featurestore.values.atomic_file import atomic_write
from featurestore.values.types import DataType, Kind

__all__ = ["DbtModel", "dbt_model", "write_model"]

_HEADER = "{#- Written by featurestore: make it anew instead of editing it. -#}"
_PLACEHOLDER = "_featurestore_ref_{}_"
_WORDS = {
    Kind.INT8: "tinyint",
    Kind.INT16: "smallint",
    Kind.INT32: "int",
    Kind.INT64: "bigint",
    Kind.INT128: "int128",
    Kind.UINT8: "utinyint",
    Kind.UINT16: "usmallint",
    Kind.UINT32: "uint",
    Kind.UINT64: "ubigint",
    Kind.FLOAT32: "float",
    Kind.FLOAT64: "double",
    Kind.STRING: "varchar",
    Kind.BYTES: "varbinary",
}


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
) -> DbtModel:
    """Write a training set as a dbt model.

    Args:
        plan: The training set.
        frame: Its entity rows; they must be in the warehouse.
        manifest: The project's manifest: what is a model there becomes a `ref()`.
        name: The model's name.
        strategy: A shape of join to insist on.

    Raises:
        EntityFrameError: The entity rows are a data frame.
    """
    if frame.table is not None:
        raise EntityFrameError(
            "A dbt model cannot read a data frame.",
            remedy="Give the entity rows as SQL, a table's name or 'ref:<model>'.",
        )
    refs = _Refs(manifest, plan.dialect)
    joins = tuple(
        replace(join, view=replace(join.view, relation=refs.of(join.view.relation)))
        for join in plan.joins
    )
    spine = replace(plan.spine, source=refs.within(frame.source, is_query=frame.is_query))
    sql = point_in_time(replace(plan, joins=joins, spine=spine), strategy)
    return DbtModel(f"{_HEADER}\n\n{refs.written(sql)}\n", _yml(plan, refs.node(frame), name))


class _Refs:
    """Stands a placeholder in for each model's relation, and a `ref()` for each placeholder."""

    def __init__(self, manifest: Manifest, dialect: str) -> None:
        self._dialect = dialect
        self._project = manifest.project
        self._models = [
            (relation_parts(node.relation_name, dialect), node)
            for node in manifest.models()
            if node.relation_name
        ]
        self._taken: dict[str, str] = {}

    def of(self, relation: str) -> str:
        """Return the placeholder of a relation; the relation itself if it is no model's."""
        node = self._model(relation)
        if node is None:
            return relation
        placeholder = _PLACEHOLDER.format(node.qualified_name.replace(".", "_"))
        self._taken[placeholder] = self._ref(node)
        return placeholder

    def within(self, source: str, *, is_query: bool) -> str:
        """Return a query or a relation with placeholders for the models it reads."""
        if not is_query:
            return self.of(source)
        query = parse_one(source, dialect=grammar(self._dialect))
        own = {cte.alias for cte in query.find_all(exp.CTE)}
        for table in list(query.find_all(exp.Table)):
            if table.name in own and not table.db:
                continue
            parts = {part: table.args.get(part) for part in ("this", "db", "catalog")}
            placeholder = self.of(exp.Table(**parts).sql(grammar(self._dialect)))
            if placeholder in self._taken:
                alias = exp.TableAlias(this=exp.to_identifier(table.alias or table.name))
                table.replace(exp.Table(this=exp.to_identifier(placeholder), alias=alias))
        return query.sql(grammar(self._dialect))

    def node(self, frame: EntityFrame) -> Node | None:
        """Return the model that the entity rows are, if they are one."""
        return None if frame.is_query else self._model(frame.source)

    def written(self, sql: str) -> str:
        """Return the statement with a `ref()` for each placeholder."""
        for placeholder, ref in self._taken.items():
            sql = sql.replace(placeholder, ref)
        return sql

    def _ref(self, node: Node) -> str:
        arguments = [f"'{node.name}'"]
        if node.package_name not in ("", self._project):
            arguments.insert(0, f"'{node.package_name}'")
        if node.version is not None:
            arguments.append(f"v={node.version!r}")
        return f"{{{{ ref({', '.join(arguments)}) }}}}"

    def _model(self, relation: str) -> Node | None:
        """Find the model of a relation; of a short name, the parts that are given must agree."""
        parts = relation_parts(relation, self._dialect)
        for known, node in self._models:
            if known[: len(parts)] == parts:
                return node
        return None


def _yml(plan: TrainingPlan, entities: Node | None, name: str) -> str:
    columns = [
        {
            "name": column,
            "data_type": _spelled(data_type, plan.dialect),
            **({"description": description} if description else {}),
        }
        for column, data_type, description in _columns(plan, entities)
    ]
    views = ", ".join(join.name for join in plan.joins)
    content: dict[str, Any] = {
        "name": name,
        "description": "A training set: each entity row with what was known at its instant, of"
        f" {views}; one row per entity row.",
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
    for column, data_type in plan.spine.columns.items():
        known = described.get(column)
        yield column, data_type, (known.description or "").strip() if known else ""
    for join in plan.joins:
        features = {feature.name: feature for feature in join.view.features}
        for output in join.outputs:
            feature = features[output.feature]
            yield output.name, feature.data_type, feature.description
        if join.timestamp_output:
            view: FeatureView = join.view
            yield (
                join.timestamp_output,
                view.event_timestamp.data_type,
                f"The event timestamp of the row of {join.name} that the values are from.",
            )


def _spelled(data_type: DataType | None, dialect: str) -> str:
    if data_type is None:
        return ""
    if data_type.kind is Kind.ARRAY:
        return f"{_spelled(data_type.element, dialect)}[]"
    text = _WORDS.get(data_type.kind, str(data_type))
    return exp.DataType.build(text, dialect="duckdb").sql(grammar(dialect)).lower()


def write_model(model: DbtModel, path: Path, *, overwrite: bool = False) -> str:
    """Write a model's two files, if they say something new.

    Args:
        model: What to write.
        path: The `.sql` file; the yml goes beside it.
        overwrite: Whether to replace a file that was written by somebody else.

    Returns:
        The change as a unified diff; empty if there is none.

    Raises:
        PlanError: The file is not named .sql, or was not written by this function.
    """
    if path.suffix != ".sql":
        raise PlanError(f"'{path}' is no .sql file.", remedy="Name the model so.")
    if path.exists() and not overwrite and not path.read_text("utf-8").startswith(_HEADER):
        raise PlanError(
            f"{path} was written by somebody else.",
            remedy="Choose another name, or say overwrite=True.",
        )
    changes = [_update(path, model.sql), _update(path.with_suffix(".yml"), model.yml)]
    return "".join(changes)


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
