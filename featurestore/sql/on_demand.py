"""On-demand features in the training set: one CTE for each step of dependence, above the joins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlglot import exp

from featurestore.errors import EntityFrameError
from featurestore.registry.definitions import Column
from featurestore.sql.dialects import dialect_record
from featurestore.sql.exit_types import at_exit, exit_type
from featurestore.sql.expressions import Named, column, cte, named
from featurestore.sql.instants import instant, naive
from featurestore.sql.plan import Computed, TrainingPlan
from featurestore.values.types import DataType, Kind

__all__ = ["ENRICHED", "above", "enriched_names", "request_column"]

ENRICHED = "enriched"
"""The CTE of the entity rows with their features."""
_COMPUTED = "computed"


def enriched_names(plan: TrainingPlan) -> tuple[str, ...]:
    """Return the columns of the entity rows with their features, as the result has them."""
    features = (
        name
        for join in plan.joins
        for name in (*(output.name for output in join.outputs), join.timestamp_output)
        if name
    )
    return (*plan.spine.own, *features)


def above(plan: TrainingPlan) -> tuple[list[Named], exp.Select]:
    """Return the CTEs that compute the on-demand features, and the query that reads the last one.

    Args:
        plan: The training set; its rows with their features are in the CTE `enriched`.
    """
    names = [*enriched_names(plan), *filter(None, [plan.spine.order_by])]
    below, ctes = ENRICHED, []
    for number, step in enumerate(_steps(plan.on_demand)):
        query = exp.select(*(column(name) for name in names), copy=False)
        query = query.select(*(named(each.node.copy(), each.name) for each in step), copy=False)
        listed = ", ".join(each.name for each in step)
        query.add_comments([f"{listed}: computed from the request and the features"])
        name = f"{_COMPUTED}_{number + 1}" if number else _COMPUTED
        ctes.append((name, query.from_(cte(below), copy=False)))
        below = name
        names += [each.name for each in step]
    return ctes, _result(plan, below)


def _result(plan: TrainingPlan, below: str) -> exp.Select:
    query = exp.select(*(column(name) for name in enriched_names(plan)), copy=False)
    row = {plan.spine.event_timestamp: column(plan.spine.event_timestamp)}
    for each in plan.on_demand:
        node = column(each.name)
        left = at_exit(node, each.data_type, plan.dialect, each.name, row)
        query = query.select(left if left is node else named(left, each.name), copy=False)
    return query.from_(cte(below), copy=False)


def _steps(computed: Sequence[Computed]) -> Iterator[list[Computed]]:
    """Yield the on-demand features in steps: each reads only those of earlier steps."""
    waiting = list(computed)
    while waiting:
        names = {each.name for each in waiting}
        step = [each for each in waiting if names.isdisjoint(each.inputs)]
        yield step
        waiting = [each for each in waiting if each not in step]


_LOSSLESS = {
    ("integer", "float"),
    ("integer", "decimal"),
    ("date", "timestamp"),
}
"""The families of a column and of a request field whose values convert the same on both paths."""


def request_column(name: str, found: DataType, wanted: DataType, dialect: str) -> exp.Expr:
    """Return an entity frame's column as the value of a request field.

    Args:
        name: The column and the field.
        found: The column's type.
        wanted: The field's declared type.
        dialect: The warehouse's dialect.

    Raises:
        EntityFrameError: Values of the column are not values of the field.
    """
    outside = exit_type(found, dialect)
    fits = outside.family == wanted.family or (outside.family, wanted.family) in _LOSSLESS
    if wanted.kind is Kind.DECIMAL and outside.kind is Kind.DECIMAL:
        fits = _holds(wanted, outside)
    node: exp.Expr | None = column(name)
    if fits and wanted.family == "timestamp":
        node = _instant(Column(name, outside), wanted, dialect)
    if node is not None and (fits or found.kind is Kind.NULL):
        return node
    raise EntityFrameError(
        f"The entity frame's column '{name}' is {found}, but the request field '{name}' is"
        f" {wanted}.",
        remedy=f"Cast the column to {wanted}, or correct the type of the field.",
    )


def _holds(wanted: DataType, found: DataType) -> bool:
    """Return whether a decimal type has all values of another one."""
    if wanted.precision is None or wanted.scale is None:
        return True
    if found.precision is None or found.scale is None:
        return False
    whole = wanted.precision - wanted.scale >= found.precision - found.scale
    return whole and wanted.scale >= found.scale


def _instant(source: Column, wanted: DataType, dialect: str) -> exp.Expr | None:
    """Return an instant in the declared type in any time zone; None if the dialect lacks a way."""
    if wanted.kind is Kind.TIMESTAMP:
        return naive(source, dialect)
    if source.data_type is not None and source.data_type.kind is Kind.TIMESTAMPTZ:
        return column(source.name)
    to_zoned = dialect_record(dialect).clock.to_zoned
    return to_zoned(exp.paren(instant(source, dialect))) if to_zoned else None
