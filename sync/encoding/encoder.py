"""Writes rows in the online format, a whole Arrow batch at a time.

No row becomes a Python object: the parts of all rows are columns of bytes, which are joined.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from featurestore.errors import UnsupportedOnlineType
from featurestore.online.codec import CREATED, LONG, NO_CREATED, NULLS, Schema, header_size
from featurestore.online.keys import encoded, entity_key, key_writer, row_prefix
from featurestore.online.online_types import WireType, wire_type
from sync.encoding.byte_columns import (
    constant,
    from_block,
    from_pieces,
    from_ragged,
    joined,
    lengths_of,
)

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

__all__ = ["Encoder", "micros"]

_LENGTH = struct.Struct("<I")
_DAY = 86_400_000_000


class Encoder:
    """Encodes rows of one view; made once per sync.

    Args:
        project: The dbt project.
        view: The feature view's name.
        schema: How it is published.
    """

    def __init__(self, project: str, view: str, schema: Schema) -> None:
        self._prefix = row_prefix(project, view)
        self._schema = schema
        self._nulls = 0
        self._types = [wire_type(kind) for _, kind in schema.features]
        self._writers = [key_writer(name, kind) for name, kind in schema.keys]

    def keys(self, batch: pa.RecordBatch) -> pa.Array[Any]:
        """Return the key of each row.

        Args:
            batch: Rows that have the join keys, by their names.

        Returns:
            A column of bytes.
        """
        texts = [
            _texts(batch.column(name), kind, write)
            for (name, kind), write in zip(self._schema.keys, self._writers, strict=True)
        ]
        if not texts:
            return from_pieces([entity_key(self._prefix, ()).encode()] * batch.num_rows)
        tag = [piece for text in texts for piece in (constant(b","), text)][1:]
        return joined(constant(f"{self._prefix}{{".encode()), *tag, constant(b"}"))

    def values(self, batch: pa.RecordBatch, event: np.ndarray, created: Any) -> pa.Array[Any]:
        """Return each row in the online format.

        Args:
            batch: Rows that have the features, by their names.
            event: The event timestamps in microseconds.
            created: The created timestamps likewise; None where the view has none.

        Returns:
            A column of bytes.
        """
        columns = [_plain(batch.column(name)) for name, _ in self._schema.features]
        if any(column.null_count for column in columns):
            # From now on: rows that have the same parts are read faster together.
            self._nulls = NULLS
        pieces = [from_block(self._fixed_part(columns, event, created))]
        for column, kind in zip(columns, self._types, strict=True):
            if kind.width is None:
                text = _varying(column, kind)
                pieces += [_length_prefix(text), text]
        return joined(*pieces) if len(pieces) > 1 else pieces[0]

    def _fixed_part(
        self, columns: Sequence[pa.Array[Any]], event: np.ndarray, created: Any
    ) -> np.ndarray:
        """Return what has the same place in every row: header, NULL bits, fixed-width values."""
        import numpy as np

        blocks = [self._header(event, created)]
        if self._nulls:
            blocks.append(_present(columns, len(event)))
        blocks += [
            _fixed(name, column, kind)
            for (name, _), column, kind in zip(
                self._schema.features, columns, self._types, strict=True
            )
            if kind.width is not None
        ]
        return np.concatenate(blocks, axis=1)

    def _header(self, event: np.ndarray, created: Any) -> np.ndarray:
        import numpy as np

        marks = self._nulls | (0 if created is None else CREATED)
        head = np.frombuffer(self._schema.head(marks), np.uint8)
        header = np.empty((len(event), header_size(marks)), np.uint8)
        header[:, : len(head)] = head
        stamps = [event] if created is None else [event, created]
        header[:, len(head) :] = np.column_stack(stamps).astype(">i8").view(np.uint8)
        return header


def _texts(column: pa.Array[Any], kind: str, write: Callable[[Any], str]) -> pa.Array[Any]:
    """Return the values of one join key as they stand in a key: as text, percent-encoded."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if kind.startswith(("int", "uint")):
        return column.cast(pa.large_string()).view(pa.large_binary())
    if kind == "string":
        plain = column.cast(pa.large_string())
        if not pc.any(pc.match_substring_regex(plain, "[^A-Za-z0-9_.~-]")).as_py():
            return plain.view(pa.large_binary())
    return from_pieces([encoded(write(value)).encode() for value in column.to_pylist()])


def micros(column: pa.Array[Any]) -> np.ndarray:
    """Return instants as microseconds since 1970, UTC; one that is NULL becomes `NO_CREATED`."""
    import numpy as np
    import pyarrow as pa

    naive = column.cast(pa.timestamp("us", getattr(column.type, "tz", None)), safe=False)
    whole = _raw(naive).view(np.int64).reshape(-1)
    return np.where(_valid(column), whole, NO_CREATED) if column.null_count else whole


