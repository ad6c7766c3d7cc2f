"""The types in which values leave the warehouse, the same at every exit.

Frames, files, tables, dbt models and the online store all read one outermost SELECT, and its casts
are written here. So no exit depends on what a driver or a file format makes of a type that it
lacks: DuckDB's Parquet writer, for one, rounds HUGEINT to DOUBLE.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from sqlglot import exp

from featurestore.sql.dialects import dialect_record, spell_type
from featurestore.sql.dialects.record import Exit
from featurestore.values.type_spellings import UnknownType, parse_type, without_sizes
from featurestore.values.types import DataType, Kind

__all__ = ["as_lists", "at_exit", "exit_type", "joined_type", "recast_to", "spelled_type"]

_WORDS = {
    Kind.INT8: "tinyint",
    Kind.INT16: "smallint",
    Kind.INT32: "int",
    Kind.INT64: "bigint",
    Kind.INT128: "int128",
    Kind.UINT8: "utinyint",
    Kind.UINT16: "usmallint",
    Kind.UINT32: "uint",
    Kind.UINT64: "ubigint",
    Kind.UINT128: "uhugeint",
    Kind.FLOAT32: "float",
    Kind.FLOAT64: "double",
    Kind.STRING: "varchar",
    Kind.BYTES: "varbinary",
}
# The types in the text of a struct or a map. A name in quotes, or before a type, is a field's.
_PARTS = re.compile(
    r"\"(?:[^\"]|\"\")*\"|ENUM\((?:'(?:[^']|'')*'|[, ])+\)|\b[A-Z][A-Z0-9_]*(?=[,)\[]|$)"
)


def exit_type(data_type: DataType, dialect: str) -> DataType:
    """Return the type that a value of a column has outside of the warehouse.

    >>> print(exit_type(parse_type("HUGEINT[]"), "duckdb"), exit_type(parse_type("UUID"), "duckdb"))
    array<decimal(38,0)> string
    >>> print(exit_type(parse_type("STRUCT(a HUGEINT)"), "duckdb"))
    STRUCT(a decimal(38, 0))
    """
    exits = dialect_record(dialect).exits
    if data_type.element is not None:
        return replace(data_type, element=exit_type(data_type.element, dialect))
    if data_type.kind is Kind.OTHER and exits:
        text = _PARTS.sub(lambda part: _part(part[0], dialect), _text(data_type))
        return replace(data_type, text=text)
    found = exits.get(data_type.variant)
    return found.data_type if found else data_type


def _text(data_type: DataType) -> str:
    return data_type.text or ""


def _part(word: str, dialect: str) -> str:
    try:
        own = parse_type(word, dialect)
    except UnknownType:
        return word
    outside = exit_type(own, dialect) if own.kind is not Kind.OTHER else own
    return word if outside == own else spelled_type(outside, dialect)


def spelled_type(data_type: DataType, dialect: str) -> str:
    """Return a type as a dialect writes it, in lower case.

    >>> spelled_type(parse_type("FLOAT[3]"), "duckdb")
    'real[3]'
    """
    if data_type.element is not None:
        return f"{spelled_type(data_type.element, dialect)}[{data_type.size or ''}]"
    if data_type.kind is Kind.OTHER:
        return _text(data_type)
    return spell_type(_WORDS.get(data_type.kind, str(data_type)), dialect)


def as_lists(data_type: DataType) -> DataType:
    """Return a type with lists in place of arrays of a fixed size.

    >>> print(as_lists(parse_type("FLOAT[3][2]")))
    array<array<float32>>
    """
    if data_type.element is not None:
        return replace(data_type, element=as_lists(data_type.element), size=None)
    if data_type.kind is Kind.OTHER:
        return replace(data_type, text=without_sizes(_text(data_type)))
    return data_type


def joined_type(data_type: DataType, dialect: str) -> DataType:
    """Return the type in which a column passes the outer join of a training set."""
    return as_lists(data_type) if dialect_record(dialect).outer_joins_spoil_arrays else data_type


def recast_to(
    node: exp.Expr, source: DataType, target: DataType, dialect: str, *, safe: bool = False
) -> exp.Expr:
    """Return an expression in another type; the expression itself if the types are the same.

    Args:
        node: The expression.
        source: Its type.
        target: The type to cast to.
        dialect: The warehouse's dialect.
        safe: Whether a value that the type cannot hold becomes NULL, instead of an error.
    """
    if source == target:
        return node
    grammar = dialect_record(dialect).grammar
    spelled = exp.DataType.build(spelled_type(target, dialect), dialect=grammar)
    return (exp.TryCast if safe else exp.Cast)(this=node, to=spelled)


def at_exit(
    node: exp.Expr,
    data_type: DataType | None,
    dialect: str,
    name: str,
    row: Mapping[str, exp.Expr],
    *,
    joined: bool = False,
    lists: bool = False,
) -> exp.Expr:
    """Return a column as it leaves the warehouse.

    Args:
        node: The column.
        data_type: Its type; None if it is unknown.
        dialect: The warehouse's dialect.
        name: The column's name outside, for the error about a value that has no form there.
        row: The columns that identify a row in that error, by name.
        joined: Whether the column comes from the outer join, where it has its `joined_type`.
        lists: Whether arrays of a fixed size leave as lists.
    """
    if data_type is None:
        return node
    source = joined_type(data_type, dialect) if joined else data_type
    outside = exit_type(data_type, dialect)
    cast = recast_to(node, source, as_lists(outside) if lists else outside, dialect)
    refused = _refused(node, data_type, dialect_record(dialect).exits, 1)
    if refused is None:
        return cast
    error = _error(name, node, outside, row)
    return exp.Case().when(refused, error, copy=False).else_(cast, copy=False)


def _refused(
    node: exp.Expr, data_type: DataType, exits: Mapping[str, Exit], depth: int
) -> exp.Expr | None:
    """Return the condition that a value has no form outside; None if every value has one."""
    if data_type.element is None:
        found = exits.get(data_type.variant)
        return found.refused(node.copy()) if found and found.refused else None
    element = exp.to_identifier(f"e{depth}")
    inner = _refused(exp.Column(this=element), data_type.element, exits, depth + 1)
    if inner is None:
        return None
    found_elements = exp.Comprehension(
        this=exp.Column(this=element.copy()),
        expression=element.copy(),
        iterator=node.copy(),
        condition=inner,
    )
    return exp.Anonymous(this="LEN", expressions=[exp.Array(expressions=[found_elements])]) > 0


def _error(name: str, node: exp.Expr, outside: DataType, row: Mapping[str, exp.Expr]) -> exp.Expr:
    pieces = [_literal(f"The value of '{name}' is "), _as_text(node)]
    for number, (key, value) in enumerate(row.items()):
        pieces += [_literal(f"{', ' if number else ' for '}{key} = "), _as_text(value)]
    pieces.append(
        _literal(
            f", which no {outside} outside of the warehouse can hold. Cast it in the model, for"
            " example to text."
        )
    )
    text = exp.Concat(expressions=pieces, safe=True, coalesce=True)
    return exp.Anonymous(this="ERROR", expressions=[text])


def _literal(text: str) -> exp.Expr:
    return exp.Literal.string(text)


def _as_text(node: exp.Expr) -> exp.Expr:
    return exp.cast(node.copy(), "text")
