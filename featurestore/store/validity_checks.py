"""Checks in the warehouse that the rows of each key are valid one after another."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator

from featurestore.errors import DefinitionProblems, Problem, RelationNotBuilt
from featurestore.governance.personal_data import PERSONAL_VALUE
from featurestore.registry.definitions import Column, FeatureRef, FeatureView
from featurestore.registry.warehouse_types import with_types
from featurestore.sql.overlaps import overlapping_keys
from featurestore.warehouse.protocol import Warehouse

__all__ = ["overlap_problems"]


def overlap_problems(
    views: Iterable[FeatureView], warehouse: Warehouse, personal: Container[FeatureRef] | None
) -> Iterator[Problem]:
    """Yield a warning for each view with keys whose validities overlap.

    Args:
        views: The feature views; those without `valid_until` are not looked at.
        warehouse: The warehouse with their tables.
        personal: The keys and timestamps whose values are not shown; None if they are unknown, and
            then no value is shown in a project with personal data.
    """
    for view in views:
        if view.valid_until is None:
            continue
        try:
            typed = with_types(view, warehouse)
        except (RelationNotBuilt, DefinitionProblems):
            # `check_views` reports it.
            continue
        found = warehouse.stream(overlapping_keys(typed, warehouse.dialect)).read_all().to_pylist()
        for row in found:
            *values, count = row.values()
            columns = (*view.join_keys, view.event_timestamp)
            shown = [
                PERSONAL_VALUE if _is_hidden(view, column, warehouse, personal) else value
                for column, value in zip(columns, values, strict=True)
            ]
            yield _problem(view, [*shown, count])


def _is_hidden(
    view: FeatureView, column: Column, warehouse: Warehouse, personal: Container[FeatureRef] | None
) -> bool:
    if personal is None:
        return warehouse.hides_values
    return FeatureRef(view.name, column.name) in personal


def _problem(view: FeatureView, row: list[object]) -> Problem:
    """Return the warning about an answer of `overlapping_keys`; its columns come in order."""
    *key, start, count = row
    names = [column.name for column in view.join_keys]
    shown = ", ".join(f"{name}={value}" for name, value in zip(names, key, strict=True))
    who = (
        f"of {count} key{'' if count == 1 else 's'} overlap, such as {shown}" if key else "overlap"
    )
    return Problem(
        view.path,
        view.name,
        f"the validities {who} at {start}: two rows are valid at one instant.",
        "End each row where the next one of its key starts. Until then the row that started last"
        " counts, and after its end none.",
        severity="warning",
    )
