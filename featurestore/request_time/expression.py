"""An expression over features and request fields, as a service declares it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from featurestore.errors import ExpressionRefused
from featurestore.request_time.binding import Binder
from featurestore.request_time.common_types import converted
from featurestore.request_time.decimal_rules import NUMERIC
from featurestore.request_time.families import FLOAT64
from featurestore.request_time.operands import Operand
from featurestore.sql.dialects import grammar
from featurestore.values.types import DataType

__all__ = ["RequestExpression", "bound", "parse_expression"]


@dataclass(frozen=True, slots=True)
class RequestExpression:
    """A parsed expression.

    Attributes:
        name: The name of the on-demand feature.
        text: The expression as it is declared.
        data_type: The type of its values.
        inputs: The names that it reads, in the order of the text.
        tree: The syntax tree; its columns have the exact names of `inputs`.
        dialect: The dialect of the project's warehouse.
        types: The type of each input.
    """

    name: str
    text: str
    data_type: DataType
    inputs: tuple[str, ...]
    tree: exp.Expr
    dialect: str
    types: tuple[DataType, ...]


def parse_expression(
    name: str, text: str, inputs: Mapping[str, DataType], dialect: str
) -> RequestExpression:
    """Return an expression with its type.

    Args:
        name: The name of the on-demand feature, for messages.
        text: The expression in the warehouse's dialect.
        inputs: The type of each feature and request field that it may read.
        dialect: The dialect of the project's warehouse.

    Raises:
        ExpressionRefused: The text is not one expression, reads an unknown name, or has a form that
            the table of forms does not have for the types of its operands.

    >>> from featurestore.values.types import DataType, Kind
    >>> parsed = parse_expression("late", "delay > 15", {"delay": DataType(Kind.FLOAT64)}, "duckdb")
    >>> str(parsed.data_type), parsed.inputs
    ('boolean', ('delay',))
    """
    try:
        tree = _parsed(text, dialect)
        binder = Binder(inputs, dialect)
        operand = _leaving(binder.bind(tree), dialect)
    except ExpressionRefused as error:
        raise ExpressionRefused(
            f"on_demand '{name}': {error.message}", remedy=error.remedy
        ) from None
    except RecursionError:
        raise ExpressionRefused(
            f"on_demand '{name}' is nested too deeply.", remedy="Divide it into several features."
        ) from None
    if operand.is_null:
        raise ExpressionRefused(
            f"on_demand '{name}' is always NULL.", remedy="Cast it: cast(null as bigint)."
        )
    names: dict[str, None] = {}
    for column in tree.find_all(exp.Column, bfs=False):
        own = binder.name_of(column)
        column.this.set("this", own)
        names[own] = None
    types = tuple(inputs[own] for own in names)
    return RequestExpression(name, text, operand.data_type, tuple(names), tree, dialect, types)


def bound(expression: RequestExpression) -> Operand:
    """Return the closures of a parsed expression."""
    types = dict(zip(expression.inputs, expression.types, strict=True))
    operand = Binder(types, expression.dialect).bind(expression.tree)
    return _leaving(operand, expression.dialect)


def _leaving(operand: Operand, dialect: str) -> Operand:
    """Return the result as it leaves the warehouse: a `numeric` without digits as a double."""
    is_numeric = operand.data_type == NUMERIC
    return converted(operand, FLOAT64, dialect) if is_numeric else operand


def _parsed(text: str, dialect: str) -> exp.Expr:
    try:
        trees = [tree for tree in sqlglot.parse(text, read=grammar(dialect)) if tree]
    except SqlglotError as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise ExpressionRefused(
            f"'{text}' does not parse as {dialect}: {reason}.", remedy="Write one SQL expression."
        ) from None
    if len(trees) != 1:
        raise ExpressionRefused(
            f"'{text}' has {len(trees)} statements.", remedy="Write one SQL expression."
        )
    return trees[0]
