"""A file of entity rows: a query where the engine runs on this machine, else an Arrow table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from featurestore.errors import EntityFrameError, MissingExtra
from featurestore.sql.local_files import local_file
from featurestore.values.missing import Missing

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["ENTITY_FILES", "read_entity_file"]

ENTITY_FILES = (".csv", ".parquet")
"""The suffixes of the files that can hold entity rows."""


def read_entity_file(path: Path, dialect: str) -> str | pa.Table:
    """Return a query over a file, or the file's rows.

    An engine on this machine reads the file itself, so that a large file is never held in memory.
    Other engines get the rows; a CSV file then needs commas, and an empty field is NULL.

    Args:
        path: A .csv or .parquet file.
        dialect: The dialect of the warehouse.

    Raises:
        EntityFrameError: The file is of another kind, is missing or cannot be read.
    """
    if path.suffix not in ENTITY_FILES:
        raise EntityFrameError(
            f"A file of entity rows must end in {' or '.join(ENTITY_FILES)}, got '{path}'."
        )
    try:
        with path.open("rb"):
            pass
    except OSError as error:
        raise EntityFrameError(f"Cannot read {path}: {error.strerror}.") from None
    # Absolute: the query is kept on the card, and may run again in another folder.
    scan = local_file(path.resolve(), dialect)
    return _arrow_table(path) if isinstance(scan, Missing) else f"SELECT * FROM {scan}"


def _arrow_table(path: Path) -> pa.Table:
    try:
        import pyarrow as pa
        from pyarrow import csv, parquet
    except ImportError:
        raise MissingExtra("pyarrow", "duckdb", purpose="Reading a file") from None
    try:
        if path.suffix == ".parquet":
            # Without partitions: a folder named `year=2024` must not become a column.
            return parquet.read_table(path, partitioning=None)
        # As DuckDB reads a CSV file: only an empty field is NULL, in columns of text too.
        nulls = csv.ConvertOptions(null_values=[""], strings_can_be_null=True)
        return csv.read_csv(path, convert_options=nulls)
    except (OSError, pa.ArrowException) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise EntityFrameError(f"Cannot read {path}: {reason}.") from error
