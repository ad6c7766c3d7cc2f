"""The ledger's table `_featurestore_sync`: the epoch of each view, and whether it is dirty."""

from __future__ import annotations

from dataclasses import dataclass

from sync.warehouse.ledger_tables import LedgerTables

__all__ = ["LedgerEntries", "LedgerEntry"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """The ledger's entry of one view.

    Attributes:
        epoch: The name of the last publication; Redis has the same one if it still holds it.
        dirty: Whether a sync began and did not finish.
        layout: The types and the ttl of the published rows; a change republishes all rows.
        complete: Whether the table of published rows exists.
    """

    epoch: str
    dirty: bool
    layout: str
    complete: bool = True


class LedgerEntries:
    """The entries of one project's views.

    Args:
        tables: The ledger's schema.
    """

    def __init__(self, tables: LedgerTables) -> None:
        self._tables = tables
        self._name = tables.named("_featurestore_sync")

    def create(self) -> None:
        """Create the table if it does not exist."""
        columns = "project VARCHAR, view VARCHAR, epoch VARCHAR, dirty BOOLEAN, layout VARCHAR"
        self._tables.database.create_table(self._name, columns)

    def views(self) -> list[str]:
        """Return the views that have an entry."""
        if not self._tables.exists(self._name):
            return []
        own = self._tables.text(self._tables.project)
        rows = self._tables.rows(
            f"SELECT view FROM {self._name} WHERE project = {own} ORDER BY view"
        )
        return [row["view"] for row in rows]

    def read(self, view: str) -> LedgerEntry | None:
        """Return a view's entry; None if it has none."""
        if not self._tables.exists(self._name):
            return None
        rows = self._tables.rows(
            f"SELECT epoch, dirty, layout FROM {self._name} WHERE {self._tables.of_view(view)}"
        )
        return LedgerEntry(**rows[0]) if rows else None

    def write(self, view: str, *, epoch: str, layout: str, dirty: bool) -> None:
        """Replace a view's entry; this belongs in a transaction."""
        # DELETE and INSERT instead of an upsert, which needs a unique index.
        self.delete(view)
        project, view, epoch, layout = map(
            self._tables.text, (self._tables.project, view, epoch, layout)
        )
        self._tables.execute(
            f"INSERT INTO {self._name} VALUES ({project}, {view}, {epoch}, {dirty}, {layout})"
        )

    def delete(self, view: str) -> None:
        """Delete a view's entry."""
        self._tables.execute(f"DELETE FROM {self._name} WHERE {self._tables.of_view(view)}")
