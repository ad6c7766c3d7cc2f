"""Numbers of bytes as people write them: `10 GB`."""

from __future__ import annotations

import re

__all__ = ["format_bytes", "parse_bytes"]

_DECIMAL = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "PB": 10**15}
_BINARY = {"KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40, "PIB": 2**50, "EIB": 2**60}
_UNITS = {"": 1, **_DECIMAL, **_BINARY}
_WRITTEN = re.compile(r"(?P<count>\d+(?:\.\d+)?)\s*(?P<unit>[a-zA-Z]*)")


def parse_bytes(text: str) -> int:
    """Return the number of bytes that a text says.

    Args:
        text: A number with or without a unit: B, kB, MB, GB, TB, PB or KiB, MiB, GiB, TiB, PiB.

    Raises:
        ValueError: It is neither.

    >>> parse_bytes("10 GB"), parse_bytes("1.5KiB"), parse_bytes("512")
    (10000000000, 1536, 512)
    """
    found = _WRITTEN.fullmatch(text.strip())
    if found is None or found["unit"].upper() not in _UNITS:
        raise ValueError(f"'{text}' is not a number of bytes, such as 500 MB, 10 GB or 2 TiB")
    return round(float(found["count"]) * _UNITS[found["unit"].upper()])


def format_bytes(count: int) -> str:
    """Return a number of bytes in the largest unit that it fills.

    >>> format_bytes(999), format_bytes(1_234_567), format_bytes(10_000_000_000)
    ('999 B', '1.2 MB', '10.0 GB')
    """
    if count < _DECIMAL["KB"]:
        return f"{count} B"
    unit = max((name for name, size in _DECIMAL.items() if size <= count), key=_DECIMAL.__getitem__)
    return f"{count / _DECIMAL[unit]:.1f} {unit.replace('KB', 'kB')}"
