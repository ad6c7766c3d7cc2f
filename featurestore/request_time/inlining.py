"""Inline an expression in the SQL of a training set."""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp

from featurestore.request_time.expression import RequestExpression
from featurestore.request_time.form import EXECUTED, ON_POSTGRES
from featurestore.request_time.sql_types import type_node
from featurestore.values.types import Kind

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
        column, own = columns[node.name].copy(), type_node(types[node.name])
        return exp.Cast(this=column, to=own) if own else column

    tree = expression.tree.copy()
    for node in tree.walk():
        node.comments = None
    tree = tree.transform(replaced, copy=False)
    if not _keeps_its_type(expression):
        return exp.Cast(this=tree, to=type_node(expression.data_type))
    return exp.paren(tree, copy=False)


def _keeps_its_type(expression: RequestExpression) -> bool:
    """Return whether the warehouse gives the result the type that the expression was parsed to.

    PostgreSQL forgets the digits of a decimal. The types of warehouses that do not run in the
    tests are not proven.
    """
    if expression.dialect == ON_POSTGRES:
        return expression.data_type.kind not in (Kind.DECIMAL, Kind.FLOAT64)
    return expression.dialect in EXECUTED
