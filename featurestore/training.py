"""Training sets: a request becomes a job, and a job becomes SQL, a frame, a file or a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from featurestore.checks import with_types
from featurestore.definitions import ServiceMember
from featurestore.entity_frame import EntityFrame
from featurestore.errors import MissingExtra
from featurestore.registry import Registry
from featurestore.sql.plan import Plan, make_plan
from featurestore.sql.point_in_time import point_in_time
from featurestore.warehouse.protocol import Warehouse

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa

__all__ = ["Connect", "Request", "TrainingJob"]

Result = TypeVar("Result")


class Connect(Protocol):
    """Opens the warehouse for one operation; it is closed again at the end of the block."""

    def __call__(self, *, write: bool = False) -> AbstractContextManager[Warehouse]:
        """Open the warehouse."""


@dataclass(frozen=True, slots=True)
class Request:
    """What the caller asks of a training set; see `FeatureStore.get_historical_features`."""

    entity_frame: EntityFrame
    members: Sequence[ServiceMember]
    event_timestamp: str = "event_timestamp"
    full_feature_names: bool = False
    feature_timestamps: bool = False
    as_known: bool = False
    strategy: str | None = None


class TrainingJob:
    """A training set that has been checked and planned, and is built when a result is asked for.

    The warehouse is open only while a method runs, so that a job kept in a notebook blocks nobody.

    Args:
        registry: The project's definitions.
        connect: Opens the warehouse.
        request: What to build.

    Raises:
        FeatureStoreError: The request does not fit the entity frame or the warehouse.
    """

    def __init__(self, registry: Registry, connect: Connect, request: Request) -> None:
        self._registry = registry
        self._connect = connect
        self._request = request
        with connect() as warehouse:
            self.plan = self._make_plan(warehouse)
        self._sql = point_in_time(self.plan, request.strategy)

    def _make_plan(self, warehouse: Warehouse) -> Plan:
        request = self._request
        names = {member.view for member in request.members}
        views = {name: with_types(self._registry.view(name), warehouse) for name in sorted(names)}
        return make_plan(
            self._registry.dialect,
            request.entity_frame.spine(warehouse, request.event_timestamp),
            request.members,
            views,
            full_feature_names=request.full_feature_names,
            feature_timestamps=request.feature_timestamps,
            as_known=request.as_known,
        )

    def to_sql(self) -> str:
        """Return the statement, formatted; a data frame stands in it as `entity_df`."""
        return self._sql

    def to_arrow(self) -> pa.Table:
        """Build the training set as an Arrow table, in the order of the data frame given."""
        return self._run(lambda warehouse: warehouse.stream(self._sql).read_all())

    def to_df(self) -> pd.DataFrame:
        """Build the training set as a pandas frame.

        Integers and booleans have pandas' nullable types, so that a missing value does not turn
        an integer into a float.

        Raises:
            MissingExtra: pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError:
            raise MissingExtra("pandas", "pandas", purpose="to_df()") from None
        table = self.to_arrow()
        frame: pd.DataFrame = table.to_pandas(types_mapper=_nullable_types(pd).get)
        return frame

    def to_polars(self) -> pl.DataFrame:
        """Build the training set as a polars frame.

        Raises:
            MissingExtra: polars is not installed.
        """
        try:
            import polars as pl
        except ImportError:
            raise MissingExtra("polars", "polars", purpose="to_polars()") from None
        return pl.DataFrame(self.to_arrow())

    def to_parquet(self, path: str | Path) -> int:
        """Write the training set to a Parquet file; return its number of rows.

        The file appears whole or not at all.
        """
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        return self._run(lambda warehouse: warehouse.write_parquet(target, self._sql))

    def to_table(self, name: str) -> int:
        """Create or replace a table in the warehouse; return its number of rows."""
        return self._run(lambda warehouse: warehouse.write_table(name, self._sql), write=True)

    def _run(self, use: Callable[[Warehouse], Result], *, write: bool = False) -> Result:
        with self._connect(write=write) as warehouse:
            self._request.entity_frame.spine(warehouse, self._request.event_timestamp)
            return use(warehouse)


def _nullable_types(pandas: Any) -> dict[pa.DataType, Any]:
    import pyarrow as pa

    names = ("Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64")
    types = {getattr(pa, name.lower())(): getattr(pandas, f"{name}Dtype")() for name in names}
    return {**types, pa.bool_(): pandas.BooleanDtype()}
