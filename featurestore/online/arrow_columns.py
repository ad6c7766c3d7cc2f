"""Convert the columns of an online response to Arrow without rounding a number."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from decimal import Context, Decimal
from numbers import Integral
from typing import TYPE_CHECKING, Any

from featurestore.errors import EntityFrameError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["entity_array", "feature_array"]


def entity_array(name: str, values: Sequence[Any]) -> pa.Array[Any]:
    """Return a column of the entity rows, with the type that Arrow finds for its values.

    Raises:
        EntityFrameError: No single type fits all values.
    """
    import pyarrow as pa

    try:
        column: pa.Array[Any] = pa.array(values)
    except OverflowError:
        return _large_integers(name, values)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise EntityFrameError(
            f"The entity rows' column '{name}' has values of several types: {error}."
        ) from error
    return column


def _large_integers(name: str, values: Sequence[Any]) -> pa.Array[Any]:
    """Return integers beyond int64 as uint64, or as decimal128(38, 0)."""
    import pyarrow as pa

    if not all(value is None or _is_integer(value) for value in values):
        raise EntityFrameError(
            f"The entity rows' column '{name}' has values of several types: some are integers."
        )
    plain = [None if value is None else int(value) for value in values]
    for kind in (pa.uint64(), pa.decimal128(38, 0)):
        with suppress(OverflowError, pa.ArrowInvalid):
            column: pa.Array[Any] = pa.array(plain, kind)
            return column
    raise EntityFrameError(
        f"The entity rows' column '{name}' has an integer of more than 38 digits, which no Arrow"
        " type holds.",
        remedy="Leave it out, or pass it as text.",
    )


def _is_integer(value: Any) -> bool:
    # numpy registers its integers as Integral.
    return isinstance(value, Integral) and not isinstance(value, bool)


def feature_array(values: Sequence[Any], kind: pa.DataType) -> pa.Array[Any]:
    """Return a feature's column with its published type."""
    import pyarrow as pa

    if not pa.types.is_decimal(kind):
        column: pa.Array[Any] = pa.array(values, kind)
        return column
    # DuckDB's largest integers come as decimals of 39 digits, which pa.array refuses.
    exact = Context(prec=100)
    unscaled = [int(Decimal(value or 0).scaleb(kind.scale, context=exact)) for value in values]
    raw = b"".join(number.to_bytes(16, "little", signed=True) for number in unscaled)
    present = pa.array([value is not None for value in values], pa.bool_()).buffers()[1]
    decimals: pa.Array[Any] = pa.Array.from_buffers(
        kind, len(raw) // 16, [present, pa.py_buffer(raw)]
    )
    return decimals
