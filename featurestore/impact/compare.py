"""Compare two states of a project."""

from __future__ import annotations

from datetime import UTC, datetime

from featurestore.impact.changes import Change, Effect
from featurestore.impact.service_changes import service_changes
from featurestore.impact.state import ProjectState
from featurestore.impact.view_changes import ViewComparison

__all__ = ["compare"]


def compare(old: ProjectState, new: ProjectState, now: datetime | None = None) -> list[Change]:
    """Return the changes from one state to another, the most harmful first.

    Args:
        old: The state to compare with, such as production's.
        new: The current state.
        now: The moment that decides whether a deprecated version may go; by default the clock's.
    """
    changes = [
        *ViewComparison(old, new, now or datetime.now(UTC)).changes(),
        *service_changes(old.registry.feature_services, new.registry.feature_services),
    ]
    order = list(Effect)
    return sorted(changes, key=lambda c: (order.index(c.effect), c.subject, c.kind))
