"""The models behind a feature view: a leak in one of them is a leak in the view."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from sqlglot import exp

from featurestore.lint.linted_view import Hop, LintedView, bare, columns_with_sources
from featurestore.lint.manifest_index import ManifestIndex
from featurestore.lint.query_blocks import Block, TraceStep, columns_in, local
from featurestore.project.nodes import CompiledNode
from featurestore.registry.definitions import Column, Entity, Feature, FeatureView

__all__ = ["CARRIED", "carried", "models_behind"]

CARRIED = ("FS001", "FS002", "FS003", "FS004", "FS005", "FS006")
"""The rules that hold for a model whose rows a view passes on."""

_CHOICES = ("group", "distinct", "qualify", "having", "limit")


def models_behind(
    view: FeatureView, node: CompiledNode, facts: ManifestIndex
) -> Callable[[str], LintedView | None]:
    """Return a function that reads the model behind a table.

    Args:
        view: The feature view.
        node: The model that reads the tables.
        facts: What the manifest knows.
    """
    kept: dict[str, LintedView | None] = {}
    # Which columns are asked for is another matter: by itself the model has none.
    bare_view = replace(view, entities=(), features=(), event_timestamp=Column(""))

    def read(table: str) -> LintedView | None:
        model = facts.model(node, table)
        tree = facts.tree(model) if model is not None else None
        if model is None or tree is None:
            return None
        behind = models_behind(view, model, facts)
        return LintedView(bare_view, model, tree, facts.tables(model), upstream=behind)

    def upstream(table: str) -> LintedView | None:
        if table not in kept:
            kept[table] = read(table)
        return kept[table]

    return upstream


def carried(view: LintedView) -> Iterator[LintedView]:
    """Yield the models whose rows a view takes one by one, with their event timestamp.

    Each is seen as a feature view of the columns that reach the features. Where rows are chosen or
    aggregated on the way, a value that was early there may be right here, so the way ends.
    """
    for path in view.paths:
        column = bare(path[-1].expression)
        if not isinstance(column, exp.Column) or any(_chooses(view, hop.block) for hop in path):
            continue
        source = path[-1].block.sources.get(path[-1].alias)
        behind = view.upstream(source.table) if source is not None and source.table else None
        features = sorted(_taken(view, path)) if behind is not None else []
        if behind is None or source is None or not features:
            continue
        keys = {base.column for base in view.bases(view.outputs(view.keys))}
        entity = Entity("entity", tuple(Column(key) for key in sorted(keys)))
        seen = replace(
            view.view,
            entities=(entity,),
            features=tuple(Feature(name) for name in features),
            event_timestamp=Column(column.name.lower()),
        )
        model = replace(behind, view=seen)
        yield model
        yield from carried(model)


def _taken(view: LintedView, path: list[Hop]) -> Iterator[str]:
    """Yield the columns of the last source on a way that reach a feature as they are."""
    last = path[-1]
    for hop, step in view.companions(path, enter=_is_plain):
        if hop is last and _is_plain(step):
            for alias, column in columns_with_sources(step.block, step.expression):
                if alias == last.alias:
                    yield column.name.lower()


def _is_plain(step: TraceStep) -> bool:
    return not any(
        isinstance(node, exp.AggFunc | exp.Window | exp.Query) for node in local(step.expression)
    )


def _chooses(view: LintedView, block: Block) -> bool:
    """Say whether a block takes some of its rows by what others say."""
    if any(block.select.args.get(clause) is not None for clause in _CHOICES):
        return True
    where = block.select.args.get("where")
    if where is None:
        return False
    origins = [o for column in columns_in(where) for _, o in block.resolve(column)]
    return any(not _is_plain(step) for step in (TraceStep(block, where.this), *view.reach(origins)))
