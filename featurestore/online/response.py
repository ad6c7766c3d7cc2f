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
        published = dict(read.plan.schema.features)
        wanted = [(feature, published.get(feature)) for feature in read.plan.features]
        types |= {
            name: kind or "null" for name, (_, kind) in zip(read.plan.names, wanted, strict=True)
        }
        ttl = None if read.plan.view.ttl is None else read.plan.view.ttl // _MICROSECOND
        oldest = None if ttl is None else now - ttl
        cells = _columns(rows, wanted, oldest)
        values |= {name: column for name, (column, _) in zip(read.plan.names, cells, strict=True)}
        statuses |= {name: column for name, (_, column) in zip(read.plan.names, cells, strict=True)}
    return OnlineResponse(columns, values, statuses, types)


Column = tuple[list[Any], list[Status]]


def _columns(
    rows: Sequence[Found | None], wanted: Sequence[tuple[str, str | None]], oldest: int | None
) -> list[Column]:
    """Return the values and the statuses of each feature."""
    if _all_alike(rows, oldest):
        return _transposed(rows, wanted)
    columns: list[Column] = [([], []) for _ in wanted]
    positions: dict[bytes, list[int | None]] = {}
    for found in rows:
        missing = _missing(found, oldest)
        if found is None or missing is not None:
            for values, statuses in columns:
                values.append(None)
                statuses.append(missing or Status.NOT_FOUND)
            continue
        fingerprint = found.schema.fingerprint
        if fingerprint not in positions:
            positions[fingerprint] = _positions(found.schema, wanted)
        row = found.row.values  # noqa: PD011, a tuple
        for (values, statuses), position in zip(columns, positions[fingerprint], strict=True):
            value = None if position is None else row[position]
            values.append(value)
            statuses.append(_status(position, value))
    return columns


def _all_alike(rows: Sequence[Found | None], oldest: int | None) -> bool:
    """Whether all rows were found, by one schema, and none has expired: the usual case."""
    first = rows[0].schema if rows and rows[0] is not None else None
    return first is not None and all(
        found is not None
        and found.schema is first
        and (oldest is None or found.row.event >= oldest)
        for found in rows
    )


def _transposed(
    rows: Sequence[Found | None], wanted: Sequence[tuple[str, str | None]]
) -> list[Column]:
    found = [row for row in rows if row is not None]
    by_feature = list(zip(*(row.row.values for row in found), strict=True))  # noqa: PD011
    complete = all(row.row.complete for row in found)
    columns: list[Column] = []
    for position in _positions(found[0].schema, wanted):
        if position is None:
            columns.append(([None] * len(found), [Status.NOT_FOUND] * len(found)))
            continue
        values = list(by_feature[position])
        if complete:
            columns.append((values, [Status.PRESENT] * len(found)))
        else:
            columns.append((values, [_status(position, value) for value in values]))
    return columns


def _missing(found: Found | None, oldest: int | None) -> Status | None:
    """Say why a row gives no values; None where it does."""
    if found is None:
        return Status.NOT_FOUND
    return Status.EXPIRED if oldest is not None and found.row.event < oldest else None


def _status(position: int | None, value: Any) -> Status:
    if position is None:
        return Status.NOT_FOUND
    return Status.NULL if value is None else Status.PRESENT


def _positions(schema: Schema, wanted: Sequence[tuple[str, str | None]]) -> list[int | None]:
    """Find features in a row; one that was retyped since has no value of its new type."""
    places = {feature: index for index, feature in enumerate(schema.features)}
    return [places.get((name, kind)) if kind is not None else None for name, kind in wanted]
