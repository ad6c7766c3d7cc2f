"""Attributes that a GROUP BY carries: all rows of a group have the same value."""

from __future__ import annotations

import re

from sqlglot import exp

from featurestore.lint.aggregates import group_keys
from featurestore.lint.linted_view import LintedView
from featurestore.lint.query_blocks import Block, TableColumn, TraceStep, own_columns
from featurestore.lint.time_comparisons import comparisons_in

__all__ = ["picks_attribute"]

# What a thing is called and what it belongs to. Later rows only repeat it.
_ATTRIBUTES = re.compile(
    r"(name|email|title|slug|url)$"
    r"|^((home|customer|user|account|company)_)?(country(_code|_iso\d?)?|nationality|gender)$"
    r"|^(birth_?(date|day|year|country)|(date|year|country)_of_birth|dob)$"
    r"|^(tenant(_id|_key)?|source_relation)$"
)

_Columns = set[tuple[str, str]]
"""Columns of a block: the alias of the source and the name, in lower case."""


def picks_attribute(view: LintedView, block: Block, aggregate: exp.Expr) -> bool:
    """Return whether an aggregate that picks one value of a group finds the same in all its rows.

    Args:
        view: The feature view, or a model behind it.
        block: The block that aggregates.
        aggregate: The aggregate: `max()`, `any_value()` and the like.
    """
    picked = _columns(block, aggregate)
    if not picked:
        return False
    if all(_ATTRIBUTES.search(name) for _, name in picked):
        return True
    keys = _equal_to_keys(view, block)
    return all(one in keys or _depends_on_keys(view, block, one, keys) for one in picked)


def _columns(block: Block, expression: exp.Expr) -> _Columns:
    return {_named(block, column) for column in own_columns(expression)}


def _named(block: Block, column: exp.Column) -> tuple[str, str]:
    """Return a column with its source; the alias is empty where several sources may have it."""
    found = block.resolve(column)
    aliases = {alias for alias, _ in found}
    if aliases == {""} and isinstance(found[0][1], TraceStep):
        item = found[0][1].expression
        # GROUP BY may use the alias that SELECT gives to a column.
        if found[0][1].block is block and isinstance(item, exp.Column) and item is not column:
            return _named(block, item)
    return (aliases.pop() if len(aliases) == 1 else ""), column.name.lower()


def _equal_to_keys(view: LintedView, block: Block) -> _Columns:
    """Return the columns that GROUP BY names, and those that a join makes equal to them."""
    items = [key.unalias() for key in block.kept(group_keys)]
    # An expression of a column, such as its day, has fewer values than the column.
    keys = {_named(block, item) for item in items if isinstance(item, exp.Column)}
    for comparison in comparisons_in(view, block):
        if comparison.equal and len(comparison.low) == len(comparison.high) == 1:
            pair = {_named(block, column) for _, column in (*comparison.low, *comparison.high)}
            keys |= pair if pair & keys else set()
    return keys


def _depends_on_keys(
    view: LintedView, block: Block, column: tuple[str, str], keys: _Columns
) -> bool:
    """Return whether a column is of a table with one row for each value of the keys."""
    alias, name = column
    names = {key for of, key in keys if of == alias}
    seen: set[int] = set()
    # Down to the table, as long as one source gives the column and the keys unchanged.
    while (source := block.sources.get(alias)) is not None and id(source) not in seen:
        seen.add(id(source))
        if source.table:
            return bool(names) and view.is_unique([TableColumn(source.table, n) for n in names])
        if len(source.blocks) != 1:
            return False
        block = source.blocks[0]
        given = {one: _copied(block, one) for one in {name, *names}}
        alias, name = given[name] or ("", "")
        names = {found[1] for found in map(given.get, names) if found and found[0] == alias}
    return False


def _copied(block: Block, name: str) -> tuple[str, str] | None:
    """Return the column of a source that a block gives under a name; None if it computes it."""
    steps = block.origins(name, None)
    if len(steps) != 1 or not isinstance(steps[0].expression, exp.Column):
        return None
    return _named(block, steps[0].expression)
