"""The project's limit on the deletions of one sync, from `vars` in its dbt_project.yml."""

from __future__ import annotations

from pathlib import Path

from featurestore.errors import RegistryError
from featurestore.project.own_vars import own_vars
from featurestore.values.percentages import parse_percentage

__all__ = ["DEFAULT_DELETION_LIMIT", "deletion_limit"]

DEFAULT_DELETION_LIMIT = 0.5
"""The share of a view's rows that one sync may delete if the project does not say otherwise. A
table that lost more than half of its rows is more often broken than correct."""

_KEY = "max_deletes"


def deletion_limit(project_dir: Path) -> float:
    """Return the share of a view's rows that one sync may delete, for views that declare none.

    Raises:
        RegistryError: The limit is not a percentage.
    """
    own = own_vars(project_dir)
    given = own.get(_KEY) if isinstance(own, dict) else None
    if given is None:
        return DEFAULT_DELETION_LIMIT
    try:
        return parse_percentage(given)
    except ValueError as error:
        raise RegistryError(
            f"{_KEY} in {project_dir / 'dbt_project.yml'}: {error}.",
            remedy=f"Write `vars: {{featurestore: {{{_KEY}: 50%}}}}`.",
        ) from None
