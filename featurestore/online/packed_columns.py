"""The columns of a read as they come from Redis, without an object for each value.

A read in which every row is found and no value is NULL gives such columns. A matrix and an Arrow
table are built from them directly; Python values are made when they are first asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from featurestore.online.arrow_columns import feature_array
from featurestore.online.numpy_columns import instants_of
from featurestore.online.online_types import OnlineType, ticks_of, to_arrow_type

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

__all__ = ["PackedColumn", "PackedValues", "arrow_column", "floats", "is_packable"]

Part = Any
"""A numpy array of fixed-width values, or a list of the bytes or texts of others."""

_NUMBERS = frozenset(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)) | {
    "bool",
    "float32",
    "float64",
}
_VARYING = frozenset({"string", "bytes"})


def is_packable(kind: OnlineType) -> bool:
    """Return whether values of a type can always be decoded, once their bytes are checked."""
    plain = kind.name in _NUMBERS or kind.name in _VARYING or kind.code == "16s"
    return plain or ticks_of(kind.name) is not None


class PackedColumn:
    """One feature of all rows.

    Args:
        kind: Its type.
        part: Its values.
    """

    __slots__ = ("_kind", "_part")

    def __init__(self, kind: OnlineType, part: Part) -> None:
        self._kind = kind
        self._part = part

    def values(self) -> list[Any]:
        """Return the Python values."""
        kind, part = self._kind, self._part
        if isinstance(part, list):
            is_text = kind.name == "string" and part and type(part[0]) is bytes
            return [*map(bytes.decode, part)] if is_text else [*part]
        if (ticks := ticks_of(kind.name)) is not None:
            return instants_of(part, *ticks)
        found: list[Any] = part.tolist()
        return found if kind.convert is None else [*map(kind.convert, found)]

    def numbers(self) -> npt.NDArray[Any] | None:
        """Return the values as an array; None if they are not integers, floats or booleans."""
        return self._part if self._kind.name in _NUMBERS else None

    def arrow(self) -> pa.Array[Any]:
        """Return the values as an Arrow array of the published type."""
        import pyarrow as pa

        part, kind = self._part, to_arrow_type(self._kind.name)
        if isinstance(part, list):
            if self._kind.name == "string" and part and type(part[0]) is bytes:
                return pa.array(part, pa.binary()).cast(kind)
            texts: pa.Array[Any] = pa.array(part, kind)
            return texts
        if self._kind.name == "bool":
            return pa.array(part)
        # The bytes of the format are those of Arrow.
        buffer = pa.py_buffer(part.tobytes())
        return pa.Array.from_buffers(kind, len(part), [None, buffer])


class PackedValues(Mapping[str, list[Any]]):
    """The values by the feature's name; each column is decoded when it is first asked for.

    Args:
        columns: The columns by the feature's name.
    """

    def __init__(self, columns: Mapping[str, PackedColumn]) -> None:
        self._columns = columns
        self._decoded: dict[str, list[Any]] = {}

    def __getitem__(self, name: str) -> list[Any]:
        try:
            return self._decoded[name]
        except KeyError:
            found = self._decoded[name] = self._columns[name].values()
            return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    def __contains__(self, name: object) -> bool:
        return name in self._columns

    def __repr__(self) -> str:
        return repr(dict(self))

    def packed(self, name: str) -> PackedColumn | None:
        """Return a column as it came; None if it was decoded: a caller may have changed it."""
        return None if name in self._decoded else self._columns[name]


def floats(
    values: Mapping[str, Sequence[Any]], names: Sequence[str], count: int
) -> npt.NDArray[np.float64]:
    """Return columns of numbers as a matrix; None becomes NaN."""
    import numpy as np

    matrix = np.empty((count, len(names)), np.float64)
    for place, name in enumerate(names):
        column = values.packed(name) if isinstance(values, PackedValues) else None
        numbers = None if column is None else column.numbers()
        matrix[:, place] = np.array(values[name], np.float64) if numbers is None else numbers
    return matrix


def arrow_column(
    values: Mapping[str, Sequence[Any]], name: str, kind: pa.DataType
) -> pa.Array[Any]:
    """Return a column as an Arrow array of a type, without Python values if possible."""
    column = values.packed(name) if isinstance(values, PackedValues) else None
    return feature_array(values[name], kind) if column is None else column.arrow()
