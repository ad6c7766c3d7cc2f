"""What the rest of the house needs of a warehouse, and nothing more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from featurestore.values.types import DataType

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Estimate", "Warehouse"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """What the warehouse believes about a relation or query, without looking at its rows.

    Attributes:
        rows: About how many rows there are.
        distinct: About how many values the most varied of the columns asked about has; None where
            there are no statistics.
        span: The time from the first instant to the last of the column asked about.
        stored: Whether the rows lie in a table of the engine's own, all of them as they are, so
            that a statement had better read them twice than keep them in between.
    """

    rows: int
    distinct: int | None = None
    span: timedelta | None = None
    stored: bool = False


class Warehouse(Protocol):
    """A connection to one warehouse.

    Every method raises `WarehouseError` with the engine's own words where the engine refuses.
    """

    @property
    def dialect(self) -> str:
        """The dialect's name in sqlglot."""

    @property
    def version(self) -> str:
        """The engine and its version, as `duckdb 1.4.0`."""

    def content_hash(self, columns: Sequence[str]) -> str:
        """Return the SQL of an aggregate over quoted columns: a text, NULL where there is no row.

        It is the same for the same rows in any order.
        """

    def columns(self, source: str, *, is_query: bool = False) -> Mapping[str, DataType]:
        """Describe a relation or a query: its columns and their types, in order.

        Raises:
            RelationNotBuilt: The relation does not exist.
        """

    def estimate(
        self,
        source: str,
        columns: Sequence[str] = (),
        *,
        over: str | None = None,
        above: int = 0,
        is_query: bool = False,
    ) -> Estimate | None:
        """Return what the statistics say of a relation or query; None where there are none.

        Args:
            source: The relation, or the query.
            columns: The columns of which the number of values is of interest.
            over: The column of which the span is.
            above: The number of rows above which the columns are of interest at all.
            is_query: Whether `source` is a query.
        """

    def upload(self, name: str, table: pa.Table) -> str:
        """Make a table of Arrow data readable for this connection; return its name for FROM."""

    def stage(self, name: str, sql: str) -> str:
        """Keep a query's rows as long as the connection lives; return their name for FROM."""

    def stream(self, sql: str) -> pa.RecordBatchReader:
        """Run a query and stream its rows; they must be read before the next statement."""

    def execute(self, sql: str) -> None:
        """Run a statement whose result is of no interest."""

    def write_table(self, name: str, sql: str) -> int:
        """Create or replace a table from a query; return its number of rows."""

    def write_parquet(self, path: Path, sql: str) -> int:
        """Write a query's rows to a Parquet file; return their number."""

    def close(self) -> None:
        """Close the connection; closing twice is fine."""

    def __enter__(self) -> Self:
        """Return the warehouse itself."""
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the connection."""
        self.close()
