"""The results of comparing the online store with the warehouse."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

from featurestore.governance.personal_data import PERSONAL_VALUE
from featurestore.online.response import Status

__all__ = ["Difference", "VerifyReport", "ViewVerdict"]

_MOST_SHOWN = 20
"""Differences that a report lists; it counts all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One value that differs between the warehouse and the online store.

    Attributes:
        view: The feature view.
        key: The join keys of the row.
        feature: The feature; `*` for the whole row.
        expected: The value in the warehouse.
        found: The value online, or its status if nothing was found.
    """

    view: str
    key: Mapping[str, Any]
    feature: str
    expected: Any
    found: Any

    def without(self, personal: Collection[str]) -> Difference:
        """Return the difference with a placeholder for each value of a personal column."""
        key = {
            name: PERSONAL_VALUE if name in personal else value for name, value in self.key.items()
        }
        if self.feature not in personal:
            return replace(self, key=key)
        found = self.found if self.found in list(Status) else PERSONAL_VALUE
        return replace(self, key=key, expected=PERSONAL_VALUE, found=found)


@dataclass(slots=True)
class ViewVerdict:
    """The result for one view.

    Attributes:
        view: The feature view.
        as_of: The moment whose newest rows Redis should hold.
        checked: Rows of the warehouse that were looked up.
        differing: The rows among them that differ.
        unknown: Rows in Redis that the warehouse does not have; None if a sample was compared.
        damaged: Rows whose bytes in Redis were damaged.
        repaired: The damaged rows that were published again; the other counts are of afterwards.
        problem: Why nothing could be compared; empty if it could.
        personal_data: The columns whose values the differences do not show.
        differences: The first differences.
    """

    view: str
    as_of: datetime | None
    checked: int = 0
    differing: int = 0
    unknown: int | None = None
    damaged: int = 0
    repaired: int = 0
    problem: str = ""
    personal_data: tuple[str, ...] = ()
    differences: list[Difference] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether every compared value is the same."""
        return not (self.differing or self.unknown or self.problem)

    def note(self, found: Difference) -> None:
        """Keep a difference if it is one of the first, without personal data."""
        if len(self.differences) < _MOST_SHOWN:
            self.differences.append(found.without(self.personal_data))


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """The result for a project.

    Attributes:
        project: The dbt project.
        views: One verdict per view.
    """

    project: str
    views: tuple[ViewVerdict, ...]

    @property
    def good(self) -> bool:
        """Whether every compared value is the same."""
        return all(view.good for view in self.views)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values, for JSON."""
        return {**asdict(self), "good": self.good}
