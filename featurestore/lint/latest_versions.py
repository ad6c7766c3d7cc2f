"""Sources that hold the latest version of each row, which was not yet known before."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sqlglot import exp

from featurestore.lint.column_trace import blocks_behind, columns_with_sources
from featurestore.lint.query_blocks import Block, BlockSource, own_columns, own_nodes

__all__ = ["is_latest_version", "table_of_current_rows"]

_FLAG = re.compile(
    r"^_?(is_)?(most_recent|latest|newest|current)(_(record|row|version|flag|ind|indicator))?$"
    r"|^_fivetran_active$"
)
_END = re.compile(r"(^|_)(valid|effective)(_\w+)?_(to|until|end|thru|through)(_|$)")


def is_latest_version(block: Block, alias: str, source: BlockSource) -> bool:
    """Return whether conditions keep only the latest version of a source's rows.

    Args:
        block: The block that reads the source.
        alias: The source's alias in it.
        source: The source.
    """
    own = (
        condition
        for condition in _conditions(block)
        if {name for name, _ in columns_with_sources(block, condition)} == {alias}
    )
    behind = (one for inner in blocks_behind(source) for one in _conditions(inner))
    return any(map(_keeps_latest, (*own, *behind)))


def table_of_current_rows(block: Block, alias: str) -> str:
    """Return the table if a source holds only its current rows; empty for any other source.

    Args:
        block: The block that reads the source.
        alias: The source's alias in it.
    """
    source = block.sources[alias]
    blocks = list(blocks_behind(source))
    inputs = [source, *(one for inner in blocks for one in inner.sources.values())]
    # A join or a UNION behind the source may bring back older rows.
    if len(inputs) != len(blocks) + 1 or any(len(one.blocks) > 1 for one in inputs):
        return ""
    # An ON does not filter the rows of an outer join's other side.
    own = [
        condition
        for condition in _filters(block)
        if {name for name, _ in columns_with_sources(block, condition)} == {alias}
    ]
    kept = [*own, *(one for inner in blocks for one in _filters(inner))]
    return inputs[-1].table if any(map(_keeps_latest, kept)) else ""


def _conditions(block: Block) -> Iterator[exp.Expr]:
    """Yield the conditions that keep rows of a block or of its joins: the parts of its ANDs."""
    yield from _filters(block)
    for join in block.select.args.get("joins") or ():
        yield from _parts(join.args.get("on"))


def _filters(block: Block) -> Iterator[exp.Expr]:
    """Yield the conditions that all rows of a block keep."""
    for clause in ("where", "qualify"):
        if (whole := block.select.args.get(clause)) is not None:
            yield from _parts(whole.this)


def _parts(whole: exp.Expr | None) -> Iterator[exp.Expr]:
    if whole is not None:
        yield from whole.flatten() if isinstance(whole, exp.And) else [whole]


def _keeps_latest(condition: exp.Expr) -> bool:
    """Return whether a condition asks for the latest version.

    >>> from sqlglot import condition
    >>> [_keeps_latest(condition(sql)) for sql in ("is_current", "latest = 1", "valid_to is null")]
    [True, True, True]
    >>> [_keeps_latest(condition(sql)) for sql in ("not is_current", "valid_to is not null")]
    [False, False]
    """
    if any(map(_turns_round, own_nodes(condition))):
        return False
    if any(_FLAG.search(column.name.lower()) for column in own_columns(condition)):
        return True
    return (
        isinstance(condition, exp.Is)
        and isinstance(condition.expression, exp.Null)
        and bool(_END.search(condition.this.name.lower()))
    )


def _turns_round(node: exp.Expr) -> bool:
    """Return whether part of a condition makes it ask for older versions too."""
    is_false = isinstance(node, exp.Boolean) and not node.this
    return is_false or isinstance(node, exp.Not | exp.Or | exp.NEQ)
