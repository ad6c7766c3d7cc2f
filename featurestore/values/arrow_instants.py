"""Cut Arrow's instants down to microseconds."""

from __future__ import annotations

from typing import Any

__all__ = ["floor_to_micros"]


def floor_to_micros(column: Any) -> Any:
    """Return timestamps of any unit in microseconds, rounded down; the zone stays.

    Args:
        column: An Array or ChunkedArray of timestamps, dictionary-encoded or not.

    >>> import pyarrow as pa
    >>> floor_to_micros(pa.array([-1, 1999], pa.timestamp("ns"))).cast(pa.int64()).to_pylist()
    [-1, 1]
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    plain: Any = column.type
    if pa.types.is_dictionary(plain):
        plain = plain.value_type
        column = column.cast(plain)
    micros = pa.timestamp("us", plain.tz)
    cut = column.cast(micros, safe=False)
    if plain.unit != "ns":
        return cut
    # Arrow's cast rounds towards 1970, which is a microsecond too late for an earlier instant.
    late = pc.greater(cut.cast(plain), column)
    return pc.subtract(cut.cast(pa.int64()), late.cast(pa.int64())).cast(micros)
