"""Readers of the texts that options take: times, ages, and the keys of an entity."""

from __future__ import annotations

import contextlib
import json
from datetime import datetime, timedelta
from typing import Any

import typer

from featurestore.errors import EntityFrameError
from featurestore.values.durations import parse_duration
from featurestore.values.parsing import parse_instant

__all__ = ["key_values", "moment_or_age", "optional_age", "optional_moment"]


def optional_moment(text: str | None) -> datetime | None:
    """Read the time of an option, if it is given.

    Raises:
        typer.BadParameter: The text is not a timestamp.
    """
    if text is None:
        return None
    try:
        return parse_instant(text)
    except ValueError:
        raise typer.BadParameter(
            f"'{text}' is not a timestamp; write it as 2013-12-01T12:00"
        ) from None


def optional_age(text: str | None) -> timedelta | None:
    """Read the age of an option, such as `2 hours`, if it is given.

    Raises:
        typer.BadParameter: The text is not a duration.
    """
    if text is None:
        return None
    try:
        return parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def moment_or_age(text: str | None) -> datetime | timedelta | None:
    """Read an option that is a time, such as `2013-12-01T12:00`, or an age, such as `2 hours`.

    Raises:
        typer.BadParameter: The text is neither.
    """
    if text is None:
        return None
    for read in (parse_duration, parse_instant):
        with contextlib.suppress(ValueError):
            return read(text)
    raise typer.BadParameter(
        f"'{text}' is neither a timestamp nor a duration; write 2013-12-01T12:00, or '2 hours'"
    )


def key_values(text: str) -> dict[str, Any]:
    """Read the join keys of one entity: `origin=JFK,dest=LAX`, or a JSON object.

    Raises:
        EntityFrameError: The text is neither.

    >>> key_values("origin=JFK,dest=LAX")
    {'origin': 'JFK', 'dest': 'LAX'}
    """
    if text.lstrip().startswith("{"):
        try:
            return dict(json.loads(text))
        except json.JSONDecodeError as error:
            raise EntityFrameError(f"'{text}' is not a JSON object: {error}.") from None
    pairs = [pair.partition("=") for pair in text.split(",") if pair]
    if not all(name.strip() and equals for name, equals, _ in pairs):
        raise EntityFrameError(
            f"'{text}' does not name an entity.", remedy="Write key=value, or key=value,key=value."
        )
    return {name.strip(): value for name, _, value in pairs}
