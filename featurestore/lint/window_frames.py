"""Window functions: their function, their frame and the WINDOW clause."""

from __future__ import annotations

from sqlglot import exp

from featurestore.lint.query_blocks import Block, TraceStep

__all__ = [
    "frame_sides",
    "full_window",
    "is_of_current_row",
    "is_past_window",
    "named_window",
    "window_function",
]


def named_window(block: Block, window: exp.Window) -> exp.Window | None:
    """Return the definition in the WINDOW clause of a window that is used by name."""
    name = window.args.get("alias")
    if name is None:
        return None
    for known in block.select.args.get("windows") or ():
        if known.name.lower() == name.name.lower():
            return known if known is not window else None
    return None


def full_window(block: Block, window: exp.Window) -> exp.Window:
    """Return a window's definition: its own, or that of the WINDOW clause."""
    return named_window(block, window) or window


def window_function(window: exp.Window) -> exp.Expr:
    """Return the function of a window without FILTER, IGNORE NULLS and the like.

    >>> from sqlglot import parse_one
    >>> window = parse_one("sum(x) filter (where y) over ()")
    >>> window_function(window).sql()
    'SUM(x)'
    """
    node: exp.Expr = window.this
    while isinstance(node, exp.Filter | exp.IgnoreNulls | exp.RespectNulls | exp.WithinGroup):
        node = node.this
    return node


def frame_sides(window: exp.Window) -> tuple[str, str]:
    """Return where a frame starts and ends: `past`, `now` or `future`, in the rows' order.

    >>> from sqlglot import parse_one
    >>> frame_sides(parse_one("sum(x) over (order by t rows between 2 preceding and 1 following)"))
    ('past', 'future')
    >>> frame_sides(parse_one("sum(x) over (order by t)"))
    ('past', 'now')
    >>> frame_sides(parse_one("sum(x) over ()"))
    ('past', 'future')
    """
    spec = window.args.get("spec")
    if spec is None:
        # The SQL standard: up to the current row with ORDER BY, the whole partition without.
        return ("past", "now") if window.args.get("order") else ("past", "future")
    # `rows 3 preceding` names no end: it ends at the current row.
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
    """Return whether a window excludes its own row and only looks back.

    >>> from sqlglot import parse_one
    >>> is_past_window(parse_one("lag(x) over (order by t)"))
    True
    >>> frame = "rows between 7 preceding and 1 preceding"
    >>> is_past_window(parse_one(f"sum(x) over (order by t {frame})"))
    True
    """
    if isinstance(window_function(window), exp.Lag):
        return True
    return window.args.get("spec") is not None and frame_sides(window)[1] == "past"


def is_of_current_row(step: TraceStep) -> bool:
    """Return whether an expression uses values of its own row, not of earlier rows alone."""
    return not any(
        isinstance(node, exp.Window) and is_past_window(node)
        for node in step.block.nodes(step.expression)
    )
