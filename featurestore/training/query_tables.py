"""The tables that a query of entity rows reads."""

from __future__ import annotations

from itertools import takewhile

from sqlglot import exp

from featurestore.lineage.name_rules import NameRules

__all__ = ["tables_of"]


def tables_of(query: exp.Expr, names: NameRules) -> list[exp.Table]:
    """Return the tables that a query reads, as nodes of its tree.

    Args:
        query: The query.
        names: How the warehouse compares names.

    >>> from sqlglot import parse_one
    >>> query = parse_one("WITH a AS (SELECT * FROM a) SELECT * FROM A, s.a, f(1)", "duckdb")
    >>> [table.sql() for table in tables_of(query, NameRules("duckdb"))]
    ['s.a', 'a']
    """
    return [
        table
        for table in query.find_all(exp.Table)
        if isinstance(table.this, exp.Identifier) and not _is_cte(table, names)
    ]


def _is_cte(table: exp.Table, names: NameRules) -> bool:
    """Return whether a CTE that is visible at a table's place hides the table."""
    if table.db:
        return False
    name = names.normalize(table.this)
    inner: exp.Expr = table
    while (outer := inner.parent) is not None:
        if any(names.normalize(cte.args["alias"].this) == name for cte in _visible(outer, inner)):
            return True
        inner = outer
    return False


def _visible(outer: exp.Expr, inner: exp.Expr) -> list[exp.CTE]:
    """Return the CTEs that one of a node's children sees because of the node itself."""
    if isinstance(outer, exp.With):
        before = list(takewhile(lambda cte: cte is not inner, outer.expressions))
        return [*before, inner] if outer.recursive and isinstance(inner, exp.CTE) else before
    with_ = outer.args.get("with_")
    return [] if with_ is None or with_ is inner else list(with_.expressions)
