"""Marks for personal data under other meta keys: `vars: featurestore: pii_meta`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from featurestore.errors import RegistryError
from featurestore.project.own_vars import own_var

__all__ = ["ForeignMark", "foreign_marks"]

_KEY = "pii_meta"
_NO = frozenset({"", "0", "false", "no", "none", "null"})


@dataclass(frozen=True, slots=True)
class ForeignMark:
    """A key in a column's meta that marks personal data.

    Attributes:
        key: The key.
        values: The values that mark it, in lower case; None for every value but false, no and null.
    """

    key: str
    values: frozenset[str] | None = None

    def marks(self, meta: Mapping[str, Any]) -> bool:
        """Return whether a column's meta has the mark."""
        texts = _texts(meta.get(self.key))
        return not texts <= _NO if self.values is None else not texts.isdisjoint(self.values)


def foreign_marks(project_dir: Path) -> tuple[ForeignMark, ...]:
    """Return the meta keys that a project uses as marks, from `vars` in its dbt_project.yml.

    Raises:
        RegistryError: They are neither names nor mappings of a name to values.
    """
    file = project_dir / "dbt_project.yml"
    # Reading YAML takes a millisecond, and most projects have no such key.
    if _KEY not in file.read_text(encoding="utf-8"):
        return ()
    given = own_var(project_dir, _KEY)
    marks = [mark for item in _listed(given or []) for mark in _marks_of(item, file)]
    return tuple(dict.fromkeys(marks))


def _marks_of(item: object, file: Path) -> list[ForeignMark]:
    if isinstance(item, str) and item.strip():
        return [ForeignMark(item.strip())]
    if isinstance(item, dict) and item and all(map(_is_written, item.values())):
        return [ForeignMark(str(key), _texts(values)) for key, values in item.items()]
    raise RegistryError(
        f"{_KEY} in {file} has {item!r}, which is neither a meta key nor a mapping of a key to"
        " values.",
        remedy=f"Write `vars: {{featurestore: {{{_KEY}: [contains_pii, {{classification:"
        " [personal]}]}}`.",
    )


def _is_written(values: object) -> bool:
    return values not in (None, [], "") and not isinstance(values, dict)


def _texts(values: object) -> frozenset[str]:
    return frozenset(str(one).strip().lower() for one in _listed(values))


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]
