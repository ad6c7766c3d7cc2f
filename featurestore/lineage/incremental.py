"""The rows that an incremental run takes, apart from what the model computes."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

__all__ = ["without_own_rows"]


def without_own_rows(tree: exp.Expr, is_own: Callable[[exp.Table], bool]) -> exp.Expr:
    """Drop the conditions that ask a model's own table which rows are new.

    dbt compiles them where the table is there and leaves them out where it is not, such as in the
    schema of a pull request: they say what a run adds, and not what a row is.

    Args:
        tree: The compiled SQL, which is changed.
        is_own: Says whether a table is the model's own.

    >>> from sqlglot import parse_one
    >>> sql = "select a from t where b and c > (select max(c) from this)"
    >>> without_own_rows(parse_one(sql), lambda table: table.name == "this").sql()
    'SELECT a FROM t WHERE b'
    """
    own = {cte.alias for cte in tree.find_all(exp.CTE) if _all(cte.this, is_own)}

    def asks(condition: exp.Expr) -> bool:
        tables = condition.find_all(exp.Table)
        return any(is_own(t) or (t.name in own and not t.db) for t in tables)

    for where in list(tree.find_all(exp.Where)):
        parts = list(where.this.flatten()) if isinstance(where.this, exp.And) else [where.this]
        kept = [part for part in parts if not asks(part)]
        if not kept:
            where.pop()
        elif len(kept) < len(parts):
            where.set("this", exp.and_(*kept, copy=False))
    return tree


def _all(query: exp.Expr, is_own: Callable[[exp.Table], bool]) -> bool:
    tables = list(query.find_all(exp.Table))
    return bool(tables) and all(map(is_own, tables))
