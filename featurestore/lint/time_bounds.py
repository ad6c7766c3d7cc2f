"""Which sources of a block are bounded in time by the source of the event timestamp."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqlglot import exp

from featurestore.lint.column_trace import blocks_behind, origins_in, table_columns_behind
from featurestore.lint.event_path import PathStep
from featurestore.lint.latest_versions import table_of_current_rows
from featurestore.lint.linted_view import LintedView
from featurestore.lint.query_blocks import Block, BlockSource, TableColumn
from featurestore.lint.row_links import RowLink, is_one_row, is_row_of_event, row_links
from featurestore.lint.time_comparisons import TimeComparison, comparisons_in

__all__ = [
    "UnboundedSource",
    "is_bounded_by_constant",
    "is_bounded_by_outer_query",
    "joins_later_rows",
    "unbounded_sources",
]

# The start of a version. The time at which its entity was created is earlier than its versions.
_START = re.compile(
    r"(^|_)(valid|effective)(_\w+)?_(from|start)(_|$)|(^|_)(updated|modified|changed)(_|$)"
    r"|^_fivetran_start$"
)


@dataclass(frozen=True, slots=True)
class UnboundedSource:
    """A source whose rows of any time are joined to a row of the event's source.

    Attributes:
        source: The source.
        links: The equalities that join it to rows that are known at the event.
    """

    source: BlockSource
    links: tuple[RowLink, ...]


def unbounded_sources(view: LintedView, place: PathStep) -> dict[str, UnboundedSource]:
    """Return the sources that no comparison of times bounds by the event, by alias.

    Args:
        view: The feature view.
        place: A block, and the source in it that gives the event timestamp.
    """
    block = place.block
    # Without one source of the timestamp, the other sources have no time to be compared with.
    if not place.alias or len(block.sources) < 2:  # noqa: PLR2004
        return {}
    comparisons = list(comparisons_in(view, block))
    bounded = {place.alias} | _natural_joins(block) | _bounded_subqueries(view, block)
    bounded |= _own_versions(view, place, comparisons)
    tied: set[str] = set()
    # Until nothing changes: a source is also bounded by one that is bounded or tied itself.
    while True:
        known = bounded | tied
        by_time = {
            alias
            for alias in block.sources.keys() - bounded
            if any(_bounds(view, block, alias, known - {alias}, one) for one in comparisons)
        }
        by_row = {
            alias
            for alias in block.sources.keys() - known
            if is_row_of_event(view, block, links := list(row_links(alias, known, comparisons)))
            or is_one_row(view, block, links)
        }
        if not by_time and not by_row:
            break
        bounded |= by_time
        tied |= by_row
    return {
        alias: UnboundedSource(
            source, tuple(row_links(alias, (bounded | tied) - {alias}, comparisons))
        )
        for alias, source in block.sources.items()
        if alias not in bounded
    }


def _own_versions(
    view: LintedView, place: PathStep, comparisons: Sequence[TimeComparison]
) -> set[str]:
    """Return the sources of versions of the event's own entity, if the event is the newest one."""
    tables = view.event_tables
    # The names first: they are cheap, and rule out most views.
    if not all(_START.search(column.column) for column in view.event_columns) or tables != {
        table_of_current_rows(place.block, place.alias)
    }:
        return set()
    return {
        alias
        for alias, source in place.block.sources.items()
        if view.tables_behind(source) == tables
        and _links_keys(view, place.block, [*row_links(alias, {place.alias}, comparisons)])
    }


def _links_keys(view: LintedView, block: Block, links: Sequence[RowLink]) -> bool:
    """Return whether equalities of a table's columns with themselves tie all keys of the entity."""
    tied: set[TableColumn] = set()
    for link in links:
        own, other = (table_columns_behind(origins_in(block, c)) for c in (link.own, link.other))
        if own == other and view.is_key(block, link.other):
            tied |= own
    return len(tied) >= len(view.keys)


def joins_later_rows(view: LintedView, block: Block, alias: str) -> bool:
    """Return whether a comparison asks for rows of a source that are later than another's."""
    return any(
        not comparison.equal
        and _any_time(view, block, [c for a, c in comparison.high if a == alias])
        and _any_time(view, block, [c for a, c in comparison.low if a != alias])
        for comparison in comparisons_in(view, block)
    )


def is_bounded_by_outer_query(view: LintedView, source: BlockSource) -> bool:
    """Return whether a correlated subquery bounds its rows by a time of the enclosing query."""
    for block in blocks_behind(source):
        for comparison in comparisons_in(view, block):
            low = [c for alias, c in comparison.low if alias in block.sources]
            high = [c for alias, c in comparison.high if alias not in block.sources]
            # An equality has no direction, so the outer time may be on either side of it.
            back = comparison.equal and [c for a, c in comparison.low if a not in block.sources]
            if _any_time(view, block, low) and high and not comparison.ahead:
                return True
            if back and _any_time(view, block, [c for _, c in comparison.high]):
                return True
    return False


def is_bounded_by_constant(view: LintedView, source: BlockSource) -> bool:
    """Return whether a source ends at a fixed time, such as the end of a training period."""
    return any(
        # No column on the higher side means a literal or a parameter: one bound for all rows.
        _any_time(view, block, [c for _, c in comparison.low]) and not comparison.high
        for block in blocks_behind(source)
        for comparison in comparisons_in(view, block)
        if not comparison.equal
    )


def _bounded_subqueries(view: LintedView, block: Block) -> set[str]:
    """Return the lateral subqueries that bound themselves by a time of another source."""
    return {
        alias
        for alias, source in block.sources.items()
        if source.blocks
        # A CTE is read outside of the block, so it cannot see the block's times.
        and source.blocks[0].outer is block
        and is_bounded_by_outer_query(view, source)
    }


def _bounds(
    view: LintedView, block: Block, alias: str, bounded: set[str], comparison: TimeComparison
) -> bool:
    """Return whether a comparison keeps a source's rows from being later than bounded ones."""

    def times(columns: list[tuple[str, exp.Column]], wanted: set[str]) -> bool:
        return any(a in wanted and view.may_be_time(block, c) for a, c in columns)

    low, high = comparison.low, comparison.high
    # `a.t - b.t < 7` has both times on one side. Its sign bounds one direction; abs() has no sign.
    difference = (times(low, {alias}) and times(low, bounded)) or (
        times(high, {alias}) and times(high, bounded)
    )
    if difference:
        return not comparison.both_ways
    # The left side of an equality is read as `low`, so the source may be on the right.
    if comparison.equal and times(high, {alias}) and times(low, bounded):
        return True
    return times(low, {alias}) and times(high, bounded) and not comparison.ahead


def _any_time(view: LintedView, block: Block, columns: list[exp.Column]) -> bool:
    return any(view.may_be_time(block, column) for column in columns)


def _natural_joins(block: Block) -> set[str]:
    """Return the sources of NATURAL joins: their columns are not in the SQL, so they may bound."""
    return {
        join.this.alias_or_name.lower()
        for join in block.select.args.get("joins") or ()
        if str(join.args.get("method") or "").upper() == "NATURAL"
    }
