"""Why one value is what it is: the rows that it could come from, each with its verdict."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import TYPE_CHECKING, Any

from featurestore.errors import EntityFrameError, did_you_mean
from featurestore.registry.definitions import FeatureView
from featurestore.registry.warehouse_types import with_types
from featurestore.sql.filled_values import default_query
from featurestore.sql.why import CHOSEN, DEFAULT, why_query
from featurestore.values.key_rules import checked_rule, key_rule
from featurestore.values.parsing import parse_values
from featurestore.values.types import DataType
from featurestore.warehouse.protocol import Warehouse

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["verdicts"]


def verdicts(
    view: FeatureView,
    feature: str,
    keys: Mapping[str, Any],
    at: datetime,
    *,
    connect: Callable[[], AbstractContextManager[Warehouse]],
    dialect: str,
    as_known: bool = False,
    limit: int = 20,
) -> pa.Table:
    """Return the rows of one entity in a view, the chosen one first, each with its verdict.

    Where a default is the value, a row of its own with the verdict `default` comes before them.

    Args:
        view: The feature view.
        feature: The feature's name in it.
        keys: The entity's join keys by name; a text is read as the key's type.
        at: The instant asked for.
        connect: Opens the warehouse.
        dialect: The warehouse's dialect.
        as_known: Reject rows that were written after `at`.
        limit: The greatest number of rows.

    Raises:
        EntityFrameError: A join key is missing, or is not one of the view's.
    """
    _check_keys(keys, view.name, [key.name for key in view.join_keys])
    with connect() as warehouse:
        typed = with_types(view, warehouse)
        types = {key.name: key.data_type for key in typed.join_keys}
        asked = _by_the_rule(parse_values(keys, types), types)
        sql = why_query(typed, feature, asked, at, dialect, as_known=as_known, limit=limit)
        found = warehouse.stream(sql).read_all()
        return _with_default(found, typed, feature, warehouse)


def _with_default(found: pa.Table, view: FeatureView, name: str, warehouse: Warehouse) -> pa.Table:
    """Return the verdicts, after a row with the feature's default if that is the value."""
    import pyarrow as pa

    feature = next(feature for feature in view.features if feature.name == name)
    first = found.slice(0, 1)
    is_present = CHOSEN in first["verdict"].to_pylist() and not first["value"].null_count
    if feature.default is None or is_present:
        return found
    default = warehouse.stream(default_query(feature, warehouse.dialect)).read_all()["value"]
    row: dict[str, Any] = {field.name: pa.nulls(1, field.type) for field in found.schema}
    row["value"] = default.cast(found.schema.field("value").type)
    row["verdict"] = pa.array([DEFAULT], found.schema.field("verdict").type)
    return pa.concat_tables([pa.table(row, found.schema), found])


def _by_the_rule(keys: Mapping[str, Any], types: Mapping[str, DataType | None]) -> dict[str, Any]:
    """Return keys as a training set compares them, from every accepted form."""
    return {name: _canonical(name, value, types[name]) for name, value in keys.items()}


def _canonical(name: str, value: Any, data_type: DataType | None) -> Any:
    rule = key_rule(data_type) if data_type else None
    if rule is None or value is None:
        return value
    return checked_rule(name, str(data_type), rule)(value)


def _check_keys(keys: Mapping[str, Any], view: str, names: Sequence[str]) -> None:
    for name in keys:
        if name not in names:
            raise EntityFrameError(
                f"'{name}' is not a join key of '{view}'.",
                remedy=did_you_mean(name, names) or f"It has {', '.join(names) or 'none'}.",
            )
    missing = [name for name in names if name not in keys]
    if missing:
        raise EntityFrameError(f"The join key '{missing[0]}' of '{view}' is missing.")
