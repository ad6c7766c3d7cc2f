"""Find and open the database file of a dbt-duckdb target."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from featurestore.errors import MissingExtra, WarehouseUnavailable
from featurestore.values.dbt_profile import Profile

if TYPE_CHECKING:
    import duckdb

__all__ = ["database_path", "open_database"]

_MEMORY = ":memory:"
_OPENING = threading.Lock()


def database_path(profile: Profile) -> str:
    """Return the path or address of a target's database.

    Raises:
        WarehouseUnavailable: The target keeps its database in memory.
    """
    path = str(profile.settings.get("path") or _MEMORY)
    if path == _MEMORY:
        raise WarehouseUnavailable(
            f"Target '{profile.target}' of profile '{profile.name}' keeps its warehouse in memory,"
            " so it is gone when dbt ends.",
            remedy="Give the target a `path:` to a file.",
        )
    if "://" in path or path.startswith("md:"):
        return path
    return str((profile.folder / Path(path).expanduser()).resolve())


def open_database(path: str, *, write: bool, config: Any) -> duckdb.DuckDBPyConnection:
    """Return a connection to a database.

    Raises:
        WarehouseUnavailable: The file is missing, locked by a writer, or not a database.
        MissingExtra: DuckDB is not installed.
    """
    try:
        import duckdb
        import pyarrow as pa  # noqa: F401, results are Arrow
    except ImportError as error:
        missing = error.name or "duckdb"
        raise MissingExtra(missing, "duckdb", purpose="Reading the warehouse") from None
    if "://" not in path and not path.startswith("md:") and not Path(path).is_file():
        raise WarehouseUnavailable(
            f"The warehouse file {path} does not exist.",
            remedy="Run `dbt build`, or check `path:` in profiles.yml.",
        )
    try:
        # DuckDB shares one database among the connections of a process. Without the lock, a second
        # thread may get it before the first one has registered its Arrow reader.
        with _OPENING:
            return duckdb.connect(path, read_only=not write, config=dict(config or {}))
    except duckdb.Error as error:
        raise _unavailable(path, str(error)) from error


def _unavailable(path: str, reason: str) -> WarehouseUnavailable:
    first = reason.splitlines()[0].partition(" See also ")[0].rstrip(".") + "."
    if "lock" in reason:
        return WarehouseUnavailable(
            f"The warehouse file {path} is locked by another process: {first}",
            remedy="Wait until that process (dbt, a sync, an open session) has finished.",
        )
    if "different configuration" in reason:
        return WarehouseUnavailable(
            f"The warehouse file {path} is already open in this process: {first}",
            remedy="Close the other connection to the file first.",
        )
    return WarehouseUnavailable(f"Cannot open the warehouse file {path}: {first}")
