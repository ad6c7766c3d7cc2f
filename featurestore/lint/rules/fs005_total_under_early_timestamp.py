"""FS005: aggregates over all time, on rows whose timestamp is earlier."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from featurestore.lint.linted_view import Found, Hop, LintedView, bare
from featurestore.lint.query_blocks import Block, BlockSource, TraceStep, columns_in, local
from featurestore.lint.time_bounds import free_sources, is_bounded_by_constant, is_bounded_outside

__all__ = ["aggregates", "is_total", "totals_under_early_timestamps"]

_EARLY = (exp.Min, exp.AnyValue, exp.First, exp.ArgMin)
_HARMLESS = (exp.Min, exp.ArgMin, exp.GroupConcat)


def totals_under_early_timestamps(view: LintedView) -> Iterator[Found]:
    """Yield each aggregate that later rows change, though its row is stamped earlier."""
    seen: set[int] = set()
    for path in view.paths:
        for found in (*_under_first(view, path), *_joined_back(view, path)):
            if id(found.node) not in seen:
                seen.add(id(found.node))
                yield found


def is_total(view: LintedView, block: Block) -> bool:
    """Say whether a block has one row for all time: it aggregates, and not per time."""
    keys = group_keys(block)
    if not keys and not any(True for item in block.select.expressions for _ in aggregates(item)):
        return False
    return not any(view.maybe_time(block, column) for key in keys for column in columns_in(key))


def group_keys(block: Block) -> list[exp.Expr]:
    """Return what a block groups by, with places and GROUP BY ALL written out."""
    group, items = block.select.args.get("group"), block.select.expressions
    if group is None:
        return []
    if group.args.get("all"):
        return [item for item in items if not any(aggregates(item))]
    return [
        items[int(key.name) - 1] if isinstance(key, exp.Literal) and key.is_int else key
        for key in group.expressions
    ]


def aggregates(expression: exp.Expr) -> Iterator[exp.Expr]:
    """Yield the aggregates of an expression that are no windows."""
    for node in local(expression):
        if isinstance(node, exp.AggFunc) and not _in_window(node):
            yield node


def _in_window(node: exp.Expr) -> bool:
    parent = node.parent
    while isinstance(parent, exp.Filter | exp.IgnoreNulls | exp.RespectNulls | exp.WithinGroup):
        parent = parent.parent
    return isinstance(parent, exp.Window)


def _under_first(view: LintedView, path: list[Hop]) -> Iterator[Found]:
    """Yield the aggregates that stand beside `min(ts)` as event timestamp."""
    last = path[-1]
    stamp = bare(last.expression)
    if view.view.available_after or not isinstance(stamp, _EARLY) or _in_window(stamp):
        return
    for hop, step in view.companions(path):
        if hop is last:
            for node in aggregates(step.expression):
                if not isinstance(node, _HARMLESS):
                    yield Found(node, f"the row is stamped {stamp.sql()}")


def _joined_back(view: LintedView, path: list[Hop]) -> Iterator[Found]:
    used = list(view.companions(path))
    for hop in path:
        free = free_sources(view, hop)
        every = free_sources(view, hop, dimensions=True)
        for step in (step for at, step in used if at is hop):
            for alias, source in every.items():
                found = _from_source(view, step, alias, source)
                yield from (one for one in found if alias in free or one.model is not view.node)
            yield from _from_subqueries(view, step)


def _from_source(
    view: LintedView, step: TraceStep, alias: str, source: BlockSource
) -> Iterator[Found]:
    if is_bounded_by_constant(view, source):
        return
    origins = [
        origin
        for column in columns_in(step.expression)
        for name, origin in step.block.resolve(column)
        if name == alias
    ]
    for model, below in view.through(origins):
        if model is not view and is_bounded_by_constant(model, model.root):
            continue
        if is_total(model, below.block) and _is_of_events(model, below.block):
            for node in aggregates(below.expression):
                if not isinstance(node, _HARMLESS):
                    yield Found(node, f"'{alias}' is joined to rows of any time", model=model.node)


def _from_subqueries(view: LintedView, step: TraceStep) -> Iterator[Found]:
    for query in local(step.expression):
        if not isinstance(query, exp.Query) or isinstance(query.parent, exp.Exists):
            continue
        source = step.block.inner(query)
        if is_bounded_outside(view, source) or is_bounded_by_constant(view, source):
            continue
        for block in source.blocks:
            if is_total(view, block) and _is_of_events(view, block):
                for item in block.select.expressions:
                    for node in aggregates(item):
                        if not isinstance(node, _HARMLESS):
                            yield Found(node, "the subquery takes rows of any time")


def _is_of_events(view: LintedView, block: Block) -> bool:
    tables = {t for source in block.sources.values() for t in view.tables_under(source)}
    return any(view.is_event_table(table) for table in tables)
