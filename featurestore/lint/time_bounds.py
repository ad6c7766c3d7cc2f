"""Which sources of a block are bounded in time by the one that the event timestamp is from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import exp

from featurestore.lint.linted_view import Hop, LintedView, blocks_under, columns_with_sources
from featurestore.lint.query_blocks import Block, BlockSource, local

__all__ = ["free_sources", "is_bounded_by_constant", "is_bounded_outside", "reaches_ahead"]

_Columns = list[tuple[str, exp.Column]]
_SIZES: dict[type[exp.Expr], bool] = {exp.LT: False, exp.LTE: False, exp.GT: True, exp.GTE: True}
_ADDS = (exp.Add, exp.DateAdd, exp.TimestampAdd, exp.DatetimeAdd, exp.TsOrDsAdd)
_SUBS = (exp.Sub, exp.DateSub, exp.TimestampSub, exp.DatetimeSub)


@dataclass(frozen=True, slots=True)
class _Comparison:
    """Columns of which `low` is at most `high`.

    Attributes:
        low: The columns of the lower side.
        high: Those of the higher one.
        equal: Whether both sides are the same.
        ahead: Whether the bound lies behind the row's own instant.
        both_ways: Whether a length is compared without its sign, so that it bounds no direction.
    """

    low: _Columns
    high: _Columns
    equal: bool = False
    ahead: bool = False
    both_ways: bool = False


def free_sources(view: LintedView, hop: Hop, *, dimensions: bool = False) -> dict[str, BlockSource]:
    """Return the sources of which rows of any time meet a row of the event's source.

    Args:
        view: The feature view.
        hop: A block, and the source in it that the event timestamp is from.
        dimensions: Whether to count tables that have one row for all the events of an entity.
    """
    if not hop.alias or len(hop.block.sources) < 2:  # noqa: PLR2004
        return {}
    held = {hop.alias} | _named_bounds(view, hop.block) | _correlated(view, hop.block)
    comparisons = list(_comparisons(view, hop.block))
    while fresh := {
        alias
        for alias in hop.block.sources.keys() - held
        for comparison in comparisons
        if _bounds(view, hop.block, alias, held, comparison)
        or _links(view, hop.block, alias, held, comparison, dimensions=dimensions)
    }:
        held |= fresh
    return {alias: s for alias, s in hop.block.sources.items() if alias not in held}


def reaches_ahead(view: LintedView, block: Block, alias: str) -> bool:
    """Say whether a comparison asks for rows of a source that are later than those of another."""
    return any(
        not comparison.equal
        and _any_time(view, block, [c for a, c in comparison.high if a == alias])
        and _any_time(view, block, [c for a, c in comparison.low if a != alias])
        for comparison in _comparisons(view, block)
    )


def is_bounded_outside(view: LintedView, source: BlockSource) -> bool:
    """Say whether a correlated subquery bounds its rows by a time of the query around it."""
    for block in blocks_under(source):
        for comparison in _comparisons(view, block):
            low = [c for alias, c in comparison.low if alias in block.sources]
            high = [c for alias, c in comparison.high if alias not in block.sources]
            back = comparison.equal and [c for a, c in comparison.low if a not in block.sources]
            if _any_time(view, block, low) and high and not comparison.ahead:
                return True
            if back and _any_time(view, block, [c for _, c in comparison.high]):
                return True
    return False


def is_bounded_by_constant(view: LintedView, source: BlockSource) -> bool:
    """Say whether a source ends at a fixed time, such as that of a training period."""
    return any(
        _any_time(view, block, [c for _, c in comparison.low]) and not comparison.high
        for block in blocks_under(source)
        for comparison in _comparisons(view, block)
        if not comparison.equal
    )


def _correlated(view: LintedView, block: Block) -> set[str]:
    """Return the subqueries that look at the other sources, and bound themselves by them."""
    return {
        alias
        for alias, source in block.sources.items()
        if source.blocks and source.blocks[0].outer is block and is_bounded_outside(view, source)
    }


def _bounds(
    view: LintedView, block: Block, alias: str, held: set[str], comparison: _Comparison
) -> bool:
    def times(columns: _Columns, wanted: set[str]) -> bool:
        return any(a in wanted and view.maybe_time(block, c) for a, c in columns)

    low, high = comparison.low, comparison.high
    difference = (times(low, {alias}) and times(low, held)) or (
        times(high, {alias}) and times(high, held)
    )
    if difference:
        return not comparison.both_ways
    if comparison.equal and times(high, {alias}) and times(low, held):
        return True
    return times(low, {alias}) and times(high, held) and not comparison.ahead


def _links(
    view: LintedView,
    block: Block,
    alias: str,
    held: set[str],
    comparison: _Comparison,
    *,
    dimensions: bool,
) -> bool:
    """Say whether an equality ties one event to another, rather than all of one entity."""
    if not comparison.equal or len(comparison.low) != 1 or len(comparison.high) != 1:
        return False
    (left, one), (right, other) = comparison.low[0], comparison.high[0]
    if right == alias:
        (left, one), (right, other) = (right, other), (left, one)
    if left != alias or right not in held:
        return False
    if not (view.is_key(block, one) or view.is_key(block, other)):
        return True
    return _is_unique(view, block, one) and (not dimensions or _is_unique(view, block, other))


def _is_unique(view: LintedView, block: Block, column: exp.Column) -> bool:
    origins = [origin for _, origin in block.resolve(column)]
    bases = view.bases(origins)
    return bool(bases) and all(base.column in view.facts(base.table).unique for base in bases)


def _any_time(view: LintedView, block: Block, columns: list[exp.Column]) -> bool:
    return any(view.maybe_time(block, column) for column in columns)


def _named_bounds(view: LintedView, block: Block) -> set[str]:
    """Return the sources that a USING with a time, or a NATURAL join, bounds."""
    found = set()
    for join in block.select.args.get("joins") or ():
        names = {name.name.lower() for name in join.args.get("using") or ()}
        if str(join.args.get("method") or "").upper() == "NATURAL" or names - view.keys:
            found.add(join.this.alias_or_name.lower())
    return found


def _comparisons(view: LintedView, block: Block) -> Iterator[_Comparison]:
    for part in _parts(block.select):
        for node in local(part):
            yield from _read(view, block, node)


def _parts(select: exp.Select) -> Iterator[exp.Expr]:
    yield from select.expressions
    for clause in ("where", "qualify", "having"):
        if (found := select.args.get(clause)) is not None:
            yield found.this
    start = select.args.get("from_")
    nested = start.this.args.get("joins") if start is not None else None
    for join in (*(select.args.get("joins") or ()), *(nested or ())):
        for key in ("on", "match_condition"):
            if (found := join.args.get(key)) is not None:
                yield found


def _read(view: LintedView, block: Block, node: exp.Expr) -> Iterator[_Comparison]:
    if isinstance(node, exp.EQ | exp.NullSafeEQ):
        yield _Comparison(
            columns_with_sources(block, node.this),
            columns_with_sources(block, node.expression),
            True,
        )
    elif isinstance(node, exp.Between):
        yield _ordered(view, block, node.this, node.args["high"])
        yield _ordered(view, block, node.args["low"], node.this)
    elif isinstance(node, tuple(_SIZES)):
        low, high = node.this, node.expression
        yield _ordered(view, block, *((high, low) if _SIZES[type(node)] else (low, high)))


def _ordered(view: LintedView, block: Block, low: exp.Expr, high: exp.Expr) -> _Comparison:
    shifted = _shifts(high, _ADDS) or _shifts(low, _SUBS)
    ahead = shifted and not view.view.available_after and not view.is_shifted
    both_ways = low.find(exp.Abs) is not None or high.find(exp.Abs) is not None
    columns = columns_with_sources(block, low), columns_with_sources(block, high)
    return _Comparison(*columns, ahead=ahead, both_ways=both_ways)


def _shifts(expression: exp.Expr, kinds: tuple[type[exp.Expr], ...]) -> bool:
    """Say whether an interval is added to (or taken from) a column."""
    for node in local(expression):
        if isinstance(node, kinds) and not (
            isinstance(node.this, exp.Column) and isinstance(node.expression, exp.Column)
        ):
            amount = node.expression.sql() if node.expression else ""
            return "-" not in amount and amount.strip("'") != "0"
    return False
