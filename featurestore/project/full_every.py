"""How often a sync compares all rows of a view whose changes dbt limits: `full_every` in `vars`."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from featurestore.errors import RegistryError
from featurestore.project.own_vars import own_var
from featurestore.values.durations import parse_duration

__all__ = ["DEFAULT_FULL_EVERY", "full_every"]

DEFAULT_FULL_EVERY = timedelta(days=7)
"""A week: a row that someone changed by hand is wrong online for at most that long."""

_KEY = "full_every"


def full_every(project_dir: Path) -> timedelta:
    """Return the longest time between two comparisons of all rows.

    Raises:
        RegistryError: It is not a duration.
    """
    given = own_var(project_dir, _KEY)
    if given is None:
        return DEFAULT_FULL_EVERY
    try:
        return parse_duration(str(given))
    except ValueError as error:
        raise RegistryError(
            f"{_KEY} in {project_dir / 'dbt_project.yml'}: {error}.",
            remedy=f"Write `vars: {{featurestore: {{{_KEY}: 7 days}}}}`.",
        ) from None
