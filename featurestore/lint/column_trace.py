"""Following columns through the blocks of one query."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from sqlglot import exp

from featurestore.lint.query_blocks import (
    Block,
    BlockSource,
    Origin,
    TableColumn,
    TraceStep,
    own_columns,
    own_nodes,
)
from featurestore.lint.window_frames import named_window

__all__ = [
    "blocks_behind",
    "columns_with_sources",
    "inputs_by_alias",
    "origins_in",
    "steps_behind",
    "table_columns_behind",
    "without_casts",
]


def steps_behind(
    origins: Iterable[Origin], enter: Callable[[TraceStep], bool] = lambda _: True
) -> Iterator[TraceStep]:
    """Yield each expression that feeds some columns, once.

    Args:
        origins: Where to start.
        enter: Returns whether to follow the inputs of an expression.
    """
    waiting, seen = list(origins), set()
    while waiting:
        origin = waiting.pop(0)
        # By identity: two equal expressions are two places, and a recursive CTE comes back to one.
        if isinstance(origin, TableColumn) or id(origin.expression) in seen:
            continue
        seen.add(id(origin.expression))
        yield origin
        if enter(origin):
            waiting += _inputs(origin)


def table_columns_behind(origins: Iterable[Origin]) -> set[TableColumn]:
    """Return the columns of tables that feed some columns."""
    start = list(origins)
    found = {origin for origin in start if isinstance(origin, TableColumn)}
    for step in steps_behind(start):
        found |= {o for o in _inputs(step) if isinstance(o, TableColumn)}
    return found


def origins_in(block: Block, expression: exp.Expr) -> list[Origin]:
    """Return the origins of all columns of an expression."""
    return [origin for column in own_columns(expression) for _, origin in block.resolve(column)]


def inputs_by_alias(step: TraceStep) -> list[tuple[str, Origin]]:
    """Return the origins of a step's columns, each with the alias of its source."""
    nodes = _nodes_with_windows(step.block, step.expression)
    columns = (n for n in nodes if isinstance(n, exp.Column))
    return [found for column in columns for found in step.block.resolve(column)]


def _inputs(step: TraceStep) -> list[Origin]:
    """Return the origins of a step's columns and subqueries."""
    return step.block.inputs(step.expression, _read_inputs)


def _read_inputs(block: Block, expression: exp.Expr) -> list[Origin]:
    found: list[Origin] = []
    for node in _nodes_with_windows(block, expression):
        if isinstance(node, exp.Column) and not isinstance(node.this, exp.Star):
            found += [origin for _, origin in block.resolve(node)]
        elif isinstance(node, exp.Query):
            for inner in block.subquery(node).blocks:
                found += [TraceStep(inner, item.unalias()) for item in inner.select.expressions]
    return found


def _nodes_with_windows(block: Block, expression: exp.Expr) -> Iterator[exp.Expr]:
    """Walk an expression, and the definitions of the named windows that it uses."""
    for node in block.nodes(expression):
        yield node
        if isinstance(node, exp.Window) and (named := named_window(block, node)):
            yield from own_nodes(named)


def blocks_behind(source: BlockSource) -> Iterator[Block]:
    """Yield every SELECT that a source is made from, once."""
    waiting, seen = list(source.blocks), set()
    while waiting:
        block = waiting.pop(0)
        if id(block) not in seen:
            seen.add(id(block))
            yield block
            waiting += [inner for found in block.sources.values() for inner in found.blocks]


def columns_with_sources(block: Block, expression: exp.Expr) -> list[tuple[str, exp.Column]]:
    """Return the columns of an expression, each with the alias of its source."""
    found = []
    for column in own_columns(expression):
        origins = block.resolve(column)
        alias = column.table.lower() or (origins[0][0] if origins else "")
        found.append((alias, column))
    return found


def without_casts(expression: exp.Expr) -> exp.Expr:
    """Remove parentheses, aliases and casts that keep an instant; a cast to a date changes it.

    >>> from sqlglot import parse_one
    >>> without_casts(parse_one("cast((a.ts) as timestamp)")).sql()
    'a.ts'
    >>> without_casts(parse_one("cast(ts as date)")).sql()
    'CAST(ts AS DATE)'
    """
    while isinstance(expression, exp.Paren | exp.Alias) or (
        isinstance(expression, exp.Cast) and not expression.to.is_type("date")
    ):
        expression = expression.this
    return expression
