"""Turn the text that people type on the command line into typed keys, fields and instants."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from featurestore.errors import EntityFrameError, FeatureStoreError
from featurestore.values.types import DataType

__all__ = ["moment", "parse_instant", "parse_value", "parse_values"]


def parse_instant(text: str) -> datetime:
    """Return the instant of a text in ISO 8601; a text without a zone is in UTC.

    Raises:
        ValueError: The text is not a timestamp.

    >>> parse_instant("2013-12-01T12:00").isoformat()
    '2013-12-01T12:00:00+00:00'
    >>> parse_instant("2013-12-01 12:00:00+02:00").isoformat()
    '2013-12-01T10:00:00+00:00'
    """
    found = datetime.fromisoformat(text.strip())
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def moment(text: str) -> datetime:
    """Read a time that a person or an agent gave; without a zone it is in UTC.

    Raises:
        FeatureStoreError: The text is not a timestamp.
    """
    try:
        return parse_instant(text)
    except ValueError:
        raise FeatureStoreError(
            f"'{text}' is not a timestamp.", remedy="Write it as 2013-12-01T12:00, in UTC."
        ) from None


def _boolean(text: str) -> bool:
    return {"true": True, "false": False}[text.strip().lower()]


_PARSERS: dict[str, Callable[[str], Any]] = {
    "integer": int,
    "string": str,
    "boolean": _boolean,
    "decimal": Decimal,
    "float": float,
    "time": time.fromisoformat,
    "date": date.fromisoformat,
    "timestamp": parse_instant,
    "uuid": UUID,
}


def parse_values(row: Mapping[str, Any], types: Mapping[str, DataType | None]) -> dict[str, Any]:
    """Return the keys of one entity, with each text converted to the type of its key.

    Raises:
        EntityFrameError: A text is not a value of its key's type.
    """
    return {
        name: parse_value(name, value, types.get(name)) if isinstance(value, str) else value
        for name, value in row.items()
    }


def parse_value(name: str, text: str, data_type: DataType | None) -> Any:
    """Return a key's value, converted from text.

    Args:
        name: The key, for messages.
        text: The value as typed.
        data_type: The key's type; None, if unknown, keeps the text.

    Raises:
        EntityFrameError: The text is not a value of the type.

    >>> from featurestore.values.type_spellings import parse_type
    >>> parse_value("flight", "1545", parse_type("integer"))
    1545
    """
    if data_type is None:
        return text
    try:
        return _PARSERS[data_type.family](text)
    except (KeyError, ValueError, InvalidOperation):
        raise EntityFrameError(
            f"'{text}' is not a valid {data_type}, the type of the join key '{name}'."
        ) from None
