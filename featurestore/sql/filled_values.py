"""Declared defaults in the training set: COALESCE around a feature as it leaves the warehouse."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from sqlglot import exp

from featurestore.errors import RegistryError
from featurestore.registry.definitions import Column, Feature
from featurestore.sql.dialects import dialect_record, render
from featurestore.sql.exit_types import exit_type, spelled_type
from featurestore.sql.expressions import as_name
from featurestore.sql.instants import bound_literal
from featurestore.values.typed_default import typed_default
from featurestore.values.types import DataType, Kind

__all__ = ["default_query", "filled"]

_BARE = {Kind.BOOLEAN, Kind.STRING}
"""The kinds whose literals have their type without a cast."""


def filled(node: exp.Expr, feature: Feature | None, dialect: str) -> exp.Expr:
    """Return a feature's value, with the declared default in place of NULL.

    Args:
        node: The value in the type that it has outside of the warehouse.
        feature: The feature; None for a column that is not a feature.
        dialect: The warehouse's dialect.

    Raises:
        RegistryError: The warehouse cannot hold the default.
    """
    if feature is None or feature.default is None or feature.data_type is None:
        return node
    outside = exit_type(feature.data_type, dialect)
    literal = _literal(typed_default(feature.default, outside), outside, dialect)
    if literal is None:
        raise RegistryError(
            f"The default {feature.default!r} of '{feature.name}' is out of the range that"
            f" {dialect} holds.",
            remedy="Choose a value within that range.",
        )
    return exp.Coalesce(this=node, expressions=[literal])


def default_query(feature: Feature, dialect: str) -> str:
    """Write the statement that returns a declared default, as `value` in the type of its column."""
    assert feature.data_type is not None  # noqa: S101, the callers ask only features with types
    value = typed_default(feature.default, feature.data_type)
    literal = _literal(value, feature.data_type, dialect) or exp.null()
    return render(exp.select(exp.alias_(literal, as_name("value")), copy=False), dialect)


def _literal(value: Any, data_type: DataType, dialect: str) -> exp.Expr | None:
    """Return a value as a literal of a type; None if the dialect cannot hold an instant."""
    if data_type.kind in _BARE:
        return exp.convert(value)
    if isinstance(value, date):
        return _instant(value, data_type, dialect)
    # A text, except for integers: DuckDB, for one, reads the number 0.1 as a decimal.
    written = exp.Literal.number if isinstance(value, int) else exp.Literal.string
    spelled = exp.DataType.build(
        spelled_type(data_type, dialect), dialect=dialect_record(dialect).grammar
    )
    return exp.Cast(this=written(str(value)), to=spelled)


def _instant(value: date, data_type: DataType, dialect: str) -> exp.Expr | None:
    clock, source = dialect_record(dialect).clock, Column("", data_type)
    if not isinstance(value, datetime):
        if "date" not in clock.literals:
            return exp.cast(exp.Literal.string(value.isoformat()), "date")
        value = datetime(value.year, value.month, value.day, tzinfo=UTC)
        return bound_literal(source, value, dialect)
    moment = value.replace(tzinfo=UTC) if value.tzinfo is None else value
    literal = bound_literal(source, moment, dialect)
    listed = str(data_type) in clock.literals or data_type.variant in clock.literals
    if literal is None or listed or data_type.kind is not Kind.TIMESTAMPTZ or not clock.to_zoned:
        return literal
    return clock.to_zoned(literal)
