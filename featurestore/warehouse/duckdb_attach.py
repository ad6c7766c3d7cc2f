"""Attach the databases of a dbt-duckdb target, relative paths starting in the project's folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from featurestore.warehouse.duckdb_file import MEMORY, absolute_path, is_lake, setting

if TYPE_CHECKING:
    import duckdb

__all__ = ["attach"]

_NAMED_OPTIONS = ("type", "secret")
_OWN_OPTIONS = (*_NAMED_OPTIONS, "read_only")
_LAKE_METADATA = "__ducklake_metadata_"


def attach(
    connection: duckdb.DuckDBPyConnection,
    attachment: Mapping[str, Any],
    folder: Path,
    *,
    write: bool,
) -> str:
    """Attach a database; return its name.

    Args:
        connection: The connection.
        attachment: An item of the profile's `attach:`.
        folder: The dbt project's folder.
        write: Whether to attach the database for writing.
    """
    connection.execute(_statement(attachment, folder, write=write))
    name = str(attachment.get("alias") or _newest_name(connection))
    if is_lake(str(attachment["path"])) and Path.cwd() != folder:
        files = _files_of_lake(connection, name)
        if "://" not in files and not Path(files).is_absolute():
            # A DuckLake records its folder of files as dbt named it: relative to the project.
            options = {"data_path": f"{folder / files}/", "override_data_path": True}
            there = {**attachment, "options": {**(attachment.get("options") or {}), **options}}
            connection.execute(f"DETACH {_quoted(name)}")
            connection.execute(_statement(there, folder, write=write))
    return name


def _statement(attachment: Mapping[str, Any], folder: Path, *, write: bool) -> str:
    r"""Return the statement that attaches a database, with the options that dbt-duckdb sets.

    >>> _statement({"path": "x.db", "alias": "x"}, Path("/shop"), write=False)
    'ATTACH IF NOT EXISTS \'/shop/x.db\' AS "x" (READ_ONLY)'
    """
    path = absolute_path(str(attachment["path"]), folder)
    alias = attachment.get("alias")
    named = f" AS {_quoted(str(alias))}" if alias else ""
    options = [] if write or path == MEMORY else ["READ_ONLY"]
    options += [
        f"{key} {setting(attachment, key)}" for key in _NAMED_OPTIONS if setting(attachment, key)
    ]
    for key, value in (attachment.get("options") or {}).items():
        if key not in _OWN_OPTIONS and value not in (None, False):
            options.append(key if value is True else f"{key} {_literal(value)}")
    listed = f" ({', '.join(options)})" if options else ""
    return f"ATTACH IF NOT EXISTS {_literal(path)}{named}{listed}"


def _newest_name(connection: duckdb.DuckDBPyConnection) -> str:
    """Return the name that DuckDB gave to the database that was attached last."""
    found = connection.execute(
        "SELECT database_name FROM duckdb_databases() WHERE NOT internal"
        f" AND NOT starts_with(database_name, '{_LAKE_METADATA}')"
        " ORDER BY database_oid DESC LIMIT 1"
    ).fetchone()
    return str(found[0]) if found else ""


def _files_of_lake(connection: duckdb.DuckDBPyConnection, name: str) -> str:
    """Return the folder of a DuckLake's files, as the lake records it."""
    table = f"{_quoted(_LAKE_METADATA + name)}.ducklake_metadata"
    found = connection.execute(
        f"SELECT value FROM {table} WHERE key = 'data_path' AND scope IS NULL"
    ).fetchone()
    return str(found[0]) if found else ""


def _quoted(name: str) -> str:
    return exp.to_identifier(name, quoted=True).sql("duckdb")


def _literal(value: object) -> str:
    return exp.Literal.string(str(value)).sql("duckdb")
