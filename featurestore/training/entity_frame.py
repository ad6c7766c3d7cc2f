"""The entity frame, in every form that a caller may give: data frame, file, query, table, model."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from featurestore.errors import EntityFrameError, MissingExtra
from featurestore.sql.plan import Spine
from featurestore.training.entity_file import read_entity_file
from featurestore.warehouse.abilities import Estimate, estimate_of
from featurestore.warehouse.protocol import Warehouse

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["FRAME_NAME", "EntityFrame", "read_entity_frame"]

FRAME_NAME = "entity_df"
"""The name of an uploaded data frame in the generated SQL."""

_ORDER = "_row"
_NAME = r"""(?:[A-Za-z_][\w$]*|"(?:[^"]|"")+"|`[^`]+`)"""
_TABLE = re.compile(rf"{_NAME}(?:\.{_NAME}){{0,2}}")
_QUERY = re.compile(r"(\(|select\b|with\b|from\b|values\b|--|/\*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class EntityFrame:
    """Entity rows, either in the warehouse or still to be uploaded.

    Attributes:
        source: A relation or a query; `FRAME_NAME` for a data frame.
        is_query: Whether `source` is a query.
        table: The rows of a data frame, numbered in `_row`; None if the warehouse has the rows.
        parsed: The columns of `table` that `parsed_keys` added.
        left_out: The columns that the training set must not hold, because they are personal data.
    """

    source: str
    is_query: bool = False
    table: pa.Table | None = None
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
        order_by = _ORDER if self.table is not None else None
        return Spine(source, self.is_query, columns, event_timestamp, order_by, parsed=self.parsed)

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
        return _uploaded(_to_arrow(entity_df))
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
    return EntityFrame(FRAME_NAME, table=_numbered(table))


def _to_arrow(frame: Any) -> pa.Table:
    try:
        import pyarrow as pa
    except ImportError:
        raise MissingExtra("pyarrow", "duckdb", purpose="Reading a data frame") from None
    if isinstance(frame, pa.Table):
        return frame
    try:
        if type(frame).__module__.partition(".")[0] == "pandas":
            _check_repeated([str(name) for name in frame.columns])
            return pa.Table.from_pandas(frame, preserve_index=False)
        if hasattr(frame, "collect") and hasattr(frame, "lazy"):
            frame = frame.collect()
        if isinstance(frame, pa.RecordBatch) or hasattr(frame, "__arrow_c_stream__"):
            return pa.table(frame)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        reason = " ".join(str(error).split())
        raise EntityFrameError(
            f"The entity frame cannot be read as Arrow: {reason}.",
            remedy="Give each column one type, for example with astype().",
        ) from error
    raise EntityFrameError(
        f"The entity frame is of the type {type(frame).__module__}.{type(frame).__qualname__}.",
        remedy="Give a pandas, polars or Arrow frame, a SELECT, a table's name,"
        " 'ref:<model>' or the Path of a file.",
    )


def _numbered(table: pa.Table) -> pa.Table:
    import pyarrow as pa

    names = [name.lower() for name in table.column_names]
    _check_repeated(table.column_names)
    if _ORDER in names:
        raise EntityFrameError(
            f"The entity frame has a column '{_ORDER}', a name that the statement uses itself.",
            remedy="Rename the column.",
        )
    return table.append_column(_ORDER, pa.array(range(table.num_rows), pa.int64()))


def _check_repeated(names: Sequence[str]) -> None:
    """Refuse names that differ only in capital letters: to a warehouse, they are the same."""
    folded = [name.lower() for name in names]
    repeated = sorted({name for name in names if folded.count(name.lower()) > 1})
    if repeated:
        raise EntityFrameError(
            f"The entity frame has more than one column named {', '.join(repeated)}.",
            remedy="Rename or drop one of them; capital letters make no difference.",
        )
