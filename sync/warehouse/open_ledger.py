"""Opens the ledger of a project: in the warehouse, or in a file beside the job."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from featurestore.errors import SyncLocked, UnsupportedDialect
from featurestore.project.ledger_place import LedgerPlace
from featurestore.warehouse.abilities import KeepsLedger
from featurestore.warehouse.duckdb import DuckDBWarehouse
from featurestore.warehouse.duckdb_ledger_file import SCHEMA, open_ledger_file
from featurestore.warehouse.protocol import Warehouse
from sync.warehouse.ledger import Ledger
from sync.warehouse.source_rows import StreamedRows

__all__ = ["opened_ledger"]


@contextmanager
def opened_ledger(
    place: LedgerPlace, warehouse: Warehouse, project: str, *, write: bool
) -> Iterator[Ledger]:
    """Open a ledger for the length of a block.

    A reader that finds no file beside the job, or one that a sync is writing, gets an empty ledger
    in memory, where the warehouse's rows can be compared.

    Args:
        place: Where the ledger is.
        warehouse: The warehouse.
        project: The project, as its keys in Redis name it.
        write: Whether the caller writes to the ledger.

    Raises:
        SyncLocked: Another process has the ledger's file open for writing, and so would the caller.
        SyncError: The file cannot be opened.
    """
    if place.file is None:
        if not isinstance(warehouse, KeepsLedger):
            raise UnsupportedDialect(
                f"The ledger of the sync cannot be in a warehouse of the dialect"
                f" '{warehouse.dialect}'.",
                remedy="Leave out `state` in dbt_project.yml.",
            )
        yield Ledger(warehouse, place.schema, project, place=str(place))
        return
    shown = f"{place.file} on {socket.gethostname()}"
    with _opened(place.file, write=write) as database:
        database.hides_values = warehouse.hides_values
        source = StreamedRows(warehouse, database)
        yield Ledger(database, SCHEMA, project, source, shown)


def _opened(file: Path, *, write: bool) -> DuckDBWarehouse:
    try:
        found = open_ledger_file(file, write=write)
    except SyncLocked:
        if write:
            raise
        found = None
    return found or DuckDBWarehouse.in_memory()