def _plain(column: pa.Array[Any]) -> pa.Array[Any]:
    """Return the values themselves where a column has places in a dictionary instead."""
    import pyarrow as pa

    coded: Any = column
    return coded.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def _present(columns: Sequence[pa.Array[Any]], count: int) -> np.ndarray:
    import numpy as np

    present = np.ones((count, len(columns)), np.bool_)
    for index, column in enumerate(columns):
        if column.null_count:
            present[:, index] = _valid(column)
    return np.packbits(present, axis=1, bitorder="little")


def _fixed(name: str, column: pa.Array[Any], kind: WireType) -> np.ndarray:
    import pyarrow as pa

    if kind.name == "bool":
        column = column.cast(pa.uint8())
    elif kind.name == "date":
        column = column.cast(pa.int32())
    elif kind.convert is not None and kind.code != "16s":
        column = column.cast(pa.int64())
    if kind.code != "16s":
        _check_range(name, column, kind)
    block = _raw(column)
    return block * _valid(column)[:, None] if column.null_count else block


def _check_range(name: str, column: pa.Array[Any], kind: WireType) -> None:
    """Refuse dates and times that a reader could not hold: infinities, the year 10000, 24:00."""
    if kind.convert is None or not len(column):
        return
    import pyarrow.compute as pc

    extremes: Any = pc.min_max(column).as_py()
    for ticks in (extremes["min"], extremes["max"]):
        if ticks is not None and not _readable(kind, ticks):
            raise UnsupportedOnlineType(
                f"The feature '{name}' has a {kind.name} outside of what readers can hold (years 1"
                f" to 9999, times before 24:00): {ticks}.",
                remedy="Make it NULL in the model, or cast the column to text.",
            )


def _readable(kind: WireType, ticks: int) -> bool:
    if kind.name == "time":
        return 0 <= ticks < _DAY
    try:
        return kind.convert is not None and kind.convert(ticks) is not None
    except (OverflowError, ValueError):
        return False


def _varying(column: pa.Array[Any], kind: WireType) -> pa.Array[Any]:
    """Return values whose length varies, without their lengths; NULL is no bytes."""
    import pyarrow as pa

    if kind.element is not None:
        rows = column.to_pylist()
        return from_pieces([b"" if row is None else _list(kind.element, row) for row in rows])
    nothing: Any = constant(b"")
    return column.cast(pa.large_binary()).fill_null(nothing)


def _length_prefix(column: pa.Array[Any]) -> pa.Array[Any]:
    import numpy as np

    lengths = lengths_of(column)
    if not len(lengths) or lengths.max() < LONG:
        return from_block(lengths.astype(np.uint8)[:, None])
    block = np.empty((len(lengths), 1 + _LENGTH.size), np.uint8)
    block[:, 0] = np.minimum(lengths, LONG)
    block[:, 1:] = lengths.astype("<u4").view(np.uint8).reshape(-1, _LENGTH.size)
    return from_ragged(block, np.where(lengths < LONG, 1, 1 + _LENGTH.size))


def _raw(column: pa.Array[Any]) -> np.ndarray:
    """Return the bytes of each value of a fixed width, without pandas, which pyarrow would load."""
    width = column.type.bit_width // 8
    start = column.offset * width
    return _bytes_of(column.buffers()[1])[start : start + len(column) * width].reshape(-1, width)


def _valid(column: pa.Array[Any]) -> np.ndarray:
    """Return which values are not NULL."""
    import numpy as np

    bitmap = column.buffers()[0]
    if bitmap is None:
        return np.ones(len(column), np.bool_)
    bits = np.unpackbits(_bytes_of(bitmap), bitorder="little")
    return bits[column.offset : column.offset + len(column)].view(np.bool_)


def _bytes_of(buffer: Any) -> np.ndarray:
    import numpy as np

    return np.empty(0, np.uint8) if buffer is None else np.frombuffer(buffer, np.uint8)


def _list(element: WireType, row: Sequence[Any]) -> bytes:
    """Write a list: its length, one bit per element, and the elements, a NULL one without bytes."""
    bits = sum(1 << index for index, value in enumerate(row) if value is not None)
    write = _element_writer(element)
    parts = [write(value) for value in row if value is not None]
    return b"".join([_length(len(row)), bits.to_bytes((len(row) + 7) // 8, "little"), *parts])


def _length(number: int) -> bytes:
    return bytes([number]) if number < LONG else bytes([LONG]) + _LENGTH.pack(number)


def _element_writer(element: WireType) -> Callable[[Any], bytes]:
    if element.element is not None:
        inner = element.element
        return lambda value: _prefixed(_list(inner, value))
    if element.width is None:
        return lambda value: _prefixed(value.encode() if isinstance(value, str) else value)
    return lambda value: _scalar(element, value)


def _prefixed(raw: bytes) -> bytes:
    return _length(len(raw)) + raw


def _scalar(element: WireType, value: Any) -> bytes:
    """Write one element the way a column of its type would be written."""
    import pyarrow as pa

    from featurestore.online.online_types import to_arrow_type

    if element.convert is None:
        return struct.pack(f"<{element.code}", value)
    block: np.ndarray = _fixed(
        element.name, pa.array([value], to_arrow_type(element.name)), element
    )
    return block.tobytes()
