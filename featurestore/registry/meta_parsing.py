"""Read single values of meta; a wrong value becomes a problem and counts as absent."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from featurestore.registry.notes import Notes
from featurestore.values.durations import parse_duration
from featurestore.values.percentages import parse_percentage

__all__ = ["boolean_of", "duration_of", "listed", "percentage_of", "words_of"]


def listed(value: Any) -> list[str]:
    """Return one value, or a list of values, as a list of texts; None is empty."""
    if value is None:
        return []
    return [str(item) for item in value] if isinstance(value, list) else [str(value)]


def words_of(value: Any) -> tuple[str, ...]:
    """Return dbt's tags, one text or a list of texts."""
    return tuple(listed(value))


def boolean_of(key: str, meta: Mapping[str, Any], default: bool, notes: Notes) -> bool:
    """Return the boolean under a key; its default if the key is absent or wrong."""
    value = meta.get(key, default)
    if not isinstance(value, bool):
        notes.add(f"{key} is {value!r}.", "Write true or false.")
        return default
    return value


def duration_of(key: str, meta: Mapping[str, Any], notes: Notes) -> timedelta | None:
    """Return the duration under a key; None if the key is absent or wrong."""
    if meta.get(key) is None:
        return None
    try:
        return parse_duration(meta[key])
    except ValueError as error:
        notes.add(f"{key}: {error}.")
        return None


def percentage_of(key: str, meta: Mapping[str, Any], notes: Notes) -> float | None:
    """Return the share under a key, from 0 to 1; None if the key is absent or wrong."""
    if meta.get(key) is None:
        return None
    try:
        return parse_percentage(meta[key])
    except ValueError as error:
        notes.add(f"{key}: {error}.")
        return None
