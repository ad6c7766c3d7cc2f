"""Inline an expression in the SQL of a training set."""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp

from featurestore.request_time.expression import RequestExpression
from featurestore.request_time.sql_types import sql_type

__all__ = ["inlined"]


def inlined(expression: RequestExpression, columns: Mapping[str, exp.Expr]) -> exp.Expr:
    """Return the expression over columns of a query.

    Each column is cast to the type that the expression was parsed with, so that a column of another
    type, such as one of an entity frame, does not change the meaning.

    Args:
        expression: The parsed expression.
        columns: The SQL of each input.
    """
    types = dict(zip(expression.inputs, expression.types, strict=True))

    def replaced(node: exp.Expr) -> exp.Expr:
        if not isinstance(node, exp.Column):
            return node
        column, own = columns[node.name].copy(), sql_type(types[node.name])
        return exp.Cast(this=column, to=own) if own else column

    tree = expression.tree.copy()
    for node in tree.walk():
        node.comments = None
    return exp.paren(tree.transform(replaced, copy=False), copy=False)
