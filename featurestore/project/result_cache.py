"""A cache of results in one JSON file.

A cache never causes an error: a missing, damaged or read-only file counts as empty.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

from featurestore.values.atomic_file import atomic_write

__all__ = ["ResultCache", "checksum"]


class ResultCache:
    """Values by key, read on first use and written by `save`.

    `save` writes only the entries that were read or put since the cache was opened, so results of
    changed or deleted models do not accumulate.

    Args:
        folder: The folder of the file; `save` creates it.
        name: The file's name without its suffix.

    Example:
        ```python
        cache = ResultCache(project.target_path / "featurestore", "lint")
        key = checksum(VERSION, sql)
        if (found := cache.get(key)) is None:
            cache.put(key, found := work_out(sql))
        cache.save()
        ```
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.path = folder / f"{name}.json"
        self._stored: Mapping[str, Any] | None = None
        self._used: dict[str, Any] = {}

    def get(self, key: str) -> Any | None:
        """Return the value of a key, or None."""
        if key in self._used:
            return self._used[key]
        if self._stored is None:
            self._stored = _read(self.path)
        value = self._stored.get(key)
        if value is not None:
            self._used[key] = value
        return value

    def put(self, key: str, value: Any) -> None:
        """Store a value that JSON can hold under a key."""
        self._used[key] = value

    def save(self) -> None:
        """Write the file if its content changed; ignore a folder that is not writable."""
        if self._used == (_read(self.path) if self._stored is None else self._stored):
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with atomic_write(self.path) as part:
                part.write_text(json.dumps(self._used), encoding="utf-8")
        except OSError:
            return

    def __enter__(self) -> Self:
        """Return the cache itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """Save all entries, also after an error: each value is complete."""
        self.save()


def checksum(*parts: str) -> str:
    """Return the hash of several texts; the borders between them matter.

    >>> checksum("ab", "c") == checksum("a", "bc")
    False
    >>> len(checksum("select 1"))
    64
    """
    return sha256(json.dumps(parts).encode()).hexdigest()


def _read(path: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
