"""The project's limit on the deletions of one sync, from `vars` in its dbt_project.yml."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from featurestore.errors import RegistryError
from featurestore.project.own_vars import own_var
from featurestore.values.percentages import format_percentage, parse_percentage

__all__ = ["DEFAULT_DELETION_LIMIT", "DeletionLimit", "deletion_limit"]

_KEY = "max_deletes"


@dataclass(frozen=True, slots=True)
class DeletionLimit:
    """The share of a view's rows that one sync may delete.

    Attributes:
        share: The share, from 0 to 1.
        source: Where the limit comes from, for messages.
    """

    share: float
    source: str

    def __str__(self) -> str:
        return f"{format_percentage(self.share)}, {self.source}"


DEFAULT_DELETION_LIMIT = DeletionLimit(0.5, f"the default of {_KEY}")
"""The limit if neither the view nor the project has one. A table that lost more than half of its
rows is more often broken than correct."""


def deletion_limit(project_dir: Path) -> DeletionLimit:
    """Return the project's limit, for views that declare none.

    Raises:
        RegistryError: The limit is not a percentage.
    """
    given = own_var(project_dir, _KEY)
    if given is None:
        return DEFAULT_DELETION_LIMIT
    try:
        share = parse_percentage(given)
    except ValueError as error:
        raise RegistryError(
            f"{_KEY} in {project_dir / 'dbt_project.yml'}: {error}.",
            remedy=f"Write `vars: {{featurestore: {{{_KEY}: 50%}}}}`.",
        ) from None
    return DeletionLimit(share, f"the project's {_KEY} in dbt_project.yml")
