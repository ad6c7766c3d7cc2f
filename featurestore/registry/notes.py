"""Collect the problems of a model or an exposure, so that a report lists all of them at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from featurestore.errors import Problem, did_you_mean

__all__ = ["Notes"]


@dataclass(slots=True)
class Notes:
    """The problems of one resource.

    Args:
        path: The file that declares the resource.
        resource: The resource's name, as dbt shows it.
    """

    path: str
    resource: str
    problems: list[Problem] = field(default_factory=list)

    def add(self, message: str, remedy: str = "") -> None:
        """Add a problem."""
        self.problems.append(Problem(self.path, self.resource, message, remedy))

    def unknown_keys(self, meta: Mapping[str, Any], known: Mapping[str, str], where: str) -> None:
        """Add a problem for each key of `meta` that is not a known one."""
        for key in meta:
            if key not in known:
                hint = did_you_mean(str(key), known) or f"Known: {', '.join(known)}."
                self.add(f"unknown key '{key}' under {where}.", hint)
