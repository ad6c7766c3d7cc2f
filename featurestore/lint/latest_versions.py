"""Sources that hold the latest version of each row, which was not yet known before."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sqlglot import exp

from featurestore.lint.column_trace import blocks_behind, columns_with_sources
from featurestore.lint.query_blocks import Block, BlockSource, own_columns, own_nodes

__all__ = ["is_latest_version"]

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


def _conditions(block: Block) -> Iterator[exp.Expr]:
    """Yield the conditions that all rows of a block keep: the parts of its ANDs."""
    select = block.select
    wholes = [select.args.get(clause) for clause in ("where", "qualify")]
    wholes = [whole.this for whole in wholes if whole is not None]
    wholes += [join.args.get("on") for join in select.args.get("joins") or ()]
    for whole in wholes:
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
