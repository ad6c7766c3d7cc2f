"""FS001 and FS002: windows that reach, or mix in, rows that come later."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sqlglot import exp

from featurestore.lint.linted_view import Found, LintedView, bare, named_window
from featurestore.lint.query_blocks import Block, TraceStep, columns_in, local

__all__ = ["frame_end", "future_windows", "is_past_window", "unordered_windows"]

_RANKS = (exp.RowNumber, exp.Rank, exp.DenseRank, exp.Ntile)
_SHARES = (exp.PercentRank, exp.CumeDist, exp.Ntile)
_PICKS = (exp.RowNumber, exp.Rank, exp.DenseRank)
_FIRSTS = (exp.FirstValue, exp.First)
_LASTS = (exp.LastValue, exp.Last)


def future_windows(view: LintedView) -> Iterator[Found]:
    """Yield each window that a feature or a filter needs, and that looks ahead."""
    for block, window in _needed(view):
        if _by_instant(view, block, window):
            continue
        why = _looks_ahead(view, block, window)
        if why and (_feeds_feature(view, window) or not _is_pick(window)):
            yield Found(window, why)


def unordered_windows(view: LintedView) -> Iterator[Found]:
    """Yield each aggregate over a whole partition in which later rows lie."""
    for block, window in _needed(view):
        function = function_of(window)
        full = named_window(block, window) or window
        if (
            isinstance(function, exp.AggFunc)
            and not isinstance(function, (*_RANKS, exp.Lead, exp.Lag, *_FIRSTS, *_LASTS, exp.Min))
            and full.args.get("order") is None
            and not _by_instant(view, block, window)
            and not _ends_there(view, block, full)
            and _has_events(view, block)
        ):
            keys = ", ".join(key.sql() for key in full.args.get("partition_by") or ())
            yield Found(window, f"it takes all rows{f' of one {keys}' if keys else ''}")


def function_of(window: exp.Window) -> exp.Expr:
    """Return the function of a window, without what is wrapped around it.

    >>> from sqlglot import parse_one
    >>> window = parse_one("sum(x) filter (where y) over ()")
    >>> function_of(window).sql()
    'SUM(x)'
    """
    node: exp.Expr = window.this
    while isinstance(node, exp.Filter | exp.IgnoreNulls | exp.RespectNulls | exp.WithinGroup):
        node = node.this
    return node


def frame_end(window: exp.Window) -> tuple[str, str]:
    """Return the start and the end of a frame: `past`, `now` or `future`, as the rows are sorted.

    >>> from sqlglot import parse_one
    >>> frame_end(parse_one("sum(x) over (order by t rows between 2 preceding and 1 following)"))
    ('past', 'future')
    >>> frame_end(parse_one("sum(x) over (order by t)")), frame_end(parse_one("sum(x) over ()"))
    (('past', 'now'), ('past', 'future'))
    """
    spec = window.args.get("spec")
    if spec is None:
        return ("past", "now") if window.args.get("order") else ("past", "future")
    return _side(spec, "start", "past"), _side(spec, "end", "now")


def _side(spec: exp.Expr, which: str, default: str) -> str:
    value, side = spec.args.get(which), str(spec.args.get(f"{which}_side") or "").upper()
    if value is None:
        return default
    if (isinstance(value, str) and value.upper() == "CURRENT ROW") or _is_zero(value):
        return "now"
    return {"PRECEDING": "past", "FOLLOWING": "future"}.get(side, default)


def _is_zero(value: str | exp.Expr) -> bool:
    return isinstance(value, exp.Literal) and value.this == "0"


def is_past_window(window: exp.Window) -> bool:
    """Say whether a window leaves its own row out, and looks back only.

    >>> from sqlglot import parse_one
    >>> is_past_window(parse_one("lag(x) over (order by t)"))
    True
    >>> frame = "rows between 7 preceding and 1 preceding"
    >>> is_past_window(parse_one(f"sum(x) over (order by t {frame})"))
    True
    """
    if isinstance(function_of(window), exp.Lag):
        return True
    return window.args.get("spec") is not None and frame_end(window)[1] == "past"


def _looks_ahead(view: LintedView, block: Block, window: exp.Window) -> str:
    """Say how a window looks ahead; nothing if it does not."""
    function = function_of(window)
    full = _written_out(block, window)
    if isinstance(function, _SHARES):
        return "it counts all rows of its partition"
    order = full.args.get("order")
    descending = order is not None and _descending(view, block, order)
    if isinstance(function, exp.Lead | exp.Lag):
        ahead = isinstance(function, exp.Lead) != _is_negative(function)
        return "it takes a value of a later row" if ahead != descending else ""
    if isinstance(function, _PICKS):
        return "it counts the later rows" if descending else ""
    if order is None and full.args.get("spec") is None:
        return ""
    return _frame_ahead(function, frame_end(full), descending=descending)


def _frame_ahead(function: exp.Expr, frame: tuple[str, str], *, descending: bool) -> str:
    future = "past" if descending else "future"
    if isinstance(function, _FIRSTS):
        return "it takes the value of the last row" if frame[0] == future else ""
    if isinstance(function, _LASTS):
        return "it takes the value of the last row" if frame[1] == future else ""
    if future not in frame:
        return ""
    return "its frame comes from the last row" if descending else "its frame ends behind the row"


def _written_out(block: Block, window: exp.Window) -> exp.Window:
    """Return a window with what the WINDOW clause says of it, its own frame kept."""
    named = named_window(block, window)
    if named is None:
        return window
    if window.args.get("spec") is None:
        return named
    whole = named.copy()
    whole.set("spec", window.args["spec"].copy())
    return whole


def _is_negative(function: exp.Expr) -> bool:
    return isinstance(function.args.get("offset"), exp.Neg)


def _descending(view: LintedView, block: Block, order: exp.Expr) -> bool:
    """Say whether rows are sorted from late to early; what is no time counts as early to late."""
    first = order.expressions[0]
    return bool(first.args.get("desc")) and any(
        view.maybe_time(block, column) for column in columns_in(first)
    )


def _by_instant(view: LintedView, block: Block, window: exp.Window) -> bool:
    """Say whether the rows of a partition are all of one instant."""
    full = named_window(block, window) or window
    return any(
        view.maybe_time(block, column)
        for key in full.args.get("partition_by") or ()
        for column in columns_in(key)
    )


def _ends_there(view: LintedView, block: Block, window: exp.Window) -> bool:
    """Say whether the event timestamp is the greatest time of the same partition."""
    keys = {key.sql() for key in window.args.get("partition_by") or ()}
    ends = (bare(step.expression) for step in view.event_steps if step.block is block)
    return any(
        isinstance(end, exp.Window)
        and isinstance(function_of(end), exp.Max)
        and {key.sql() for key in end.args.get("partition_by") or ()} == keys
        for end in ends
    )


def _has_events(view: LintedView, block: Block) -> bool:
    tables = {t for source in block.sources.values() for t in view.tables_under(source)}
    return any(view.is_event_table(table) for table in tables)


def _needed(view: LintedView) -> Iterator[tuple[Block, exp.Window]]:
    """Yield the windows that a feature is made of, or that choose rows."""
    seen = set()
    for step in (*view.feature_steps, *_filters(view)):
        for node in local(step.expression):
            if isinstance(node, exp.Window) and id(node) not in seen:
                seen.add(id(node))
                yield step.block, node


def _feeds_feature(view: LintedView, window: exp.Window) -> bool:
    return any(node is window for step in view.feature_steps for node in local(step.expression))


def _is_pick(window: exp.Window) -> bool:
    return isinstance(function_of(window), _PICKS)


def _filters(view: LintedView) -> Iterable[TraceStep]:
    """Yield the conditions that choose rows, and what their columns stand for.

    A column that is compared with another by size is the end of a validity, and no leak.
    """
    for block in view.blocks:
        for clause in ("where", "qualify", "having"):
            condition = block.select.args.get(clause)
            if condition is None:
                continue
            bounds = {id(c) for pair in _compared(condition) for c in pair}
            names = {c.sql() for pair in _compared(condition) for c in pair}
            yield TraceStep(block, condition.this)
            free = [
                origin
                for column in columns_in(condition)
                if id(column) not in bounds and column.sql() not in names
                for _, origin in block.resolve(column)
            ]
            yield from view.reach(free)


def _compared(condition: exp.Expr) -> Iterator[list[exp.Column]]:
    kinds = (exp.LT, exp.LTE, exp.GT, exp.GTE, exp.Between)
    for node in local(condition):
        columns = list(columns_in(node)) if isinstance(node, kinds) else []
        if len(columns) > 1:
            yield columns
