"""The forms that a built training set can take, and the places of its card."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from featurestore.errors import MissingExtra, PlanError
from featurestore.lineage.name_rules import NameRules
from featurestore.sql.dialects import grammar
from featurestore.sql.on_demand import enriched_names
from featurestore.sql.plan import TrainingPlan
from featurestore.values.frame_decimals import Decimals, decimal_dtype

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

__all__ = [
    "card_path",
    "make_folder",
    "output_names",
    "parquet_card_path",
    "to_pandas",
    "to_polars",
]

_SEPARATORS = re.compile(r"""[./\\:%"]""")
"""The signs of a quoted name that separate the parts of a table's name or of a path."""


def to_pandas(table: pa.Table, decimals: Decimals = "arrow") -> pd.DataFrame:
    """Return a table as a pandas frame with nullable integers and booleans.

    Args:
        table: The table.
        decimals: How the frame holds decimals.

    Raises:
        MissingExtra: pandas is not installed.
    """
    try:
        import pandas as pd
    except ImportError:
        raise MissingExtra("pandas", "pandas", purpose="to_df()") from None
    dtypes = _nullable_types(pd)
    for place, field in enumerate(table.schema):
        dtype = decimal_dtype(field.type, decimals, pd)
        if dtype == "float64":
            table = table.set_column(place, field.name, table.column(place).cast(dtype))
        elif dtype is not None:
            dtypes[field.type] = dtype
    frame: pd.DataFrame = table.to_pandas(types_mapper=dtypes.get)
    return frame


def _nullable_types(pandas: Any) -> dict[pa.DataType, Any]:
    import pyarrow as pa

    names = ("Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64")
    types = {getattr(pa, name.lower())(): getattr(pandas, f"{name}Dtype")() for name in names}
    return {**types, pa.bool_(): pandas.BooleanDtype()}


def to_polars(table: pa.Table) -> pl.DataFrame:
    """Return a table as a polars frame.

    Raises:
        MissingExtra: polars is not installed.
    """
    try:
        import polars as pl
    except ImportError:
        raise MissingExtra("polars", "polars", purpose="to_polars()") from None
    return pl.DataFrame(table)


def output_names(plan: TrainingPlan) -> Iterator[str]:
    """Yield the names of a training set's columns, in order."""
    yield from enriched_names(plan)
    yield from (computed.name for computed in plan.on_demand)


def make_folder(file: Path) -> None:
    """Make the folder of a file.

    Raises:
        PlanError: The folder cannot be made.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PlanError(f"Cannot write {file}: {error.strerror}.") from error


def card_path(table: str, target_path: Path, dialect: str) -> Path:
    """Return the file of a table's card, beside dbt's artifacts: one for each table.

    >>> card_path('"main"."Training"', Path("target"), "duckdb").as_posix()
    'target/featurestore/main.training.card.json'
    >>> card_path('"a.b/c"', Path("target"), "duckdb").as_posix()
    'target/featurestore/a%2Eb%2Fc.card.json'
    """
    parts = NameRules(dialect).table(exp.to_table(table, dialect=grammar(dialect)))
    plain = ".".join(_SEPARATORS.sub(lambda sign: f"%{ord(sign[0]):02X}", part) for part in parts)
    return target_path / "featurestore" / f"{plain}.card.json"


def parquet_card_path(file: Path) -> Path:
    """Return the file of a Parquet file's card, beside it.

    Raises:
        PlanError: The file's name does not end in .parquet. Two such files have two cards, which
            files of other endings would share.
    """
    if file.suffix != ".parquet":
        raise PlanError(f"The file of a training set must end in .parquet, got '{file}'.")
    return file.with_suffix(".card.json")
