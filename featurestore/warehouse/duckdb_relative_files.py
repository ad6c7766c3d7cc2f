"""Files that DuckDB's views name by a relative path, as external models of dbt-duckdb do.

dbt runs in the project's folder, so such a path starts there; DuckDB starts it where the process
runs.
"""

from __future__ import annotations

import glob
import re
from pathlib import Path
from typing import TYPE_CHECKING

from sqlglot import exp

from featurestore.errors import WarehouseUnavailable

if TYPE_CHECKING:
    import duckdb

__all__ = ["find_files_in"]

_QUOTED = re.compile(r"""'([^'\n]+)'|"([^"\n]+)\"""")


def find_files_in(folder: Path, connection: duckdb.DuckDBPyConnection) -> None:
    """Let the views of a connection find their files in a folder, wherever the process runs.

    Args:
        folder: The dbt project's folder, resolved.
        connection: The connection, before any attached database is read.

    Raises:
        WarehouseUnavailable: A view would read a file of the process's folder instead.
    """
    here = Path.cwd()
    if here == folder:
        return
    found = connection.execute("SELECT view_name, sql FROM duckdb_views() WHERE NOT internal")
    for view, sql in found.fetchall():
        for name in (one or other for one, other in _QUOTED.findall(sql or "")):
            # DuckDB takes a file of the process's folder before the folders of the list below.
            if not Path(name).is_absolute() and glob.glob(name):  # noqa: PTH207, as DuckDB does
                raise WarehouseUnavailable(
                    f"The view {view} reads the file '{name}' of the dbt project, and {here} has"
                    " one of this name too.",
                    remedy=f"Run in {folder}, or make the model's `location` absolute.",
                )
    # The process's folder as well: a pattern in a query that the user types starts there.
    folders = exp.Literal.string(f"{folder},{here}").sql("duckdb")
    connection.execute(f"SET file_search_path = {folders}")
