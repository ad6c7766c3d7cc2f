"""FS005: aggregates over all time, on rows whose timestamp is earlier."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from featurestore.lint.aggregates import aggregates, is_total, is_windowed
from featurestore.lint.column_trace import origins_in, without_casts
from featurestore.lint.event_path import PathStep
from featurestore.lint.group_attributes import picks_attribute
from featurestore.lint.linted_view import LintedView
from featurestore.lint.query_blocks import Block, TraceStep, own_columns
from featurestore.lint.row_links import is_known_with_event, is_lookup, is_row_of_event
from featurestore.lint.rule import Finding, Rule
from featurestore.lint.time_bounds import (
    UnboundedSource,
    is_bounded_by_constant,
    is_bounded_by_outer_query,
    unbounded_sources,
)

__all__ = ["RULE"]

# any_value() and first() may return the earliest time of a group, as min() does.
_EARLY_STAMPS = (exp.Min, exp.AnyValue, exp.First, exp.ArgMin)
_HARMLESS = (exp.Min, exp.ArgMin, exp.GroupConcat)
_PICKS = (exp.Max, exp.ArgMax, exp.AnyValue, exp.First, exp.Last)


def _totals(view: LintedView) -> Iterator[Finding]:
    """Yield each aggregate that later rows change, though its row has an earlier timestamp."""
    seen: set[int] = set()
    for path in view.event_paths:
        for found in (*_beside_early_stamp(view, path), *_joined_back(view, path)):
            if id(found.node) not in seen:
                seen.add(id(found.node))
                yield found


def _harmful(view: LintedView, block: Block, expression: exp.Expr) -> Iterator[exp.Expr]:
    return (
        node
        for node in aggregates(expression)
        if not isinstance(node, _HARMLESS)
        and not (isinstance(node, _PICKS) and picks_attribute(view, block, node))
    )


def _beside_early_stamp(view: LintedView, path: list[PathStep]) -> Iterator[Finding]:
    """Yield the aggregates of a block that takes `min(ts)` as event timestamp."""
    last = path[-1]
    stamp = without_casts(last.expression)
    # `available_after` moves the rows later. The lint does not compare lengths, so it trusts it.
    if view.view.available_after or not isinstance(stamp, _EARLY_STAMPS) or is_windowed(stamp):
        return
    for place, step in view.features_on(path):
        if place is last:
            for node in _harmful(view, step.block, step.expression):
                yield Finding(node, f"the row is stamped {stamp.sql()}")


def _joined_back(view: LintedView, path: list[PathStep]) -> Iterator[Finding]:
    """Yield the totals that are joined to earlier rows, or come from a subquery."""
    used = list(view.features_on(path))
    for place in path:
        unbounded = unbounded_sources(view, place)
        for step in (step for at, step in used if at is place):
            for alias, joined in unbounded.items():
                yield from _from_source(view, step, alias, joined)
            yield from _from_subqueries(view, step)


def _from_source(
    view: LintedView, step: TraceStep, alias: str, joined: UnboundedSource
) -> Iterator[Finding]:
    if is_bounded_by_constant(view, joined.source):
        return
    origins = [
        origin
        for column in own_columns(step.expression)
        for name, origin in step.block.resolve(column)
        if name == alias
    ]
    # An attribute that a dimension picks with max() is not a total.
    picks = _PICKS if is_lookup(view, step.block, joined.links) else ()
    for model, below in view.steps_upstream(origins):
        # A model that ends at a fixed time, such as a training period, was closed on purpose.
        if model is not view and is_bounded_by_constant(model, model.root):
            continue
        if _is_total_of_events(model, below.block) and not _is_of_event(
            view, step.block, joined, model, below.block
        ):
            for node in _harmful(model, below.block, below.expression):
                if not isinstance(node, picks):
                    yield Finding(
                        node, f"'{alias}' is joined to rows of any time", model=model.node
                    )


def _is_of_event(
    view: LintedView, block: Block, joined: UnboundedSource, model: LintedView, total: Block
) -> bool:
    """Return whether a total is computed from rows of one event that are known with it."""
    if not is_row_of_event(view, block, joined.links):
        return False
    # The id of the event may lead to a row that took the total of something else: of a customer,
    # at a time that the rows on the way may bound. A total of the id itself grows after the event.
    links = [origin for link in joined.links for origin in origins_in(block, link.own)]
    grouped = any(step.block is total for _, step in view.steps_upstream(links))
    tables = {t for source in total.sources.values() for t in model.tables_behind(source)}
    return not grouped or is_known_with_event(view, model, tables)


def _from_subqueries(view: LintedView, step: TraceStep) -> Iterator[Finding]:
    for query in step.block.nodes(step.expression):
        if not isinstance(query, exp.Query) or isinstance(query.parent, exp.Exists):
            continue
        source = step.block.subquery(query)
        if is_bounded_by_outer_query(view, source) or is_bounded_by_constant(view, source):
            continue
        for block in source.blocks:
            if _is_total_of_events(view, block):
                for item in block.select.expressions:
                    for node in _harmful(view, block, item):
                        yield Finding(node, "the subquery takes rows of any time")


def _is_total_of_events(view: LintedView, block: Block) -> bool:
    return is_total(view, block) and view.has_events(block)


RULE = Rule(
    code="FS005",
    name="total-under-early-timestamp",
    severity="error",
    message="rows with an earlier timestamp carry an aggregate over all time",
    remedy="Use a window that ends at the row, bound the rows in time, or stamp it with max().",
    description="""
An aggregate per customer includes every order, past and future.
Stamped with `min(ordered_at)`, or joined back to each order, it tells the first order about the
last one.
Stamped with `max(ordered_at)` it is right.
A mart with the lifetime value of each customer, joined to orders, leaks in the same way.
An attribute that is carried through GROUP BY is not a total: `max(c.country)` where `c` has one row
per group, by a test on its key, or `max()` of what a thing is called or belongs to, such as a
country or a tenant.
The current row of a history, stamped with its start, is the newest: totals of its own versions are
right.
""",
    bad="""
select customer_id, min(ordered_at) as first_ordered_at, count(*) as orders
from orders
group by customer_id
""",
    good="""
select customer_id, max(ordered_at) as last_ordered_at, count(*) as orders
from orders
group by customer_id
""",
    check=_totals,
    upstream=True,
)
