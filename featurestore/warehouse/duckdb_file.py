"""Find and open the database of a dbt-duckdb target: a file, an attached file, or a DuckLake."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from featurestore.errors import MissingExtra, MissingRight, WarehouseError, WarehouseUnavailable
from featurestore.values.dbt_profile import Profile

if TYPE_CHECKING:
    import duckdb

__all__ = [
    "MEMORY",
    "absolute_path",
    "connected",
    "database_path",
    "is_lake",
    "main_attachment",
    "open_database",
    "refuse_missing_file",
    "setting",
    "unavailable",
]

MEMORY = ":memory:"
_OPENING = threading.Lock()
_SCHEME = re.compile(r"(\w{2,}:)(.*)", re.DOTALL)
_FILE_SCHEMES = ("ducklake:", "sqlite:", "duckdb:")
"""The schemes before a path of this machine. Others, such as `md:` and `s3:`, name a service."""


def database_path(profile: Profile) -> str:
    """Return the path or address that a target connects to; `:memory:` if it attaches its database.

    Raises:
        WarehouseUnavailable: The target keeps its database in memory.
    """
    path = _path(profile)
    if path != MEMORY:
        # A DuckLake is attached, as only an attachment has options.
        return MEMORY if is_lake(path) else absolute_path(path, profile.folder)
    if main_attachment(profile) is None:
        raise WarehouseUnavailable(
            f"Target '{profile.target}' of profile '{profile.name}' keeps its warehouse in memory,"
            " so it is gone when dbt ends.",
            remedy="Give the target a `path:` to a file, or `attach:` one.",
        )
    return path


def main_attachment(profile: Profile) -> Mapping[str, Any] | None:
    """Return the attached database that dbt builds in; None if it builds in the file of `path:`.

    It is the one that `database:` names, or the DuckLake of `path:`. A target in memory builds in
    the only attached database that is writable.

    Raises:
        WarehouseUnavailable: The target is in memory, and several attached databases are writable.
    """
    path, attached = _path(profile), tuple(profile.settings.get("attach") or ())
    named = profile.settings.get("database")
    for attachment in attached:
        if named and attachment.get("alias") == named:
            found: Mapping[str, Any] = attachment
            return found
    if is_lake(path):
        return {"path": path}
    writable = [one for one in attached if path == MEMORY and not setting(one, "read_only")]
    if len(writable) > 1:
        names = ", ".join(str(one.get("alias") or one["path"]) for one in writable)
        raise WarehouseUnavailable(
            f"Target '{profile.target}' of profile '{profile.name}' is in memory and attaches"
            f" several databases that dbt can build in: {names}.",
            remedy="Name the one with `database:`, by its alias.",
        )
    return writable[0] if writable else None


def open_database(path: str, *, write: bool, config: Any) -> duckdb.DuckDBPyConnection:
    """Return a connection to a database.

    Raises:
        WarehouseUnavailable: The file is missing, locked by a writer, or not a database.
        MissingRight: The user may not read the file, or not write to it.
        MissingExtra: DuckDB is not installed.
    """
    try:
        import duckdb
        import pyarrow as pa  # noqa: F401, results are Arrow
    except ImportError as error:
        missing = error.name or "duckdb"
        raise MissingExtra(missing, "duckdb", purpose="Reading the warehouse") from None
    refuse_missing_file(path)
    try:
        return connected(path, read_only=not write and path != MEMORY, config=config)
    except duckdb.Error as error:
        raise unavailable(path, str(error), write=write) from error


def connected(path: str, *, read_only: bool, config: Any = None) -> duckdb.DuckDBPyConnection:
    """Return a connection; threads that connect to one file at a time wait for each other."""
    import duckdb

    # DuckDB shares one database among the connections of a process. Without the lock, a second
    # thread may get it before the first one has registered its Arrow reader.
    with _OPENING:
        return duckdb.connect(path, read_only=read_only, config=dict(config or {}))


def refuse_missing_file(path: str, folder: Path = Path()) -> None:
    """Refuse a database of this machine that does not exist; DuckDB would create it.

    Raises:
        WarehouseUnavailable: The file does not exist.
    """
    file = absolute_path(path, folder)
    while file.lower().startswith(_FILE_SCHEMES):
        file = file.partition(":")[2]
    if not _SCHEME.match(file) and file != MEMORY and not Path(file).is_file():
        raise WarehouseUnavailable(
            f"The warehouse file {file} does not exist.",
            remedy="Run `dbt build`, or check `path:` in profiles.yml.",
        )


def unavailable(path: str, reason: str, *, write: bool) -> WarehouseError:
    """Return the error for a database that DuckDB cannot open."""
    first = reason.splitlines()[0].partition(" See also ")[0].rstrip(".") + "."
    # The path may have any of the words below.
    words = reason.replace(path, "")
    if "Permission denied" in words:
        needed = "read and write" if write else "read"
        return MissingRight(
            f"Cannot open the warehouse file {path}: {first}",
            remedy=f"Let the user of this process {needed} the file"
            + (" and create files beside it." if write else "."),
        )
    if "lock" in words:
        return WarehouseUnavailable(
            f"The warehouse file {path} is locked by another process: {first}",
            remedy="Wait until that process (dbt, a sync, an open session) has finished.",
        )
    if "different configuration" in words or "already attached" in words:
        return WarehouseUnavailable(
            f"The warehouse file {path} is already open in this process: {first}",
            remedy="Close the other connection to the file first.",
        )
    if "extension" in words:
        return WarehouseUnavailable(
            f"Cannot open the warehouse {path}: {first}",
            remedy="Install DuckDB's extension on this machine: `INSTALL <name>`, as dbt-duckdb"
            " does for `extensions:`.",
        )
    return WarehouseUnavailable(f"Cannot open the warehouse file {path}: {first}")


def is_lake(path: str) -> bool:
    """Return whether a path is a DuckLake's.

    >>> is_lake("ducklake:meta.ducklake"), is_lake("shop.duckdb")
    (True, False)
    """
    return path.lower().startswith("ducklake:")


def setting(attachment: Mapping[str, Any], key: str) -> Any:
    """Return a setting of an attachment, from beside its path or from its `options:`."""
    return attachment.get(key) or (attachment.get("options") or {}).get(key)


def absolute_path(path: str, folder: Path) -> str:
    """Return a path that starts from the project's folder, as for dbt; addresses stay.

    >>> absolute_path("ducklake:meta.db", Path("/shop")), absolute_path("md:shop", Path("/shop"))
    ('ducklake:/shop/meta.db', 'md:shop')
    """
    scheme = _SCHEME.fullmatch(path)
    if scheme is None:
        return path if path == MEMORY else str((folder / Path(path).expanduser()).resolve())
    if scheme[1].lower() not in _FILE_SCHEMES:
        return path
    return scheme[1] + absolute_path(scheme[2], folder)


def _path(profile: Profile) -> str:
    return str(profile.settings.get("path") or MEMORY)
