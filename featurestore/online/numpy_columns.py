"""Fixed-width columns of many rows, read by numpy where it is installed.

A column of numbers becomes Python values in one call, and so does a column of timestamps, which
takes a tenth of the time of an addition for each value.
"""

from __future__ import annotations

import datetime as dt
import importlib
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from featurestore.online.online_types import OnlineType, ticks_of
from featurestore.values.epoch import EPOCH

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["NumpyColumns", "instants_of"]

_EPOCH_DAY = dt.date(1970, 1, 1).toordinal()
_FORMATS = {"?": "?", "b": "i1", "B": "u1", "16s": "V16"}
"""The dtype of each `struct` code that is not its own name in little-endian."""
_DAYS = (dt.date.min.toordinal() - _EPOCH_DAY, dt.date.max.toordinal() - _EPOCH_DAY)
_RANGES = {
    "D": _DAYS,
    **{
        unit: (_DAYS[0] * 86_400 * ticks, (_DAYS[1] + 1) * 86_400 * ticks - 1)
        for unit, ticks in (("s", 1), ("ms", 1_000), ("us", 1_000_000))
    },
}
"""The first and the last tick that Python's dates and timestamps have, by unit."""


@cache
def _numpy() -> Any:
    """Return numpy, or None if it is not installed."""
    try:
        return importlib.import_module("numpy")
    except ImportError:
        return None


class NumpyColumns:
    """Reads the fixed-width features of rows with the same layout.

    Args:
        start: The number of bytes before the first feature.
        features: The fixed-width features in order, and whether each is wanted.
        size: The number of bytes of a row.
    """

    def __init__(self, start: int, features: Sequence[tuple[OnlineType, bool]], size: int) -> None:
        self._formats: list[str] = []
        self._offsets: list[int] = []
        self._size = size
        # The unit of each timestamp or date, and whether it has a zone.
        self._instants: list[tuple[str, bool] | None] = []
        for kind, wanted in features:
            width = kind.width or 0
            if wanted:
                self._formats.append(_FORMATS.get(kind.code, f"<{kind.code}"))
                self._offsets.append(start)
                self._instants.append(ticks_of(kind.name))
            start += width
        if start < size:
            # The first length of the varying features.
            self._formats.append("u1")
            self._offsets.append(start)
            self._instants.append(None)
        self._dtype: np.dtype[Any] | None = None

    @property
    def is_usable(self) -> bool:
        """Whether numpy is installed."""
        return _numpy() is not None

    def arrays(self, whole: bytes) -> list[npt.NDArray[Any]]:
        """Return the columns of rows, as they are in their bytes."""
        numpy = _numpy()
        if self._dtype is None:
            names = [str(place) for place in range(len(self._formats))]
            self._dtype = numpy.dtype(
                {
                    "names": names,
                    "formats": self._formats,
                    "offsets": self._offsets,
                    "itemsize": self._size,
                }
            )
        block = numpy.frombuffer(whole, self._dtype)
        return [block[name] for name in self._dtype.names or ()]

    def are_in_range(self, arrays: Sequence[npt.NDArray[Any]]) -> bool:
        """Return whether Python has all timestamps and dates of some columns."""
        for array, instant in zip(arrays, self._instants, strict=True):
            if instant is not None:
                first, last = _RANGES[instant[0]]
                if array.min() < first or array.max() > last:
                    return False
        return True

    def columns(self, whole: bytes) -> list[list[Any]]:
        """Return the columns of rows as Python values; timestamps and dates are converted.

        Args:
            whole: The bytes of all rows.

        Raises:
            OverflowError: Python has no such timestamp or date.
        """
        return [
            array.tolist() if instant is None else instants_of(array, *instant)
            for array, instant in zip(self.arrays(whole), self._instants, strict=True)
        ]


def instants_of(ticks: npt.NDArray[Any], unit: str, zoned: bool) -> list[Any]:
    """Return timestamps or dates.

    Args:
        ticks: What they count since 1970.
        unit: The unit: `s`, `ms`, `us`, or `D` for dates.
        zoned: Whether they have the zone UTC.

    Raises:
        OverflowError: Python has no such timestamp or date.
    """
    if unit == "D":
        return _of_type(dt.date, ticks.astype("i8").view("M8[D]").tolist())
    if not zoned:
        return _of_type(dt.datetime, ticks.view(f"M8[{unit}]").tolist())
    return [EPOCH + delta for delta in _of_type(dt.timedelta, ticks.view(f"m8[{unit}]").tolist())]


def _of_type(kind: type, values: list[Any]) -> list[Any]:
    # numpy gives a number or None where Python has no such value.
    if {*map(type, values)} != {kind}:
        raise OverflowError("a timestamp is out of range")
    return values
