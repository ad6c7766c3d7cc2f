"""The options that several commands share, each declared once."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from featurestore.cli.option_values import optional_moment

if TYPE_CHECKING:
    from featurestore.store.feature_store import FeatureStore

__all__ = [
    "AllowPiiOption",
    "AsFormat",
    "FeatureTimestamps",
    "Features",
    "Format",
    "FullNames",
    "Now",
    "ProjectDir",
    "RedisUrl",
    "Service",
    "Target",
    "Views",
    "open_store",
]


class Format(StrEnum):
    """How a command writes its results."""

    TABLE = "table"
    JSON = "json"


ProjectDir = Annotated[
    Path,
    typer.Option(
        "--project-dir",
        envvar="DBT_PROJECT_DIR",
        metavar="FOLDER",
        help="The dbt project.",
        show_default=True,
    ),
]
Target = Annotated[
    str | None,
    typer.Option("--target", "-t", envvar="DBT_TARGET", metavar="TARGET", help="The dbt target."),
]
AsFormat = Annotated[
    Format, typer.Option("--format", help="A table for people, JSON for machines.")
]
Now = Annotated[
    str | None,
    typer.Option(
        "--now",
        envvar="FEATURESTORE_NOW",
        metavar="TIME",
        help="Use this time instead of the clock, to replay history.",
    ),
]
RedisUrl = Annotated[
    str | None,
    typer.Option(
        "--redis-url",
        envvar="FEATURESTORE_REDIS_URL",
        show_envvar=True,
        metavar="URL",
        help="The online store; by default redis://localhost:6379/0.",
    ),
]
Features = Annotated[
    list[str] | None,
    typer.Option(
        "--feature", "-f", metavar="VIEW:FEATURE", help="A feature, or VIEW:* for a whole view."
    ),
]
Views = Annotated[
    list[str] | None,
    typer.Option("--view", "-v", metavar="VIEW", help="A feature view; by default all."),
]
Service = Annotated[
    str | None,
    typer.Option(
        "--service", "-s", metavar="SERVICE", help="A feature service, instead of --feature."
    ),
]
FullNames = Annotated[
    bool, typer.Option("--full-feature-names", help="Name the columns view__feature.")
]
FeatureTimestamps = Annotated[
    bool,
    typer.Option(
        "--feature-timestamps", help="Add, per view, the event time of the row that was used."
    ),
]
AllowPiiOption = Annotated[
    list[str] | None,
    typer.Option(
        "--allow-pii",
        metavar="VIEW:FEATURE",
        help="Personal data to include, by name; the output records it.",
    ),
]


def open_store(
    project_dir: Path,
    target: str | None = None,
    *,
    now: str | None = None,
    redis_url: str | None = None,
) -> FeatureStore:
    """Return the feature store of a dbt project."""
    from featurestore.store.feature_store import FeatureStore

    return FeatureStore(project_dir, target, now=optional_moment(now), redis_url=redis_url)
