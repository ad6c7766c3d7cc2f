"""The entity frame, in every form that a caller may give: data frame, file, query, table, model."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from featurestore.errors import EntityFrameError
from featurestore.sql.plan import Spine
from featurestore.training.arrow_frame import (
    check_repeated,
    durations_of,
    frame_to_arrow,
    with_types_of,
)
from featurestore.training.entity_file import read_entity_file
from featurestore.values.types import DataType, Kind
from featurestore.warehouse.abilities import Estimate, estimate_of
from featurestore.warehouse.protocol import Warehouse

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["FRAME_NAME", "EntityFrame", "read_entity_frame"]

FRAME_NAME = "entity_df"
"""The name of an uploaded data frame in the generated SQL."""

_ORDER = "_row"
_DURATION = DataType(Kind.OTHER, text="duration")
_NAME = r"""(?:[A-Za-z_][\w$]*|"(?:[^"]|"")+"|`[^`]+`)"""
_TABLE = re.compile(rf"{_NAME}(?:\.{_NAME}){{0,2}}")
_QUERY = re.compile(r"(\(|select\b|with\b|from\b|values\b|--|/\*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class EntityFrame:
    """Entity rows, either in the warehouse or still to be uploaded.

    Attributes:
        source: A relation or a query; `FRAME_NAME` for a data frame.
        is_query: Whether `source` is a query.
        table: The rows of a data frame, numbered in `order_by`; None if the warehouse has the rows.
        order_by: The column that numbers the rows of a data frame; None in the warehouse.
        durations: The types of the columns of `table` that hold durations, as integers.
        parsed: The columns of `table` that `parsed_keys` added.
        left_out: The columns that the training set must not hold, because they are personal data.
    """

    source: str
    is_query: bool = False
    table: pa.Table | None = None
    order_by: str | None = None
    durations: Mapping[str, pa.DataType] = field(default_factory=dict)
    parsed: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    def described(self) -> EntityFrame:
        """Return the frame without the rows of a data frame, which planning does not need."""
        return self if self.table is None else replace(self, table=self.table.slice(0, 0))

    def place(self, warehouse: Warehouse) -> str:
        """Upload the rows of a data frame; return the name or query to write in FROM."""
        return self.source if self.table is None else warehouse.upload(FRAME_NAME, self.table)

    def spine(self, warehouse: Warehouse, event_timestamp: str) -> Spine:
        """Upload the rows if needed, and return their description for the plan.

        Args:
            warehouse: The warehouse that will run the statement.
            event_timestamp: The column that holds the time of each row.
        """
        source = self.place(warehouse)
        found = warehouse.columns(source, is_query=self.is_query)
        columns = {name: kind for name, kind in found.items() if name not in self.left_out}
        # Not an integer, which a join key could match.
        columns |= {name: _DURATION for name in self.durations if name in columns}
        return Spine(
            source,
            self.is_query,
            columns,
            event_timestamp,
            order_by=self.order_by,
            parsed=self.parsed,
        )

    def restored(self, table: pa.Table) -> pa.Table:
        """Return a training set with the durations of a data frame as they were."""
        return with_types_of(table, self.durations)

    def estimate(self, warehouse: Warehouse) -> Estimate | None:
        """Return the approximate number of rows; None if the warehouse keeps no statistics."""
        if self.table is not None:
            return Estimate(self.table.num_rows)
        return estimate_of(warehouse, self.source, is_query=self.is_query)


def read_entity_frame(entity_df: Any, ref: Callable[[str], str], dialect: str) -> EntityFrame:
    """Return the entity frame that a caller describes.

    Args:
        entity_df: A pandas, polars or Arrow frame (any object with Arrow's C stream), a SELECT, the
            name of a table, `ref:<dbt model>`, or the `Path` of a .csv or .parquet file. A file is
            a `Path` and never a text, because `main.csv` may be the name of a table.
        ref: Returns the relation of a dbt model by its name.
        dialect: The dialect of the warehouse.

    Raises:
        EntityFrameError: The value has none of these forms, or the file cannot be read.
    """
    if isinstance(entity_df, Path):
        rows = read_entity_file(entity_df, dialect)
        return EntityFrame(rows, is_query=True) if isinstance(rows, str) else _uploaded(rows)
    if not isinstance(entity_df, str):
        return _uploaded(frame_to_arrow(entity_df))
    text = entity_df.strip().rstrip(";").strip()
    if text.startswith("ref:"):
        return EntityFrame(ref(text.removeprefix("ref:").strip()))
    if _TABLE.fullmatch(text):
        return EntityFrame(text)
    if _QUERY.match(text):
        return EntityFrame(text, is_query=True)
    raise EntityFrameError(
        f"'{text[:60]}' is neither a SELECT, a table's name, nor 'ref:<model>'.",
        remedy="Give one of these, a data frame, or the path of a .csv or .parquet file.",
    )


def _uploaded(table: pa.Table) -> EntityFrame:
    """Return the frame of some rows, numbered in a column whose name no other column has."""
    import pyarrow as pa

    check_repeated(table.column_names)
    durations = durations_of(table)
    table = with_types_of(table, dict.fromkeys(durations, pa.int64()))
    taken = {name.lower() for name in table.column_names}
    order_by = _ORDER
    while order_by in taken:
        order_by = f"_{order_by}"
    numbers = pa.array(range(table.num_rows), pa.int64())
    table = table.append_column(order_by, numbers)
    return EntityFrame(FRAME_NAME, table=table, order_by=order_by, durations=durations)
