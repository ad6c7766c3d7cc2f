"""The models behind a feature view: a leak in one of them is a leak in the view."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from sqlglot import exp

from featurestore.errors import NotCompiled
from featurestore.lint.column_trace import (
    columns_with_sources,
    origins_in,
    steps_behind,
    table_columns_behind,
    without_casts,
)
from featurestore.lint.event_path import PathStep
from featurestore.lint.linted_view import LintedView
from featurestore.lint.manifest_index import ManifestIndex
from featurestore.lint.query_blocks import Block, TraceStep
from featurestore.project.nodes import CompiledNode
from featurestore.registry.definitions import Column, Entity, Feature, FeatureView

__all__ = ["models_behind", "passed_on_unchanged"]

_ROW_CHOICES = ("group", "distinct", "qualify", "having", "limit")


def models_behind(
    view: FeatureView, node: CompiledNode, index: ManifestIndex
) -> Callable[[str], LintedView | None]:
    """Return a function that reads the model behind a table.

    Args:
        view: The feature view.
        node: The model that reads the tables.
        index: The manifest.
    """
    read_models: dict[str, LintedView | None] = {}
    # The model gets its keys, features and timestamp later, from the columns that a view takes.
    without_columns = replace(view, entities=(), features=(), event_timestamp=Column(""))

    def read(table: str) -> LintedView | None:
        model = index.model(node, table)
        if model is None or isinstance(index.tree(model), NotCompiled):
            return None
        behind = models_behind(view, model, index)
        root = index.root(model)
        return LintedView(without_columns, model, root, index.tables(model), upstream=behind)

    def upstream(table: str) -> LintedView | None:
        if table not in read_models:
            read_models[table] = read(table)
        return read_models[table]

    return upstream


def passed_on_unchanged(view: LintedView) -> Iterator[LintedView]:
    """Yield the models whose rows a view passes on one by one, with their event timestamp.

    Each is treated as a feature view of the columns that reach the features. The search ends where
    rows are chosen or aggregated: a value that was early in the model may be right in the view.
    """
    for path in view.event_paths:
        column = without_casts(path[-1].expression)
        if not isinstance(column, exp.Column) or any(_chooses_rows(p.block) for p in path):
            continue
        source = path[-1].block.sources.get(path[-1].alias)
        behind = view.upstream(source.table) if source is not None and source.table else None
        features = sorted(_copied_columns(view, path)) if behind is not None else []
        if behind is None or not features:
            continue
        keys = {key.column for key in table_columns_behind(view.outputs(view.keys))}
        entity = Entity("entity", tuple(Column(key) for key in sorted(keys)))
        as_view = replace(
            view.view,
            entities=(entity,),
            features=tuple(Feature(name) for name in features),
            event_timestamp=Column(column.name.lower()),
        )
        model = replace(behind, view=as_view)
        yield model
        yield from passed_on_unchanged(model)


def _copied_columns(view: LintedView, path: list[PathStep]) -> Iterator[str]:
    """Yield the columns of the last source on a path that reach a feature row by row."""
    last = path[-1]
    for place, step in view.features_on(path, enter=_is_row_by_row):
        if place is last and _is_row_by_row(step):
            for alias, column in columns_with_sources(step.block, step.expression):
                if alias == last.alias:
                    yield column.name.lower()


def _is_row_by_row(step: TraceStep) -> bool:
    return not any(
        isinstance(node, exp.AggFunc | exp.Window | exp.Query)
        for node in step.block.nodes(step.expression)
    )


def _chooses_rows(block: Block) -> bool:
    """Return whether a block chooses some of its rows by the values of others."""
    if any(block.select.args.get(clause) is not None for clause in _ROW_CHOICES):
        return True
    where = block.select.args.get("where")
    if where is None:
        return False
    steps = (TraceStep(block, where.this), *steps_behind(origins_in(block, where)))
    return not all(map(_is_row_by_row, steps))
