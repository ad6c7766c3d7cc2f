"""The ledger's table `_featurestore_held_back`: the views that the last sync held back, and why.

`status` reads it, so it need not compare a view's rows again.
"""

from __future__ import annotations

from sync.warehouse.ledger_tables import LedgerTables

__all__ = ["Holds"]


class Holds:
    """The holds of one project's views.

    Args:
        tables: The ledger's schema.
    """

    def __init__(self, tables: LedgerTables) -> None:
        self._tables = tables
        self._name = tables.named("_featurestore_held_back")

    def create(self) -> None:
        """Create the table if it does not exist."""
        columns = "project VARCHAR, view VARCHAR, reason VARCHAR"
        self._tables.database.create_table(self._name, columns)

    def read(self, view: str) -> str:
        """Return why the last sync held a view back; empty if it did not."""
        if not self._tables.exists(self._name):
            return ""
        condition = self._tables.of_view(view)
        rows = self._tables.rows(f"SELECT reason FROM {self._name} WHERE {condition}")
        return rows[0]["reason"] if rows else ""

    def write(self, view: str, reason: str) -> None:
        """Note why a view is held back; this belongs in a transaction."""
        self.delete(view)
        values = (self._tables.project, view, reason)
        self._tables.execute(
            f"INSERT INTO {self._name} VALUES ({', '.join(map(self._tables.text, values))})"
        )

    def delete(self, view: str) -> None:
        """Delete a view's hold."""
        self._tables.execute(f"DELETE FROM {self._name} WHERE {self._tables.of_view(view)}")
