"""Equalities in a join that tie rows of one source to one event, not to an entity."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from sqlglot import exp

from featurestore.lint.column_trace import origins_in, table_columns_behind
from featurestore.lint.event_ids import happens_at_once, holds_parts, is_id_of_whole, is_own_id
from featurestore.lint.linted_view import LintedView
from featurestore.lint.query_blocks import Block, TableColumn
from featurestore.lint.time_comparisons import TimeComparison

__all__ = [
    "RowLink",
    "is_known_with_event",
    "is_lookup",
    "is_one_row",
    "is_row_of_event",
    "row_links",
]

# Every table has its own `created_at`: an equal name does not make it the event's.
_ANY_EVENT = re.compile(
    r"^(created|updated|inserted|modified|occurred|happened|observed|recorded|logged|loaded|event"
    r"|time|ts|date)"
)


@dataclass(frozen=True, slots=True)
class RowLink:
    """An equality between a column of a source and a column of the event's rows.

    Attributes:
        own: The source's column.
        other: The column of rows that are known at the event.
    """

    own: exp.Column
    other: exp.Column


def row_links(
    alias: str, known: Iterable[str], comparisons: Iterable[TimeComparison]
) -> Iterator[RowLink]:
    """Yield the equalities that join a source to sources whose rows are known at the event.

    Args:
        alias: The source.
        known: The aliases of the sources whose rows are known at the event.
        comparisons: The comparisons of the block.
    """
    wanted = set(known)
    for comparison in comparisons:
        if not comparison.equal or len(comparison.low) != 1 or len(comparison.high) != 1:
            continue
        (left, one), (right, other) = comparison.low[0], comparison.high[0]
        if left == alias and right in wanted:
            yield RowLink(one, other)
        elif right == alias and left in wanted:
            yield RowLink(other, one)


def is_one_row(view: LintedView, block: Block, links: Sequence[RowLink]) -> bool:
    """Return whether a source has at most one row for each row that it is joined to."""
    columns = [link.own for link in links]
    return _is_unique(view, block, columns) or any(
        not view.is_key(block, link.own) and _is_called_after(block, link.own, is_own_id)
        for link in links
    )


def is_lookup(view: LintedView, block: Block, links: Sequence[RowLink]) -> bool:
    """Return whether a source gives one row of another thing than the view's entity."""
    return is_one_row(view, block, links) and not any(
        view.is_key(block, column) for link in links for column in (link.own, link.other)
    )


def is_row_of_event(view: LintedView, block: Block, links: Sequence[RowLink]) -> bool:
    """Return whether a source's rows belong to one event, and not to all events of an entity.

    A tenant or a country beside the entity's key ties nothing: it is not an event.
    """
    return any(_is_of_event(view, block, link) for link in links) or (
        _is_unique(view, block, [link.own for link in links])
        and _is_unique(view, block, [link.other for link in links])
    )


def _is_of_event(view: LintedView, block: Block, link: RowLink) -> bool:
    # All rows of an entity share its key: it is the id of one event only by chance.
    if view.is_key(block, link.own) or view.is_key(block, link.other):
        return False
    return (
        happens_at_once(link.other.name.lower())
        or _is_unique(view, block, [link.other])
        or _is_called_after(block, link.other, lambda one: is_own_id(one) or is_id_of_whole(one))
    )


def _is_unique(view: LintedView, block: Block, columns: Sequence[exp.Column]) -> bool:
    """Return whether a test or a constraint makes columns unique, alone or together."""
    behind = [table_columns_behind(origins_in(block, column)) for column in columns]
    # all() of nothing is true: a column that cannot be traced must not count as unique.
    if any(found and all(view.is_unique([one]) for one in found) for found in behind):
        return True
    # A set of columns is only unique where each of them is copied from the same table.
    copied = [column for found in behind if len(found) == 1 for column in found]
    tables = {column.table for column in copied}
    return len(tables) == 1 and view.is_unique(copied)


def _is_called_after(block: Block, column: exp.Column, kind: Callable[[TableColumn], bool]) -> bool:
    found = table_columns_behind(origins_in(block, column))
    return bool(found) and all(map(kind, found))


def is_known_with_event(view: LintedView, reader: LintedView, tables: Iterable[str]) -> bool:
    """Return whether rows that belong to one event are known when it happens.

    The lines of an order are; its payments are not. A table without a time, or with the event's
    own time alone, says nothing else.

    Args:
        view: The feature view, for its event timestamp.
        reader: The view, or the model behind it, that reads the tables.
        tables: The tables of the rows.
    """
    names = {view.event} | {column.column for column in view.event_columns}
    return all(
        table in view.event_tables
        or not reader.is_event_table(table)
        or holds_parts(table)
        or _are_times_of(names, reader.times(table))
        for table in tables
    )


def _are_times_of(event: set[str], times: frozenset[str]) -> bool:
    return bool(times) and all(time in event and not _ANY_EVENT.match(time) for time in times)
