"""FS004: rows of another event table, joined without a bound in time."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from featurestore.lint.linted_view import Found, Hop, LintedView, columns_with_sources
from featurestore.lint.query_blocks import Block, BlockSource, TraceStep, columns_in, local
from featurestore.lint.rules.fs005_total_under_early_timestamp import aggregates, is_total
from featurestore.lint.time_bounds import free_sources, reaches_ahead

__all__ = ["unbounded_joins"]


def unbounded_joins(view: LintedView) -> Iterator[Found]:
    """Yield each join through which rows of any time reach a feature."""
    seen = set()
    for path in view.paths:
        used = list(view.companions(path))
        for hop in path:
            steps = [step for at, step in used if at is hop]
            above = _sums_above(path, used, hop)
            for alias, source in free_sources(view, hop).items():
                if id(source) in seen or not _lets_in(view, steps, alias, source):
                    continue
                summed = above or any(_sums(step, alias) for step in steps)
                if summed or _is_of_later(view, hop.block, alias, source):
                    seen.add(id(source))
                    yield Found(_join_of(hop.block, source), f"'{alias}' has rows of any time")


def _sums_above(path: list[Hop], used: list[tuple[Hop, TraceStep]], hop: Hop) -> bool:
    """Say whether the rows of a block are aggregated after it."""
    above = path[: path.index(hop)]
    return any(at in above and any(aggregates(step.expression)) for at, step in used)


def _lets_in(view: LintedView, steps: list[TraceStep], alias: str, source: BlockSource) -> bool:
    if not any(map(view.is_event_table, view.tables_under(source))) or _is_first(view, source):
        return False
    if any(is_total(view, block) for block in source.blocks):
        return False
    taken = any(
        alias in {a for a, _ in columns_with_sources(step.block, step.expression)} for step in steps
    )
    return taken or any(_sums(step, alias) for step in steps)


def _is_of_later(view: LintedView, block: Block, alias: str, source: BlockSource) -> bool:
    """Say whether a single row of a source is surely, or for all we know, of a later time."""
    tables = view.tables_under(source)
    return (
        bool(tables & view.event_tables)
        or any(view.facts(table).is_history for table in tables)
        or reaches_ahead(view, block, alias)
    )


def _sums(step: TraceStep, alias: str) -> bool:
    """Say whether an expression aggregates rows of a source, which then has many per row."""
    for node in local(step.expression):
        if isinstance(node, exp.AggFunc) and not isinstance(node.parent, exp.Window):
            aliases = {a for a, _ in columns_with_sources(step.block, node)}
            if alias in aliases or (not aliases and isinstance(node, exp.Count)):
                return True
    return False


def _is_first(view: LintedView, source: BlockSource) -> bool:
    """Say whether a source has but the first row of each entity, which no later row changes."""
    return any(_takes_first(view, block) for block in source.blocks)


def _takes_first(view: LintedView, block: Block) -> bool:
    orders = [
        window.args["order"]
        for step in _row_choices(view, block)
        for window in local(step)
        if isinstance(window, exp.Window) and window.args.get("order") is not None
    ]
    if block.select.args.get("distinct") is not None and block.select.args.get("order"):
        # DISTINCT ON sorts by its keys first.
        orders.append(block.select.args["order"])
    return any(_ascends(view, block, order) for order in orders)


def _row_choices(view: LintedView, block: Block) -> Iterator[exp.Expr]:
    for clause in ("qualify", "where"):
        if (condition := block.select.args.get(clause)) is None:
            continue
        yield condition
        origins = [o for column in columns_in(condition) for _, o in block.resolve(column)]
        yield from (step.expression for step in view.reach(origins))


def _ascends(view: LintedView, block: Block, order: exp.Expr) -> bool:
    return not any(
        item.args.get("desc") and any(view.maybe_time(block, c) for c in columns_in(item))
        for item in order.expressions
    )


def _join_of(block: Block, source: BlockSource) -> exp.Expr:
    joins: list[exp.Expr] = block.select.args.get("joins") or []
    return next((join for join in joins if join.this is source.node), source.node)
