"""The options that commands share, each written once."""

from __future__ import annotations

import contextlib
import json
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from featurestore.errors import EntityFrameError, FeatureStoreError
from featurestore.values.durations import parse_duration
from featurestore.values.parsing import parse_instant

if TYPE_CHECKING:
    from featurestore.store.feature_store import FeatureStore


class Format(StrEnum):
    """How results are written."""

    TABLE = "table"
    JSON = "json"


def optional_moment(text: str | None) -> datetime | None:
    """Read the time of an option, if it is given."""
    if text is None:
        return None
    try:
        return parse_instant(text)
    except ValueError:
        raise typer.BadParameter(f"'{text}' is no time; write it as 2013-12-01T12:00") from None


ProjectDir = Annotated[
    Path,
    typer.Option(
        "--project-dir", envvar="DBT_PROJECT_DIR", help="The dbt project.", show_default=True
    ),
]
Target = Annotated[
    str | None, typer.Option("--target", "-t", envvar="DBT_TARGET", help="The dbt target.")
]
AsFormat = Annotated[Format, typer.Option("--format", help="For people or for machines.")]
Now = Annotated[
    str | None,
    typer.Option(
        "--now",
        envvar="FEATURESTORE_NOW",
        metavar="TIME",
        help="The moment at which the store stands, to replay history; else the clock's.",
    ),
]
RedisUrl = Annotated[
    str | None,
    typer.Option(
        "--redis-url",
        envvar="FEATURESTORE_REDIS_URL",
        show_envvar=True,
        metavar="URL",
        help="The online store; else redis://localhost:6379/0.",
    ),
]
Features = Annotated[
    list[str] | None,
    typer.Option("--feature", "-f", metavar="VIEW:FEATURE", help="A feature, or VIEW:* for all."),
]
Views = Annotated[list[str] | None, typer.Option("--view", "-v", help="A view; else all.")]
Service = Annotated[
    str | None, typer.Option("--service", "-s", help="A feature service, instead of features.")
]
FullNames = Annotated[
    bool, typer.Option("--full-feature-names", help="Name the columns view__feature.")
]


AllowPiiOption = Annotated[
    list[str] | None,
    typer.Option(
        "--allow-pii", metavar="VIEW:FEATURE", help="Personal data to include, by name; recorded."
    ),
]


def open_store(
    project_dir: Path,
    target: str | None = None,
    *,
    now: str | None = None,
    redis_url: str | None = None,
) -> FeatureStore:
    """Return the store of a project."""
    from featurestore.store.feature_store import FeatureStore

    return FeatureStore(project_dir, target, now=optional_moment(now), redis_url=redis_url)


def moment(text: str) -> datetime:
    """Read a required time.

    Raises:
        FeatureStoreError: The text is no time.
    """
    try:
        return parse_instant(text)
    except ValueError:
        raise FeatureStoreError(
            f"'{text}' is no time.", remedy="Write it as 2013-12-01T12:00, in UTC."
        ) from None


def moment_or_age(text: str | None) -> datetime | timedelta | None:
    """Read an option that is a time, or how long ago one was: `2013-12-01T12:00`, `2 hours`."""
    if text is None:
        return None
    for read in (parse_duration, parse_instant):
        with contextlib.suppress(ValueError):
            return read(text)
    raise typer.BadParameter(
        f"'{text}' is neither a time nor a duration; write 2013-12-01T12:00, or '2 hours'"
    )


def key_values(text: str) -> dict[str, Any]:
    """Read the keys of one entity: `origin=JFK,dest=LAX`, or a JSON object.

    Raises:
        EntityFrameError: The text is neither.

    >>> key_values("origin=JFK,dest=LAX")
    {'origin': 'JFK', 'dest': 'LAX'}
    """
    if text.lstrip().startswith("{"):
        try:
            loaded = json.loads(text)
        except json.JSONDecodeError as error:
            raise EntityFrameError(f"'{text}' is no JSON object: {error}.") from None
        return dict(loaded)
    pairs = [pair.partition("=") for pair in text.split(",") if pair]
    if not all(name.strip() and equals for name, equals, _ in pairs):
        raise EntityFrameError(
            f"'{text}' is no entity.", remedy="Write key=value, or key=value,key=value."
        )
    return {name.strip(): value for name, _, value in pairs}


def bytes_shown(count: float | None) -> str:
    """Write a number of bytes the way a person reads it.

    >>> bytes_shown(None), bytes_shown(999), bytes_shown(1_234_567), bytes_shown(5e10)
    ('', '999 B', '1.2 MB', '50.0 GB')
    """
    if count is None:
        return ""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count:.0f} B"
