"""Results that need not be worked out twice, kept in one JSON file.

A cache is never needed: one that is missing, damaged or cannot be written is as good as empty.
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
    """Values by key, read when first asked for and written by `save`.

    Only what was asked for or put in since the cache was opened is written, so that results of
    models that have changed or gone do not pile up.

    Args:
        folder: Where the file lies; made when there is something to write.
        name: The file's name without its ending.

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
        """Return the value of a key, None if there is none."""
        if key in self._used:
            return self._used[key]
        if self._stored is None:
            self._stored = _read(self.path)
        value = self._stored.get(key)
        if value is not None:
            self._used[key] = value
        return value

    def put(self, key: str, value: Any) -> None:
        """Keep a value, of what JSON can hold, under a key."""
        self._used[key] = value

    def save(self) -> None:
        """Write the file, unless it says the same already or its folder refuses."""
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
        """Save what there is, also after an error: each value is whole."""
        self.save()


def checksum(*parts: str) -> str:
    """Hash texts to a key; where one ends and the next begins makes a difference.

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
