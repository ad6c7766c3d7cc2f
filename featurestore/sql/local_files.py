"""Files of this machine as a FROM item, for the engines that run on it."""

from __future__ import annotations

from pathlib import Path

from sqlglot import exp

from featurestore.sql.dialects import dialect_record
from featurestore.values.missing import Missing

__all__ = ["local_file"]


def local_file(path: Path, dialect: str) -> str | Missing:
    """Return the call that reads a file, or why the dialect cannot read it.

    >>> local_file(Path("rows.parquet"), "duckdb")
    "read_parquet('rows.parquet')"
    >>> local_file(Path("rows.parquet"), "postgres").engine_cannot
    True
    """
    record = dialect_record(dialect)
    if isinstance(record.local_files, Missing):
        return record.local_files
    function = record.local_files.get(path.suffix)
    if function is None:
        return Missing(f"only {' and '.join(record.local_files)} files are read")
    return f"{function}({exp.Literal.string(str(path)).sql(record.grammar)})"
