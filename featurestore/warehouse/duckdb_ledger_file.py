"""The DuckDB file of a ledger beside the job.

The file is disposable: without it, the next sync publishes every row and writes another one.
"""

from __future__ import annotations

import re
from pathlib import Path

from featurestore.errors import SyncError, SyncLocked
from featurestore.warehouse.duckdb import DuckDBWarehouse

__all__ = ["SCHEMA", "open_ledger_file"]

SCHEMA = "main"
"""The schema of the ledger's tables in the file."""

_HOLDER = re.compile(r"held in (.+?)\. See also|held in (.+)$", re.MULTILINE)


def open_ledger_file(file: Path, *, write: bool) -> DuckDBWarehouse | None:
    """Open the file of a ledger.

    Args:
        file: The file.
        write: Whether to create the file if it is missing, and to keep other writers out.

    Returns:
        The database; None without a file, if the caller does not write.

    Raises:
        SyncLocked: Another process has the file open for writing.
        SyncError: The file cannot be opened.
    """
    import duckdb

    if not write and not file.is_file():
        return None
    try:
        if write:
            _create_folder(file.parent)
        return DuckDBWarehouse(duckdb.connect(str(file), read_only=not write))
    except OSError as error:
        raise SyncError(
            f"Cannot create the folder of the ledger {file}: {error.strerror}.",
            remedy="Let `state` in dbt_project.yml name a file in a folder that this user may"
            " write to.",
        ) from None
    except duckdb.Error as error:
        raise _refusal(file, str(error)) from None


def _create_folder(folder: Path) -> None:
    if folder.is_dir():
        return
    folder.mkdir(parents=True)
    for parent in (folder, *folder.parents):
        if parent.name == ".featurestore":
            # The folder ignores itself, so no project has to list it in its own .gitignore.
            (parent / ".gitignore").write_text("*\n", encoding="utf-8")
            return


def _refusal(file: Path, reason: str) -> SyncError:
    holder = _HOLDER.search(reason)
    if "lock" in reason:
        who = (holder[1] or holder[2]) if holder else "another process"
        return SyncLocked(
            f"The ledger {file} is in use by {who}.",
            remedy="Wait for it: one sync at a time can use a ledger.",
        )
    return SyncError(
        f"Cannot open the ledger {file}: {reason.splitlines()[0].rstrip('.')}.",
        remedy="If it is damaged or of another version of DuckDB, delete it: the next sync then"
        " publishes every row.",
    )
