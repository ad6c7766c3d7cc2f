"""The brake: holds a view back whose sync would delete too many of its rows from Redis.

A table that a broken pipeline emptied looks like a table whose rows were deleted. So a sync that
would delete more than a share of a view's rows stops before it writes, unless the caller allows it.
Rows that leave because of time (the ttl, the end of their validity) do not count. Neither do rows
of a layout with other keys, which readers do not find anyway. A view that is withheld because of
personal data is removed in any case.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from featurestore.governance.deletion_limit import DEFAULT_DELETION_LIMIT, DeletionLimit
from featurestore.registry.definitions import FeatureView
from featurestore.values.percentages import format_percentage

__all__ = ["DEFAULT_BRAKE", "FREE_ROWS", "Brake", "Departures"]

FREE_ROWS = 10
"""Deletions that are never too many: in a small table half of the rows is a few rows."""
_FREE_VIEWS = 1
"""Views that may always be removed: a project with one view may rename it."""
_VIEWS_LIMIT = 0.5


@dataclass(frozen=True, slots=True)
class Brake:
    """How many rows, and how many views, one sync may delete.

    Attributes:
        limit: The limit of views that declare none.
        released: Whether the caller allows every deletion.
    """

    limit: DeletionLimit = DEFAULT_DELETION_LIMIT
    released: bool = False

    def limit_of(self, view: FeatureView) -> DeletionLimit | None:
        """Return the limit on the deletions of a view's rows; None if all of them may go."""
        if self.released:
            return None
        if view.max_deletes is None:
            return self.limit
        return DeletionLimit(view.max_deletes, "the view's own max_deletes")

    def refuses_removals(self, gone: Collection[str], published: Collection[str]) -> str:
        """Return why the views that are gone from the project are not removed; empty if they are.

        Args:
            gone: The published views that the project does not publish any more.
            published: All views that were published.
        """
        few = len(gone) <= max(_FREE_VIEWS, _VIEWS_LIMIT * len(published))
        if self.released or few:
            return ""
        return (
            f"a sync would remove {len(gone)} of {len(published)} published views at once, more"
            f" than {format_percentage(_VIEWS_LIMIT)}, a fixed limit"
        )


DEFAULT_BRAKE = Brake()


@dataclass(frozen=True, slots=True)
class Departures:
    """The rows that a sync would delete from Redis, and the rows that would stay.

    Attributes:
        deleted: All rows that would be deleted; not those that are left to the server to expire.
        untimely: The deleted rows that count: readers find them, and their ttl has not run out.
        staying: Rows that would stay and have not expired.
    """

    deleted: int
    untimely: int
    staying: int

    def refused(self, limit: DeletionLimit | None) -> str:
        """Return why the view is held back; empty if it is not.

        Args:
            limit: The limit on its deletions; None if all rows may go.

        >>> own = DeletionLimit(0.1, "the view's own max_deletes")
        >>> print(Departures(deleted=20, untimely=20, staying=80).refused(own))
        a sync would delete 20 of its 100 rows from Redis, more than 10%, the view's own max_deletes
        """
        if limit is None or self.untimely <= FREE_ROWS:
            return ""
        rows = self.untimely + self.staying
        if not self.staying:
            gone = f"all of its {rows:,} rows from Redis, which no max_deletes allows"
        elif self.untimely <= limit.share * rows:
            return ""
        else:
            gone = f"{self.untimely:,} of its {rows:,} rows from Redis, more than {limit}"
        return f"a sync would delete {gone}"
