"""The pieces that clocks and sort keys are made of."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from featurestore.sql.dialects.record import SortKeys

__all__ = ["at_utc", "call", "cast_to", "nan_first", "utc", "written_by"]


def call(name: str, *arguments: exp.Expr) -> exp.Expr:
    """Return a call by exactly this name, which sqlglot neither knows nor translates."""
    return exp.Anonymous(this=name, expressions=list(arguments))


def cast_to(data_type: str) -> Callable[[exp.Expr], exp.Expr]:
    """Return a function that casts an expression to a type."""
    return lambda node: exp.cast(node, exp.DataType.build(data_type))


def utc() -> exp.Expr:
    """Return the name of the zone as a literal."""
    return exp.Literal.string("UTC")


def at_utc(node: exp.Expr) -> exp.Expr:
    """Convert between a timestamp with a zone and one without, in either direction."""
    return exp.AtTimeZone(this=node, zone=utc())


def written_by(function: str) -> SortKeys:
    """Sort by the text that a function writes, for types that the engine cannot sort."""
    return lambda node: [call(function, node)]


def nan_first(function: str) -> SortKeys:
    """Sort NaN above all numbers, as most engines do, by a function that recognises it."""
    return lambda node: [call(function, node), node.copy()]
