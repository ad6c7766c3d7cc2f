"""One row of the table of forms: a sqlglot node, the types of its operands, and its meaning."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlglot import exp

from featurestore.request_time.families import Family, family
from featurestore.request_time.operands import Meaning, Operand

__all__ = [
    "EVERY",
    "EXECUTED",
    "ON_DUCKDB",
    "ON_POSTGRES",
    "ON_SPARK",
    "STANDARD",
    "VENDORS",
    "Call",
    "Form",
    "MeaningOf",
    "arguments",
]

ON_DUCKDB = "duckdb"
ON_POSTGRES = "postgres"
ON_SPARK = "spark"
EXECUTED = (ON_DUCKDB, ON_POSTGRES, ON_SPARK)
"""The dialects whose engines run in the tests of this table."""
VENDORS = ("databricks", "redshift", "snowflake", "bigquery", "trino", "clickhouse")
"""Dialects that cannot run here. They have the forms on which the three agree and the vendor's
manual too."""
EVERY = (*EXECUTED, *VENDORS)
STANDARD = tuple(name for name in EVERY if name != "clickhouse")
"""Those in which a comparison with NULL is NULL in IN and CASE too."""
"""Those, and the dialects of vendors whose manuals say the same."""


def arguments(*names: str) -> Callable[[exp.Expr], list[exp.Expr] | None]:
    """Return a function that reads operands from arguments of a node.

    It returns None for a node that has another argument, or lacks one.
    """

    def read(node: exp.Expr) -> list[exp.Expr] | None:
        found = {name: part for name, part in node.args.items() if isinstance(part, exp.Expr)}
        more = any(isinstance(part, list) and part for part in node.args.values())
        # An interval has a meaning only beside an instant, which has forms of its own.
        more = more or any(isinstance(part, exp.Interval) for part in found.values())
        return [found[name] for name in names] if set(found) == set(names) and not more else None

    return read


_BOTH = arguments("this", "expression")


@dataclass(frozen=True, slots=True)
class Call:
    """A use of a form: its operands, its node, and the dialect of the warehouse."""

    operands: Sequence[Operand]
    node: exp.Expr
    dialect: str


MeaningOf = Callable[[Call], Meaning | None]


@dataclass(frozen=True, slots=True)
class Form:
    """A form that an expression may have, and its meaning.

    Attributes:
        node: The sqlglot node that the parser makes of it.
        written: How a user writes it.
        takes: The families of its operands; a `Family` that ends the tuple with `repeats` takes
            all further operands.
        meaning: Returns the result for operands of these families; None if it has no result for
            their exact types.
        dialects: The dialects in which the form has this meaning.
        note: What a user must know about it.
        parts: Reads the operands from the node; None if the node is of another form.
        repeats: Whether any number of operands of the last family follows.
        takes_null: Whether a bare NULL may be an operand.
        gives: The type of the result, for the documentation.
    """

    node: type[exp.Expr]
    written: str
    takes: tuple[Family, ...]
    meaning: MeaningOf
    gives: str
    dialects: tuple[str, ...] = EXECUTED
    note: str = ""
    parts: Callable[[exp.Expr], list[exp.Expr] | None] = _BOTH
    repeats: bool = False
    takes_null: bool = False

    def fits(self, operands: Sequence[Operand]) -> bool:
        """Return whether the operands are of the families that the form takes."""
        takes = self.takes
        if self.repeats:
            takes += self.takes[-1:] * (len(operands) - len(takes))
        return len(takes) == len(operands) and all(
            self._takes(family(operand.data_type), taken)
            for operand, taken in zip(operands, takes, strict=True)
        )

    def _takes(self, given: Family, taken: Family) -> bool:
        if given is Family.NULL:
            return self.takes_null
        if taken is Family.NUMBER:
            return given in (Family.INTEGER, Family.DECIMAL, Family.FLOAT)
        return taken in (given, Family.ANY)
