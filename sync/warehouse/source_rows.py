"""How the ledger's statements read rows of the warehouse: in place, or streamed beside the job."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Protocol

from featurestore.errors import WarehouseError
from featurestore.warehouse.duckdb import DuckDBWarehouse
from featurestore.warehouse.protocol import Warehouse

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["RowsInPlace", "SourceRows", "StreamedRows"]

_STREAMED = "_featurestore_streamed"


class SourceRows(Protocol):
    """Makes the rows of the warehouse readable where the ledger is."""

    in_place: bool
    """Whether the ledger and the history are in one database, so that a statement may join them."""

    def reading(self, sql: str) -> AbstractContextManager[str]:
        """Return a context with the ledger's statement for the rows of a query.

        Args:
            sql: A query in the warehouse's dialect. It is executed once at most, by one statement
                in the context.
        """


class RowsInPlace:
    """The ledger is in the warehouse: its statements contain the query."""

    in_place = True

    def reading(self, sql: str) -> AbstractContextManager[str]:
        """Return the query itself."""
        return nullcontext(sql)


class StreamedRows:
    """The ledger is beside the job: the rows are streamed into its database as Arrow.

    Args:
        warehouse: The warehouse; a role that may SELECT is enough.
        database: The ledger's database.
    """

    in_place = False

    def __init__(self, warehouse: Warehouse, database: DuckDBWarehouse) -> None:
        self._warehouse = warehouse
        self._database = database

    @contextmanager
    def reading(self, sql: str) -> Iterator[str]:
        """Stream the rows, batch by batch, while the ledger's statement reads them."""
        failures: list[Exception] = []
        reader = self._warehouse.stream(sql)
        name = self._database.upload(_STREAMED, _noting_failures(reader, failures))
        try:
            yield f"SELECT * FROM {name}"
        except WarehouseError as error:
            # The ledger's database only knows that its input broke off.
            raise (failures or [error])[0] from None
        finally:
            reader.close()


def _noting_failures(
    reader: pa.RecordBatchReader, failures: list[Exception]
) -> pa.RecordBatchReader:
    import pyarrow as pa

    def batches() -> Iterator[pa.RecordBatch]:
        try:
            yield from reader
        except Exception as error:
            failures.append(error)
            raise

    return pa.RecordBatchReader.from_batches(reader.schema, batches())
