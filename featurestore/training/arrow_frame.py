"""A data frame as Arrow: the types that a warehouse takes, and those that wait outside of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from featurestore.errors import EntityFrameError, MissingExtra

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["check_repeated", "durations_of", "frame_to_arrow", "with_types_of"]


def frame_to_arrow(frame: Any) -> pa.Table:
    """Return a pandas, polars or Arrow frame as a table of types that every warehouse can take.

    Numbers of 16 bits become numbers of 32 bits, which hold the same values.

    Raises:
        EntityFrameError: The value is not a frame, or a column has no type that a warehouse takes.
        MissingExtra: pyarrow is not installed.
    """
    table = _read(frame)
    refused = next((field for field in table.schema if _is_refused(field.type)), None)
    if refused is not None:
        raise EntityFrameError(
            f"The entity frame's column '{refused.name}' is {refused.type}, which no warehouse"
            " takes.",
            remedy="Convert it to another type, or leave it out.",
        )
    return with_types_of(table, {each.name: _widened(each.type) for each in table.schema})


def with_types_of(table: pa.Table, types: Mapping[str, pa.DataType]) -> pa.Table:
    """Return a table with some columns cast; the others keep their types."""
    import pyarrow as pa

    wanted = [each.with_type(types.get(each.name, each.type)) for each in table.schema]
    schema = pa.schema(wanted)
    return table if schema == table.schema else table.cast(schema)


def durations_of(table: pa.Table) -> dict[str, pa.DataType]:
    """Return the types of the columns that hold durations.

    An interval of a warehouse has months and days, which a duration has not; so a duration crosses
    the warehouse as an integer.
    """
    import pyarrow as pa

    return {each.name: each.type for each in table.schema if pa.types.is_duration(each.type)}


def check_repeated(names: Sequence[str]) -> None:
    """Refuse names that differ only in capital letters: to a warehouse, they are the same."""
    folded = [name.lower() for name in names]
    repeated = sorted({name for name in names if folded.count(name.lower()) > 1})
    if repeated:
        raise EntityFrameError(
            f"The entity frame has more than one column named {', '.join(repeated)}.",
            remedy="Rename or drop one of them; capital letters make no difference.",
        )


def _read(frame: Any) -> pa.Table:
    try:
        import pyarrow as pa
    except ImportError:
        raise MissingExtra("pyarrow", "duckdb", purpose="Reading a data frame") from None
    if isinstance(frame, pa.Table):
        return frame
    package, kind = type(frame).__module__.partition(".")[0], type(frame).__qualname__
    # By name: importing pandas to look at another frame would take a second.
    is_pandas = "DataFrame" in [each.__qualname__ for each in type(frame).__mro__]
    try:
        if package == "pandas" and is_pandas:
            check_repeated([str(name) for name in frame.columns])
            return pa.Table.from_pandas(frame, preserve_index=False)
        if hasattr(frame, "collect") and hasattr(frame, "lazy"):
            frame = frame.collect()
        is_column = kind in ("Series", "ChunkedArray")
        if not is_column and hasattr(frame, "__arrow_c_stream__"):
            return pa.table(frame)
    except (pa.ArrowException, TypeError) as error:
        reason = " ".join(": ".join(map(str, error.args)).split())
        raise EntityFrameError(
            f"The entity frame cannot be read as Arrow: {reason.rstrip('.')}.",
            remedy="Give each column one type, for example with astype().",
        ) from error
    raise EntityFrameError(
        f"The entity frame is of the type {type(frame).__module__}.{kind}.",
        remedy="Give a pandas, polars or Arrow frame, a SELECT, a table's name,"
        " 'ref:<model>' or the Path of a file.",
    )


def _is_refused(kind: pa.DataType) -> bool:
    import pyarrow as pa

    refused = (pa.types.is_decimal256, pa.types.is_union)
    return any(check(part) for part in _parts(kind) for check in refused) or (
        # Arrow casts a number of 16 bits, and not one inside of a list.
        pa.types.is_nested(kind) and any(map(pa.types.is_float16, _parts(kind)))
    )


def _parts(kind: pa.DataType) -> Iterator[pa.DataType]:
    yield kind
    for index in range(kind.num_fields):
        yield from _parts(kind.field(index).type)


def _widened(kind: pa.DataType) -> pa.DataType:
    import pyarrow as pa

    return pa.float32() if pa.types.is_float16(kind) else kind
