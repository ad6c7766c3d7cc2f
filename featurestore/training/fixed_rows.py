"""The entity rows of a statement that runs now, fixed so that their first and last instant hold."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from secrets import token_hex
from typing import Any

from featurestore.errors import WarehouseError
from featurestore.sql.history_bounds import Extent
from featurestore.sql.plan import TrainingPlan
from featurestore.sql.point_in_time import entity_rows, first_and_last
from featurestore.training.entity_frame import EntityFrame
from featurestore.warehouse.abilities import estimate_of
from featurestore.warehouse.protocol import Warehouse

__all__ = ["extent_of", "with_fixed_rows"]

_ROWS = "_featurestore_entity_rows"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROS = {"s": 1_000_000, "ms": 1000, "us": 1}
_DAY = 86_400_000_000


def with_fixed_rows(plan: TrainingPlan, frame: EntityFrame, warehouse: Warehouse) -> TrainingPlan:
    """Return the plan on entity rows that do not change until the connection closes.

    A table or a query may return other rows at its next reading, so its rows are staged. Where the
    warehouse refuses that, the plan stays as it is, and its histories have no bounds.

    Args:
        plan: The plan.
        frame: Its entity rows; those of a data frame are uploaded already.
        warehouse: The session that runs the statement.
    """
    spine = plan.spine
    if frame.table is not None and spine.event_timestamp in frame.table.column_names:
        column = frame.table.column(spine.event_timestamp)
        return replace(plan, spine=replace(spine, extent=extent_of(column, column)))
    try:
        if frame.table is None:
            # Jobs of one Spark session see each other's views, so each has a name of its own.
            name = f"{_ROWS}_{token_hex(4)}"
            staged = warehouse.stage(name, entity_rows(spine, plan.dialect))
            rows = estimate_of(warehouse, staged)
            stored = rows is not None and rows.stored
            spine = replace(spine, source=staged, is_query=False, stored=stored)
        found = warehouse.stream(first_and_last(spine, plan.dialect)).read_all()
    except WarehouseError:
        return plan
    return replace(plan, spine=replace(spine, extent=extent_of(found.column(0), found.column(1))))


def extent_of(earliest: Any, latest: Any) -> Extent:
    """Return the first instant of one column and the last one of another.

    Without any instant no row is looked up, so every extent is right; one instant is the shortest.

    >>> import pyarrow as pa
    >>> at = pa.chunked_array([pa.array([86_400_000, 5, None], pa.timestamp("ms"))])
    >>> print(extent_of(at, at).last)
    1970-01-02 00:00:00+00:00
    """
    first, last = _micros(earliest, "min"), _micros(latest, "max", up=True)
    if first is None or last is None:
        return Extent(_EPOCH, _EPOCH)
    return Extent(_moment(first), _moment(last))


def _micros(column: Any, which: str, *, up: bool = False) -> int | None:
    """Return the least or the greatest instant in microseconds since 1970.

    Nanoseconds are rounded away from the other instants: Snowflake compares all digits.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    kind = column.type
    found = pc.min_max(column)[which]
    if not found.is_valid:
        return None
    if pa.types.is_date32(kind):
        return int(found.cast(pa.int32()).as_py()) * _DAY
    number = int(found.cast(pa.int64()).as_py())
    if pa.types.is_date64(kind):
        # Engines read the day alone, though a date in milliseconds can hold a time.
        return number * _MICROS["ms"] // _DAY * _DAY
    if kind.unit == "ns":
        return -(-number // 1000) if up else number // 1000
    return number * _MICROS[kind.unit]


def _moment(micros: int) -> datetime | None:
    """Return an instant of Python's years, 1 to 9999; None for any other, and for infinity."""
    try:
        return _EPOCH + timedelta(microseconds=micros)
    except OverflowError:
        return None
