"""The comparisons of a block, read as bounds in time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from sqlglot import exp

from featurestore.lint.column_trace import columns_with_sources
from featurestore.lint.linted_view import LintedView
from featurestore.lint.query_blocks import Block, own_nodes

__all__ = ["TimeComparison", "comparisons_in"]

_Columns = list[tuple[str, exp.Column]]
_INEQUALITIES = (exp.LT, exp.LTE, exp.GT, exp.GTE)
_GREATER = (exp.GT, exp.GTE)
_ADDITIONS = (exp.Add, exp.DateAdd, exp.TimestampAdd, exp.DatetimeAdd, exp.TsOrDsAdd)
_SUBTRACTIONS = (exp.Sub, exp.DateSub, exp.TimestampSub, exp.DatetimeSub)


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeComparison:
    """One comparison: the columns of `low` are at most the columns of `high`.

    Attributes:
        low: The columns of the lower side, each with the alias of its source.
        high: The columns of the higher side.
        equal: Whether the two sides are equal.
        ahead: Whether an interval moves the bound past the row's own instant.
        both_ways: Whether a difference is compared without its sign, so that it bounds neither
            direction.
    """

    low: _Columns
    high: _Columns
    equal: bool = False
    ahead: bool = False
    both_ways: bool = False


def comparisons_in(view: LintedView, block: Block) -> tuple[TimeComparison, ...]:
    """Return the comparisons of a block's items, filters and joins."""
    # A view that delays its own timestamp may look ahead. The lint does not compare the lengths,
    # so such a bound counts.
    is_late = view.view.available_after or view.is_shifted
    return block.kept(_without_shifts if is_late else _comparisons)


def _comparisons(block: Block) -> tuple[TimeComparison, ...]:
    nodes = (node for part in _parts(block.select) for node in own_nodes(part))
    return (*(found for node in nodes for found in _read(block, node)), *_using(block))


def _without_shifts(block: Block) -> tuple[TimeComparison, ...]:
    return tuple(replace(one, ahead=False) for one in block.kept(_comparisons))


def _joins(select: exp.Select) -> list[exp.Expr]:
    start = select.args.get("from_")
    nested = start.this.args.get("joins") if start is not None else None
    return [*(select.args.get("joins") or ()), *(nested or ())]


def _using(block: Block) -> Iterator[TimeComparison]:
    """Yield what USING says: each of its columns is equal in the join and in a source before it."""
    for join in _joins(block.select):
        alias = join.this.alias_or_name.lower()
        for name in (one.name.lower() for one in join.args.get("using") or ()):
            for before in _sources_with(block, name, alias):
                yield TimeComparison(
                    low=[(before, exp.column(name, table=before))],
                    high=[(alias, exp.column(name, table=alias))],
                    equal=True,
                )


def _sources_with(block: Block, name: str, before: str) -> list[str]:
    """Return the sources before a join that have a column, or may have it if none surely does."""
    aliases = list(block.sources)
    earlier = aliases[: aliases.index(before)] if before in block.sources else []
    answers = {alias: block.sources[alias].has(name) for alias in earlier}
    sure = [alias for alias, answer in answers.items() if answer]
    return sure[:1] or [alias for alias, answer in answers.items() if answer is None]


def _parts(select: exp.Select) -> Iterator[exp.Expr]:
    # The items too: a `case` or a `filter` of an aggregate also keeps later rows out.
    yield from select.expressions
    for clause in ("where", "qualify", "having"):
        if (found := select.args.get(clause)) is not None:
            yield found.this
    for join in _joins(select):
        for key in ("on", "match_condition"):
            if (found := join.args.get(key)) is not None:
                yield found


def _read(block: Block, node: exp.Expr) -> Iterator[TimeComparison]:
    if isinstance(node, exp.EQ | exp.NullSafeEQ):
        left = columns_with_sources(block, node.this)
        right = columns_with_sources(block, node.expression)
        yield TimeComparison(low=left, high=right, equal=True)
    elif isinstance(node, exp.Between):
        yield _ordered(block, node.this, node.args["high"])
        yield _ordered(block, node.args["low"], node.this)
    elif isinstance(node, _INEQUALITIES):
        sides = (node.this, node.expression)
        low, high = reversed(sides) if isinstance(node, _GREATER) else sides
        yield _ordered(block, low, high)


def _ordered(block: Block, low: exp.Expr, high: exp.Expr) -> TimeComparison:
    return TimeComparison(
        low=columns_with_sources(block, low),
        high=columns_with_sources(block, high),
        ahead=_shifts(high, _ADDITIONS) or _shifts(low, _SUBTRACTIONS),
        both_ways=low.find(exp.Abs) is not None or high.find(exp.Abs) is not None,
    )


def _shifts(expression: exp.Expr, kinds: tuple[type[exp.Expr], ...]) -> bool:
    """Return whether an interval is added to a column, or subtracted from it."""
    for node in own_nodes(expression):
        # `a.t - b.t` is a difference of two times, not a shift by an interval.
        if isinstance(node, kinds) and not (
            isinstance(node.this, exp.Column) and isinstance(node.expression, exp.Column)
        ):
            amount = node.expression.sql() if node.expression else ""
            # A negative interval moves the bound the other way, and a zero does not move it.
            return "-" not in amount and amount.strip("'") != "0"
    return False
