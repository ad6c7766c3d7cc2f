"""The pieces that clocks and sort keys are made of."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from featurestore.sql.dialects.record import SortKeys

__all__ = [
    "at_utc",
    "call",
    "cast_to",
    "date_text_as",
    "nan_first",
    "text_as",
    "utc",
    "utc_text_as",
    "written_by",
]


def call(name: str, *arguments: exp.Expr) -> exp.Expr:
    """Return a call by exactly this name, which sqlglot neither knows nor translates."""
    return exp.Anonymous(this=name, expressions=list(arguments))


def cast_to(data_type: str) -> Callable[[exp.Expr], exp.Expr]:
    """Return a function that casts an expression to a type."""
    return lambda node: exp.cast(node, exp.DataType.build(data_type))


def text_as(data_type: str) -> Callable[[str], exp.Expr]:
    """Return a function that writes a text as a literal of a type."""
    return lambda text: cast_to(data_type)(exp.Literal.string(text))


def date_text_as(data_type: str) -> Callable[[str], exp.Expr]:
    """Return a function that writes the day of a timestamp's text as a literal of a type."""
    return lambda text: text_as(data_type)(text[: len("2024-01-01")])


def utc_text_as(data_type: str) -> Callable[[str], exp.Expr]:
    """Return a function that writes the text of a naive timestamp in UTC with its offset."""
    return lambda text: text_as(data_type)(f"{text}+00:00")


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
