"""A bound expression: its type, and the closure that computes it for a whole column at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from featurestore.values.types import DataType, Kind

__all__ = ["NOTHING", "Columns", "Meaning", "Operand", "Run", "constant_operand", "strict"]

Columns = Mapping[str, Sequence[Any]]
Run = Callable[[Columns, int], Sequence[Any]]
"""Compute a column of so many values from the columns of the inputs."""

NOTHING: Final = object()
"""The `constant` of an operand that is not a constant."""


@dataclass(frozen=True, slots=True)
class Operand:
    """An expression whose type and meaning are known.

    Attributes:
        data_type: The type of its values; `Kind.NULL` for a bare NULL.
        run: Computes its column; NULL is None.
        inputs: The names of the inputs that it reads.
        is_total: Whether `run` never raises a `Refusal`.
        constant: The value of a literal; `NOTHING` for others.
        is_literal: Whether the text has a literal here, whose type can adapt to its surroundings.
    """

    data_type: DataType
    run: Run
    inputs: frozenset[str] = frozenset()
    is_total: bool = True
    constant: Any = NOTHING
    is_literal: bool = False

    @property
    def is_null(self) -> bool:
        """Whether the operand is NULL without a type."""
        return self.data_type.kind is Kind.NULL


@dataclass(frozen=True, slots=True)
class Meaning:
    """The result of one form for operands of certain types.

    Attributes:
        data_type: The type of the result.
        row: Computes one value from values that are not NULL; the result is NULL if one of them is.
        column: Computes the column where `row` is not enough, because NULL has a meaning of its own
            or because a part must not be computed for every row.
        is_total: Whether the form itself never raises a `Refusal`.
        operands: The operands as `row` takes them, if they are converted first.
    """

    data_type: DataType
    row: Callable[..., Any] | None = None
    column: Run | None = None
    is_total: bool = True
    operands: Sequence[Operand] | None = None

    def of(self, operands: Sequence[Operand]) -> Operand:
        """Return the expression of this meaning over operands."""
        run = self.column or strict(self.row, self.operands or operands)  # type: ignore[arg-type]
        return Operand(
            self.data_type,
            run,
            frozenset().union(*(operand.inputs for operand in operands)),
            self.is_total and all(operand.is_total for operand in operands),
        )


def constant_operand(data_type: DataType, value: Any, *, is_literal: bool = False) -> Operand:
    """Return an operand that has the same value in every row."""
    return Operand(
        data_type, lambda _, count: [value] * count, constant=value, is_literal=is_literal
    )


def strict(row: Callable[..., Any], operands: Sequence[Operand]) -> Run:
    """Return the column of a function that is NULL where an argument is NULL.

    One and two arguments, and a constant second one, are nearly all calls: they pay for no tuple.
    """
    runs = [operand.run for operand in operands]
    if any(operand.constant is None for operand in operands):
        return lambda _, count: [None] * count
    if len(runs) == 1:
        return _of_one(row, runs[0])
    if len(runs) == 2:  # noqa: PLR2004
        last = operands[1].constant
        if last is not NOTHING:
            return _of_one_and_constant(row, runs[0], last)
        return _of_two(row, *runs)
    return lambda columns, count: [
        None if None in values else row(*values)
        for values in zip(*(run(columns, count) for run in runs), strict=True)
    ]


def _of_one(row: Callable[..., Any], run: Run) -> Run:
    return lambda columns, count: [None if x is None else row(x) for x in run(columns, count)]


def _of_one_and_constant(row: Callable[..., Any], run: Run, last: Any) -> Run:
    return lambda columns, count: [None if x is None else row(x, last) for x in run(columns, count)]


def _of_two(row: Callable[..., Any], left: Run, right: Run) -> Run:
    return lambda columns, count: [
        None if x is None or y is None else row(x, y)
        for x, y in zip(left(columns, count), right(columns, count), strict=True)
    ]
