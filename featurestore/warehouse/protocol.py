"""The base that every connection to a warehouse has; optional abilities are in `abilities`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from featurestore.errors import WarehouseError
from featurestore.values.types import DataType

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Warehouse", "values_hidden"]


class Warehouse(Protocol):
    """A connection to one warehouse.

    Every method raises `WarehouseError`, which quotes the engine, if the engine refuses.
    """

    target_remedy: str = ""
    """What else may help where a table is missing, if the manifest may be another target's."""
    hides_values: bool = False
    """Whether errors leave out the engine's words about data: those may quote personal data."""

    @property
    def dialect(self) -> str:
        """The dialect's name in sqlglot."""

    @property
    def version(self) -> str:
        """The engine and its version, such as `duckdb 1.4.0`."""

    def content_hash(self, columns: Mapping[str, DataType]) -> str:
        """Return the SQL of an aggregate that hashes rows, as text; NULL without rows.

        The hash does not depend on the order of the rows.

        Args:
            columns: The types of the columns, by name as SQL, already quoted.
        """

    def columns(self, source: str, *, is_query: bool = False) -> Mapping[str, DataType]:
        """Return the columns of a relation or a query with their types, in order.

        Raises:
            RelationNotBuilt: The relation does not exist.
        """

    def upload(self, name: str, table: pa.Table) -> str:
        """Make Arrow data readable for this connection; return its name for FROM.

        A second upload under a name takes the place of the first, as does a second `stage`.
        """

    def stage(self, name: str, sql: str) -> str:
        """Keep a query's rows until the connection closes; return their name for FROM."""

    def stream(self, sql: str) -> pa.RecordBatchReader:
        """Run a query and stream its rows; read them before the next statement."""

    def execute(self, sql: str) -> None:
        """Run a statement and discard its result."""

    def write_table(self, name: str, sql: str) -> int:
        """Create or replace a table from a query; return its number of rows."""

    def write_parquet(self, path: Path, sql: str) -> int:
        """Write a query's rows to a local Parquet file; return their number."""

    def close(self) -> None:
        """Close the connection; a second call does nothing."""

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


def values_hidden(doing: str, kind: str) -> WarehouseError:
    """Return the error about data whose text the engine wrote, and which may quote a value.

    Args:
        doing: The action, such as "run the query".
        kind: The engine's name or code for the error.
    """
    return WarehouseError(
        f"Cannot {doing}: {kind}. The engine's words are not shown, because the project has"
        " personal data, and they may quote it.",
        remedy="Run the statement in the warehouse to see them; `featurestore sql` writes that of a"
        " training set.",
    )
