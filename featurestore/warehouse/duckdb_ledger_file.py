"""The DuckDB file of a ledger beside the job.

The file is disposable: without it, the next sync publishes every row and writes another one.
"""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from featurestore.errors import SyncError, SyncLocked
from featurestore.warehouse.duckdb import DuckDBWarehouse
from featurestore.warehouse.duckdb_file import connected

if TYPE_CHECKING:
    import duckdb

__all__ = ["SCHEMA", "open_ledger_file"]

SCHEMA = "main"
"""The schema of the ledger's tables in the file."""

_HOLDER = re.compile(r"held in (.+?\(PID \d+\))")
_READ = ("open this database in read-only mode", "different configuration")
"""How the engine says that readers alone have the file, in another process and in this one."""
_PATIENCE_SECONDS = 10
_NO_RIGHT = ("Permission denied", "Read-only file system")


def open_ledger_file(file: Path, *, write: bool) -> DuckDBWarehouse | None:
    """Open the file of a ledger.

    Args:
        file: The file.
        write: Whether to create the file if it is missing, and to keep other writers out.

    Returns:
        The database; None without a file, if the caller does not write. A writer waits a while for
        readers: a command that watches must not stop a sync.

    Raises:
        SyncLocked: It is open for writing, or if the caller writes, for reading.
        SyncError: The file cannot be opened.
    """
    import duckdb

    if not write and not file.is_file():
        return None
    try:
        if write:
            _create_folder(file.parent)
            _create(file)
        return DuckDBWarehouse(_connected(file, write=write))
    except OSError as error:
        raise SyncError(
            f"Cannot create the ledger {file}: {error.strerror}.",
            remedy="Let `state` in dbt_project.yml name a file in a folder that this user may"
            " write to.",
        ) from None
    except duckdb.Error as error:
        raise _refusal(file, str(error)) from None


def _connected(file: Path, *, write: bool) -> duckdb.DuckDBPyConnection:
    import duckdb

    last = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            return connected(str(file), read_only=not write)
        except duckdb.Error as error:
            is_read = write and any(sign in str(error) for sign in _READ)
            if not is_read or time.monotonic() > last:
                raise
        time.sleep(0.1)


def _create_folder(folder: Path) -> None:
    if folder.is_dir():
        return
    folder.mkdir(parents=True)
    for parent in (folder, *folder.parents):
        if parent.name == ".featurestore":
            # The folder ignores itself, so no project has to list it in its own .gitignore.
            (parent / ".gitignore").write_text("*\n", encoding="utf-8")
            return


def _create(file: Path) -> None:
    """Create an empty database, whole: a half of one, of a full disk, could never be opened."""
    if os.path.lexists(file):
        return
    with TemporaryDirectory(prefix=f".{file.name}.", dir=file.parent) as folder:
        part = Path(folder) / file.name
        connected(str(part), read_only=False).close()
        part.replace(file)


def _refusal(file: Path, reason: str) -> SyncError:
    holder = _HOLDER.search(reason)
    # The path may have any of the words below.
    words = reason.replace(str(file), "")
    if "Could not set lock" in words or "different configuration" in words:
        here = "this process" if "different configuration" in words else "another process"
        return SyncLocked(
            f"The ledger {file} is in use by {holder[1] if holder else here}.",
            remedy="Wait for it: one sync at a time can use a ledger.",
        )
    why = reason.splitlines()[0].rstrip(".")
    if any(sign in words for sign in _NO_RIGHT):
        return SyncError(
            f"Cannot open the ledger {file}: {why}.",
            remedy="Let the user of this process write to the file, and create files beside it; or"
            " let `state` in dbt_project.yml name another file.",
        )
    return SyncError(
        f"Cannot open the ledger {file}: {why}.",
        remedy="If it is damaged or of another version of DuckDB, delete it: the next sync then"
        " publishes every row.",
    )
