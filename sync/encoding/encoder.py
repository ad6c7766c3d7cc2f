"""Encodes rows in the online format, a whole Arrow batch at a time.

No row becomes a Python object: the parts of all rows are columns of bytes, which are joined.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any
from zlib import crc32

from featurestore.errors import WarehouseError
from featurestore.online.checksums import CHECKSUM_BYTES
from featurestore.online.key_values import key_writer
from featurestore.online.keys import encoded, entity_key, row_prefix
from featurestore.online.online_types import OnlineType, online_type, online_type_name
from featurestore.online.row_format import CREATED, END, NULLS, header_size
from featurestore.online.schema import Schema
from sync.encoding.arrow_values import ArrowColumn, without_dictionary
from sync.encoding.byte_columns import (
    ByteColumn,
    bytes_and_offsets,
    constant,
    from_block,
    from_pieces,
    joined,
)
from sync.encoding.fixed_values import check_range, fixed_block, null_bitmap
from sync.encoding.varying_values import length_prefixes, varying_bytes

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

__all__ = ["Encoder"]


class Encoder:
    """Encodes rows of one view.

    The bytes are canonical: a row has the same ones in every run, in any batch. So every row of a
    view has the same optional parts, whether or not a value is NULL, which readers decode fastest.

    Args:
        project: The dbt project.
        view: The feature view's name.
        schema: The view's schema.
    """

    def __init__(self, project: str, view: str, schema: Schema) -> None:
        self._view = view
        self._prefix = row_prefix(project, view)
        self._schema = schema
        self._types = [online_type(kind) for _, kind in schema.features]
        self._writers = [key_writer(name, kind) for name, kind in schema.keys]

    def keys(self, batch: pa.RecordBatch) -> ByteColumn:
        """Return the key of each row.

        Args:
            batch: Rows with the join keys as columns.

        Returns:
            A column of bytes.
        """
        texts = [
            _texts(name, batch.column(name), kind, write)
            for (name, kind), write in zip(self._schema.keys, self._writers, strict=True)
        ]
        if not texts:
            # A view without join keys has one entity, and its key has an empty tag.
            return from_pieces([entity_key(self._prefix, ()).encode()] * batch.num_rows)
        # The braces make the join keys the hash tag of Redis Cluster.
        # A comma never occurs in a key's text, because the text is percent-encoded.
        tag = [piece for text in texts for piece in (constant(b","), text)][1:]
        return joined(constant(f"{self._prefix}{{".encode()), *tag, constant(b"}"))

    def values(
        self,
        batch: pa.RecordBatch,
        keys: ByteColumn,
        event: np.ndarray,
        created: np.ndarray | None,
        end: np.ndarray | None = None,
    ) -> ByteColumn:
        """Return each row in the online format.

        Args:
            batch: Rows with the features as columns.
            keys: Their keys, which the checksums cover.
            event: The event timestamps in microseconds.
            created: The created timestamps in microseconds; None if the view has none.
            end: The ends of validity in microseconds, exclusive, `NO_END` for none; None if the
                view has none.

        Returns:
            A column of bytes.

        Raises:
            WarehouseError: A feature's type is not the schema's, so readers would read other
                values. A build that ran meanwhile can change it.
        """
        columns = [without_dictionary(batch.column(name)) for name, _ in self._schema.features]
        self._check_types(columns)
        pieces = [from_block(self._fixed_part(columns, event, created, end))]
        names = [name for name, _ in self._schema.features]
        for name, column, kind in zip(names, columns, self._types, strict=True):
            # Each length comes directly before its bytes, so a reader needs no table of offsets.
            if kind.width is None:
                text = varying_bytes(name, column, kind)
                pieces += [length_prefixes(text), text]
        return joined(*pieces, _checksums(keys, pieces))

    def _check_types(self, columns: Sequence[ArrowColumn]) -> None:
        for (name, planned), column, kind in zip(
            self._schema.features, columns, self._types, strict=True
        ):
            found = online_type_name(column.type)
            if found not in (planned, _as_list(kind)):
                raise WarehouseError(
                    f"Feature '{name}' of feature view '{self._view}' changed its type from"
                    f" {planned} to {found or column.type} while the sync read it.",
                    remedy="Run the sync again when the build has ended.",
                )

    def _fixed_part(
        self,
        columns: Sequence[ArrowColumn],
        event: np.ndarray,
        created: np.ndarray | None,
        end: np.ndarray | None,
    ) -> np.ndarray:
        """Return the part of a row with fixed offsets: header, NULL bitmap, fixed-width values."""
        import numpy as np

        blocks = [self._header(event, created, end), null_bitmap(columns, len(event))]
        blocks += [
            fixed_block(name, column, kind)
            for (name, _), column, kind in zip(
                self._schema.features, columns, self._types, strict=True
            )
            if kind.width is not None
        ]
        return np.concatenate(blocks, axis=1)

    def _header(
        self, event: np.ndarray, created: np.ndarray | None, end: np.ndarray | None
    ) -> np.ndarray:
        import numpy as np

        marks = NULLS
        marks |= 0 if created is None else CREATED
        marks |= 0 if end is None else END
        head = np.frombuffer(self._schema.head(marks), np.uint8)
        header = np.empty((len(event), header_size(marks)), np.uint8)
        header[:, : len(head)] = head
        stamps = [stamp for stamp in (event, created, end) if stamp is not None]
        # Big-endian, unlike the values: the scripts compare timestamps by struct.unpack('>i4I4').
        header[:, len(head) :] = np.column_stack(stamps).astype(">i8").view(np.uint8)
        return header


def _as_list(kind: OnlineType) -> str:
    """Return the type that an array travels as; the type's own name for other types."""
    is_array = kind.element is not None and kind.size is not None
    return f"list<{kind.element.name}>" if is_array and kind.element else kind.name


def _checksums(keys: ByteColumn, pieces: Sequence[ByteColumn]) -> ByteColumn:
    """Return the checksum of each row: see `featurestore.online.checksums`."""
    import numpy as np

    # Joined once, key and row cost one call of crc32 instead of two.
    data, bounds = bytes_and_offsets(joined(keys, *pieces))
    ends = bounds.tolist()
    messages = map(data.__getitem__, map(slice, ends, ends[1:]))
    sums = np.fromiter(map(crc32, messages), "<u4", len(keys))
    return from_block(sums.view(np.uint8).reshape(-1, CHECKSUM_BYTES))


def _texts(name: str, column: ArrowColumn, kind: str, write: Callable[[Any], str]) -> ByteColumn:
    """Return the values of one join key as they are written in a key: text, percent-encoded."""
    import pyarrow as pa
    import pyarrow.compute as pc

    # Integers, and text without characters to encode, need no Python object per value.
    if kind.startswith(("int", "uint")) or kind.endswith(",0)"):
        return column.cast(pa.large_string()).view(pa.large_binary())
    if kind in ("string", "uuid"):
        plain = column.cast(pa.large_string())
        if not pc.any(pc.match_substring_regex(plain, "[^A-Za-z0-9_.~-]")).as_py():
            return plain.view(pa.large_binary())
    if kind.startswith(("date", "timestamp")):
        check_range(f"join key '{name}'", column, online_type(kind))
    return from_pieces([encoded(write(value)).encode() for value in column.to_pylist()])
