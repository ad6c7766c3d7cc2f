"""The items of a SELECT: their names, and the modifiers of a star."""

from __future__ import annotations

from sqlglot import exp

__all__ = ["is_star", "left_out", "output_name", "replacements"]


def is_star(item: exp.Expr) -> bool:
    """Return whether an item is `*` or `t.*`."""
    return isinstance(item, exp.Star) or (
        isinstance(item, exp.Column) and isinstance(item.this, exp.Star)
    )


def output_name(item: exp.Expr) -> str:
    """Return the name of an item's column in lower case; `*` for a star."""
    return "*" if is_star(item) else item.alias_or_name.lower()


def left_out(star: exp.Expr) -> set[str]:
    """Return the names that `* except (...)` leaves out.

    >>> from sqlglot import parse_one
    >>> left_out(parse_one("select * except (A) from t", dialect="bigquery").expressions[0])
    {'a'}
    """
    return {item.name.lower() for item in _modifiers(star).args.get("except_") or ()}


def replacements(star: exp.Expr) -> list[exp.Alias]:
    """Return the columns that `* replace (...)` and `* rename (...)` compute or rename."""
    body = _modifiers(star)
    given = [*(body.args.get("replace") or ()), *(body.args.get("rename") or ())]
    return [item for item in given if isinstance(item, exp.Alias)]


def _modifiers(star: exp.Expr) -> exp.Expr:
    body: exp.Expr = star.this if isinstance(star, exp.Column) else star
    return body
