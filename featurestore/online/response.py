"""What an online read returns: the values, and for each of them whether it is one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Context, Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from featurestore.errors import EntityFrameError, MissingExtra, NameCollision
from featurestore.online.codec import Row, Schema
from featurestore.online.request import ViewRead
from featurestore.online.wire import to_arrow_type

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = ["Found", "OnlineResponse", "Status", "respond"]

_MICROSECOND = timedelta(microseconds=1)


class Status(StrEnum):
    """Whether a value was found, and if not, why.

    A value that is not PRESENT is None.
    """

    PRESENT = "PRESENT"
    NULL = "NULL"
    NOT_FOUND = "NOT_FOUND"
    EXPIRED = "EXPIRED"


@dataclass(frozen=True, slots=True)
class Found:
    """A row that was found, and the schema that it was published by."""

    row: Row
    schema: Schema


@dataclass(frozen=True, slots=True)
class OnlineResponse:
    """The newest values of some entities, a column per feature.

    Attributes:
        entities: The entity rows as given, by column.
        values: The values by the feature's name; None where there is none.
        statuses: The status of each value, by the feature's name.
        types: The published type of each feature, by name.
    """

    entities: Mapping[str, list[Any]]
    values: Mapping[str, list[Any]]
    statuses: Mapping[str, list[Status]]
    types: Mapping[str, str]

    def to_dict(self, *, include_statuses: bool = False) -> dict[str, list[Any]]:
        """Return one list per column: the entity rows' columns, then the features.

        Args:
            include_statuses: Add `<feature>__status` for each feature.
        """
        columns = {**self.entities, **self.values}
        if include_statuses:
            statuses = {f"{name}__status": list(found) for name, found in self.statuses.items()}
            for name in statuses.keys() & columns.keys():
                raise NameCollision(f"Two columns would be named '{name}'.")
            columns |= statuses
        return columns

    def to_arrow(self) -> pa.Table:
        """Return an Arrow table; each feature has the type that it has in a training set."""
        import pyarrow as pa

        arrays = [_entity_array(name, values) for name, values in self.entities.items()]
        arrays += [
            _feature_array(values, to_arrow_type(self.types[name]))
            for name, values in self.values.items()
        ]
        return pa.table(arrays, names=[*self.entities, *self.values])

    def to_df(self) -> pd.DataFrame:
        """Return a pandas frame; the features are objects, so that no type is lost.

        Raises:
            MissingExtra: pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError:
            raise MissingExtra("pandas", "pandas", purpose="to_df()") from None
        columns = {name: pd.Series(values) for name, values in self.entities.items()}
        columns |= {name: pd.Series(values, dtype=object) for name, values in self.values.items()}
        return pd.DataFrame(columns)


def _entity_array(name: str, values: Sequence[Any]) -> pa.Array[Any]:
    import pyarrow as pa

    try:
        column: pa.Array[Any] = pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise EntityFrameError(
            f"The entity rows' column '{name}' has values of several types: {error}."
        ) from error
    return column


def _feature_array(values: Sequence[Any], kind: pa.DataType) -> pa.Array[Any]:
    import pyarrow as pa

    if not pa.types.is_decimal(kind):
        column: pa.Array[Any] = pa.array(values, kind)
        return column
    # Not by pa.array: DuckDB's largest integers come as decimals of 39 digits, and Arrow balks.
    exact = Context(prec=100)
    unscaled = [int(Decimal(value or 0).scaleb(kind.scale, context=exact)) for value in values]
    raw = b"".join(number.to_bytes(16, "little", signed=True) for number in unscaled)
    present = pa.array([value is not None for value in values], pa.bool_()).buffers()[1]
    decimals: pa.Array[Any] = pa.Array.from_buffers(
        kind, len(raw) // 16, [present, pa.py_buffer(raw)]
    )
    return decimals


def respond(
    columns: dict[str, list[Any]],
    reads: Sequence[ViewRead],
    found: Sequence[Sequence[Found | None]],
    now: int,
) -> OnlineResponse:
    """Make the response from the rows that were found.

    Args:
        columns: The entity rows.
        reads: What was read of each view.
        found: For each read, the row of each entity row, or None.
        now: The moment against which ttls are held, in microseconds since 1970.
    """
    values: dict[str, list[Any]] = {}
    statuses: dict[str, list[Status]] = {}
    types: dict[str, str] = {}
    for read, rows in zip(reads, found, strict=True):
        published = dict(read.schema.features)
        ttl = None if read.view.ttl is None else read.view.ttl // _MICROSECOND
        for feature, name in zip(read.features, read.names, strict=True):
            types[name] = published.get(feature, "null")
            cells = [_cell(row, feature, published.get(feature), ttl, now) for row in rows]
            values[name] = [value for value, _ in cells]
            statuses[name] = [status for _, status in cells]
    return OnlineResponse(columns, values, statuses, types)


def _cell(
    found: Found | None, feature: str, kind: str | None, ttl: int | None, now: int
) -> tuple[Any, Status]:
    if found is None:
        return None, Status.NOT_FOUND
    if ttl is not None and now - found.row.event > ttl:
        return None, Status.EXPIRED
    row = found.row.values  # noqa: PD011, a tuple
    for index, column in enumerate(found.schema.features):
        # A feature that was retyped since the row was written has no value of its new type.
        if column == (feature, kind):
            value = row[index]
            return value, Status.NULL if value is None else Status.PRESENT
    return None, Status.NOT_FOUND
