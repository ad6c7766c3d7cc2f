"""Join keys of a data frame that are texts or nanoseconds, in the types of the feature views.

The parsed values are columns of their own, so that the frame's columns pass through untouched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from featurestore.errors import EntityFrameError
from featurestore.registry.definitions import FeatureView, ServiceMember
from featurestore.sql.plan import parsed_name
from featurestore.training.entity_frame import EntityFrame
from featurestore.values.arrow_instants import floor_to_micros
from featurestore.values.key_rules import checked_rule, key_rule
from featurestore.values.types import DataType, Kind

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["with_parsed_keys"]


def with_parsed_keys(
    frame: EntityFrame, members: Sequence[ServiceMember], views: Mapping[str, FeatureView]
) -> EntityFrame:
    """Return a data frame with a further column for each join key that needs parsing.

    Args:
        frame: The entity rows; rows that the warehouse has already are returned as they are.
        members: The requested features of each view.
        views: The views by name, with all types known.

    Raises:
        EntityFrameError: A value is not of the type of its join key.
    """
    if frame.table is None:
        return frame
    columns = {}
    for name, key_type in _keys(members, views):
        if name in frame.table.column_names:
            parsed = _parsed(name, frame.table.column(name), key_type)
            if parsed is not None:
                columns[parsed_name(name, key_type)] = parsed
    table = frame.table
    for name, column in columns.items():
        if name in table.column_names:
            raise EntityFrameError(
                f"The entity frame has a column '{name}', a name that the statement uses itself.",
                remedy="Rename the column.",
            )
        table = table.append_column(name, column)
    return replace(frame, table=table, parsed=tuple(columns))


def _keys(
    members: Sequence[ServiceMember], views: Mapping[str, FeatureView]
) -> Iterator[tuple[str, DataType]]:
    for member in members:
        view = views[member.view]
        names = member.key_names(view)
        for key in view.join_keys:
            if key.data_type is not None:
                yield names[key.name], key.data_type


def _parsed(name: str, column: Any, key_type: DataType) -> Any:
    """Return a column in the type of its join key; None if the warehouse can compare it."""
    import pyarrow as pa

    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if key_type.family == "timestamp" and pa.types.is_timestamp(kind) and kind.unit == "ns":
        return None if key_type.has_nanoseconds else _in_micros(name, column, key_type)
    if key_type.family not in _ARRAYS or not _is_text(kind):
        return None
    rule = key_rule(key_type)
    # Integers are not texts, and a wide integer may be a decimal.
    if rule is None or (key_type.kind is Kind.DECIMAL and not key_type.scale):
        return None
    read = checked_rule(name, str(key_type), rule)
    values = [None if value is None else read(value) for value in column.to_pylist()]
    try:
        return _ARRAYS[key_type.family](values, key_type)
    except (pa.ArrowInvalid, OverflowError) as error:
        raise EntityFrameError(
            f"The texts of the entity frame's column '{name}' do not fit {key_type}: {error}."
        ) from error


def _is_text(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    )


def _in_micros(name: str, column: Any, key_type: DataType) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    cut = floor_to_micros(column)
    finer = pc.not_equal(cut.cast(column.type), column)
    if pc.any(finer).as_py():
        value = column.filter(finer)[0]
        checked_rule(name, str(key_type), _refuse)(str(value))
    zone = "UTC" if cut.type.tz else None
    return cut.cast(pa.timestamp("us", zone))


def _refuse(value: Any) -> Any:
    raise ValueError(value)


def _instants(values: Sequence[Any], key_type: DataType) -> Any:
    import pyarrow as pa

    zoned = pa.array(values, pa.timestamp("us", "UTC"))
    return zoned if key_type.kind is Kind.TIMESTAMPTZ else zoned.cast(pa.timestamp("us"))


def _uuids(values: Sequence[Any], _: DataType) -> Any:
    import pyarrow as pa

    raw = pa.array([None if value is None else value.bytes for value in values], pa.binary(16))
    return pa.ExtensionArray.from_storage(pa.uuid(), raw)


def _plain(kind: str) -> Callable[[Sequence[Any], DataType], Any]:
    def array(values: Sequence[Any], _: DataType) -> Any:
        import pyarrow as pa

        return pa.array(values, getattr(pa, kind)())

    return array


def _decimals(values: Sequence[Any], _: DataType) -> Any:
    import pyarrow as pa

    # With all digits of the texts: 1.005 is not the key 1.00 of a decimal(10,2).
    return pa.array(values, None if any(value is not None for value in values) else pa.null())


_ARRAYS: dict[str, Callable[[Sequence[Any], DataType], Any]] = {
    "boolean": _plain("bool_"),
    "date": _plain("date32"),
    "decimal": _decimals,
    "timestamp": _instants,
    "uuid": _uuids,
}
