"""The models behind a feature view: a leak in one of them is a leak in the view."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

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

__all__ = ["ModelsBehind"]

_ROW_CHOICES = ("group", "distinct", "qualify", "having", "limit")


class ModelsBehind:
    """The models behind feature views. Views that read the same columns of a model share it.

    Args:
        index: The manifest.
    """

    def __init__(self, index: ManifestIndex) -> None:
        self.index = index
        self._models: dict[tuple[str, timedelta], LintedView | None] = {}
        self._as_views: dict[tuple[LintedView, FeatureView], LintedView] = {}
        self._passed_on: dict[LintedView, tuple[LintedView, ...]] = {}

    def upstream(self, view: FeatureView, node: CompiledNode) -> Callable[[str], LintedView | None]:
        """Return a function that reads the model behind a table.

        Args:
            view: The feature view.
            node: The model that reads the tables.
        """
        # Nothing else of the view changes how the models behind it are read. The model gets its
        # keys, features and timestamp later, from the columns that a view takes.
        shared = FeatureView(
            *("", "", "", "", (), (), Column("")), available_after=view.available_after
        )

        def read(table: str) -> LintedView | None:
            model = self.index.model(node, table)
            return None if model is None else self._model(shared, model)

        return read

    def _model(self, view: FeatureView, model: CompiledNode) -> LintedView | None:
        key = (model.unique_id, view.available_after)
        if key not in self._models:
            self._models[key] = self._read(view, model)
        return self._models[key]

    def _read(self, view: FeatureView, model: CompiledNode) -> LintedView | None:
        if isinstance(self.index.tree(model), NotCompiled):
            return None
        root, tables = self.index.root(model), self.index.tables(model)
        return LintedView(view, model, root, tables, upstream=self.upstream(view, model))

    def passed_on_unchanged(self, view: LintedView) -> Iterator[LintedView]:
        """Yield the models whose rows a view passes on one by one, with their event timestamp.

        Each is treated as a feature view of the columns that reach the features. The search ends
        where rows are chosen or aggregated: a value that was early in the model may be right in the
        view. A model that several branches of a UNION reach is yielded once.
        """
        waiting = list(self._sources(view))
        seen = set(waiting)
        # A list instead of calls: chains of models can be longer than Python's recursion limit.
        for model in waiting:
            yield model
            if model not in self._passed_on:
                self._passed_on[model] = tuple(self._sources(model))
            waiting += [one for one in self._passed_on[model] if one not in seen]
            seen.update(self._passed_on[model])

    def _sources(self, view: LintedView) -> Iterator[LintedView]:
        for path in view.event_paths:
            column = without_casts(path[-1].expression)
            if not isinstance(column, exp.Column) or any(_chooses_rows(p.block) for p in path):
                continue
            source = path[-1].block.sources.get(path[-1].alias)
            behind = view.upstream(source.table) if source is not None and source.table else None
            features = sorted(set(_copied_columns(view, path))) if behind is not None else []
            if behind is not None and features:
                yield self._as_view(view, behind, features, column.name.lower())

    def _as_view(
        self, view: LintedView, model: LintedView, features: list[str], event: str
    ) -> LintedView:
        """Return a model as a feature view of some of its columns."""
        keys = {key.column for key in table_columns_behind(view.outputs(view.keys))}
        definition = replace(
            model.view,
            entities=(Entity("entity", tuple(Column(key) for key in sorted(keys))),),
            features=tuple(Feature(name) for name in features),
            event_timestamp=Column(event),
        )
        key = (model, definition)
        if key not in self._as_views:
            self._as_views[key] = replace(model, view=definition)
        return self._as_views[key]


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
