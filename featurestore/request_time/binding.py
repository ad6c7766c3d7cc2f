"""Bind an expression: find the form of each node in the table, from the leaves to the root."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlglot import exp

from featurestore.errors import ExpressionRefused, did_you_mean
from featurestore.request_time.decimal_rules import EXACT, NUMERIC, decimal
from featurestore.request_time.families import (
    BOOLEAN,
    FLOAT64,
    INT32,
    INT64,
    NULL,
    STRING,
)
from featurestore.request_time.form import Call
from featurestore.request_time.operands import Operand, constant_operand
from featurestore.request_time.refusals import refused_form, refused_node
from featurestore.request_time.table import FORMS_OF
from featurestore.values.types import DataType, Kind

__all__ = ["Binder"]


@dataclass(frozen=True, slots=True)
class Binder:
    """The surroundings of an expression.

    Attributes:
        inputs: The type of each name that the expression may read.
        dialect: The dialect of the project's warehouse.
    """

    inputs: Mapping[str, DataType]
    dialect: str

    def bind(self, node: exp.Expr) -> Operand:
        """Return the meaning of a node.

        Raises:
            ExpressionRefused: The table has no form for the node and the types of its operands.
        """
        if isinstance(node, exp.Paren):
            return self.bind(node.this)
        if isinstance(node, exp.Column):
            return self._column(node)
        literal = self._literal(node)
        return literal if literal is not None else self._form(node)

    def name_of(self, node: exp.Column) -> str:
        """Return the input that a column means; the case counts only where it decides."""
        name = node.name
        if name in self.inputs:
            return name
        same = [known for known in self.inputs if known.lower() == name.lower()]
        if len(same) == 1 and not node.this.quoted:
            return same[0]
        raise ExpressionRefused(
            f"Unknown name '{name}'.",
            remedy=did_you_mean(name, self.inputs) or f"Known: {', '.join(sorted(self.inputs))}.",
        )

    def _column(self, node: exp.Column) -> Operand:
        if node.table:
            raise ExpressionRefused(
                f"'{node.sql(self.dialect)}' has a table's name.", remedy=f"Write '{node.name}'."
            )
        name = self.name_of(node)
        return Operand(self.inputs[name], lambda columns, _: columns[name], frozenset([name]))

    def _literal(self, node: exp.Expr) -> Operand | None:
        if isinstance(node, exp.Null):
            return constant_operand(NULL, None)
        if isinstance(node, exp.Boolean):
            return constant_operand(BOOLEAN, node.this)
        if isinstance(node, exp.Neg) and isinstance(node.this, exp.Literal):
            # -9223372036854775808 is an integer, though 9223372036854775808 is not.
            return self._number(f"-{node.this.this}") if not node.this.is_string else None
        if not isinstance(node, exp.Literal):
            return None
        return (
            constant_operand(STRING, node.this, is_literal=True)
            if node.is_string
            else self._number(node.this)
        )

    def _number(self, text: str) -> Operand:
        value: Any
        data_type: DataType
        if text.lstrip("-").isdigit():
            value, data_type = int(text), _integer_type(int(text), self.dialect)
        elif "e" in text.lower() and self.dialect != "postgres":
            value, data_type = float(text), FLOAT64
        else:
            # A number without an exponent: 1e3 has no digits after the point.
            value = EXACT.add(Decimal(text), 0)
            data_type = _decimal_type(value, self.dialect)
        return constant_operand(data_type, value, is_literal=True)

    def _form(self, node: exp.Expr) -> Operand:
        forms = FORMS_OF.get(type(node))
        if forms is None:
            raise refused_node(node, self.dialect)
        if not _flags_of(node) <= _FLAGS.get(type(node), _NO_FLAGS):
            raise refused_form(node, (), (), self.dialect)
        operands: list[Operand] = []
        bound: dict[tuple[int, ...], list[Operand]] = {}
        for form in forms:
            parts = form.parts(node)
            if parts is None or self.dialect not in form.dialects:
                continue
            place = tuple(map(id, parts))
            operands = bound.get(place) or bound.setdefault(place, [*map(self.bind, parts)])
            if form.fits(operands):
                meaning = form.meaning(Call(operands, node, self.dialect))
                if meaning is not None:
                    return meaning.of(operands)
        raise refused_form(node, forms, operands, self.dialect)


_NO_FLAGS: frozenset[str] = frozenset()
_FLAGS: dict[type[exp.Expr], frozenset[str]] = {
    exp.Between: frozenset(["symmetric"]),
    exp.Cast: frozenset(["safe"]),
    exp.Concat: frozenset(["safe", "coalesce"]),
    exp.DPipe: frozenset(["safe"]),
    exp.Div: frozenset(["safe", "typed"]),
    exp.Greatest: frozenset(["ignore_nulls"]),
    exp.Least: frozenset(["ignore_nulls"]),
    exp.Like: frozenset(["negate"]),
    exp.Trim: frozenset(["position"]),
    exp.TryCast: frozenset(["safe"]),
}
"""The switches of nodes that the parser sets, and that the forms know. Another one is refused."""


def _flags_of(node: exp.Expr) -> set[str]:
    """Return the arguments of a node that are set and are not expressions."""
    return {
        name
        for name, part in node.args.items()
        if part and not isinstance(part, exp.Expr | list) and name != "_type"
    }


def _integer_type(value: int, dialect: str) -> DataType:
    if -(1 << 31) <= value < 1 << 31:
        return INT32
    if -(1 << 63) <= value < 1 << 63:
        return INT64
    # DuckDB makes an integer of 128 bits of it.
    huge = dialect == "duckdb"
    return DataType(Kind.INT128) if huge else _decimal_type(Decimal(value), dialect)


def _decimal_type(value: Decimal, dialect: str) -> DataType:
    if dialect == "postgres":
        return NUMERIC
    _, digits, exponent = value.as_tuple()
    scale = max(-int(exponent), 0)
    return decimal(max(len(digits), scale + (dialect == "duckdb")), scale)
