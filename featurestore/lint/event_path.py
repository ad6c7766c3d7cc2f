"""The path of the event timestamp through a query, and the features that come the same way.

Two columns of one row are computed from the same row only while they come through the same sources.
A rule that compares a feature with the event timestamp therefore looks along this path.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from sqlglot import exp

from featurestore.lint.column_trace import columns_with_sources, inputs_by_alias, without_casts
from featurestore.lint.query_blocks import Block, Origin, TraceStep

__all__ = ["PathStep", "event_path", "steps_on_path"]


@dataclass(frozen=True, slots=True, eq=False)
class PathStep:
    """A block that the event timestamp passes through.

    The last step is where the timestamp is computed, or read from a table.

    Attributes:
        block: The block.
        alias: The source in it that gives the timestamp; empty if several sources do, or none.
        expression: The timestamp in this block.
    """

    block: Block
    alias: str
    expression: exp.Expr


def event_path(step: TraceStep, seen: frozenset[int] = frozenset()) -> Iterator[PathStep]:
    """Yield the steps of a timestamp from the result down, as long as it is copied unchanged."""
    column = without_casts(step.expression)
    origins = step.block.resolve(column) if isinstance(column, exp.Column) else []
    # A recursive CTE leads back to an expression that the path has passed already.
    if not origins or id(step.expression) in seen:
        aliases = {alias for alias, _ in columns_with_sources(step.block, step.expression)}
        yield PathStep(step.block, aliases.pop() if len(aliases) == 1 else "", step.expression)
        return
    alias, origin = origins[0]
    if alias:
        yield PathStep(step.block, alias, step.expression)
    if isinstance(origin, TraceStep):
        yield from event_path(origin, seen | {id(step.expression)})


def steps_on_path(
    features: Iterable[Origin],
    path: Sequence[PathStep],
    enter: Callable[[TraceStep], bool] = lambda _: True,
) -> Iterator[tuple[PathStep, TraceStep]]:
    """Yield the expressions of features that lie on a path, each with its place on it.

    Args:
        features: The origins of the features in the result.
        path: The path of the event timestamp.
        enter: Returns whether to follow the inputs of an expression.
    """
    first = path[0].block
    level = [
        TraceStep(first, origin.expression)
        for origin in features
        if isinstance(origin, TraceStep) and origin.block is first
    ]
    for place in path:
        below: list[TraceStep] = []
        for step in _within(level, place.block):
            yield place, step
            if enter(step):
                below += [
                    origin
                    for alias, origin in inputs_by_alias(step)
                    if alias == place.alias and isinstance(origin, TraceStep)
                ]
        level = below


def _within(steps: list[TraceStep], block: Block) -> Iterator[TraceStep]:
    """Yield the steps of one block, and those that they use by an alias of its SELECT."""
    waiting, seen = list(steps), set()
    while waiting:
        step = waiting.pop(0)
        if step.block is block and id(step.expression) not in seen:
            seen.add(id(step.expression))
            yield step
            waiting += [
                origin
                for alias, origin in inputs_by_alias(step)
                if not alias and isinstance(origin, TraceStep)
            ]
