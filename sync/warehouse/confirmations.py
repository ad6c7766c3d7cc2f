"""The ledger's table `_featurestore_confirmed`: when Redis last held a view's newest rows.

A sync that finds no changes leaves Redis alone, so Redis cannot tell how current its rows are.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sync.warehouse.ledger_tables import LedgerTables, text_literal

__all__ = ["Confirmations"]


class Confirmations:
    """The confirmations of one project's views.

    Args:
        tables: The ledger's schema.
    """

    def __init__(self, tables: LedgerTables) -> None:
        self._tables = tables
        self._name = tables.named("_featurestore_confirmed")

    def create(self) -> None:
        """Create the table if it does not exist."""
        self._tables.execute(
            f"CREATE TABLE IF NOT EXISTS {self._name} (project VARCHAR, view VARCHAR,"
            " as_of VARCHAR, synced_at VARCHAR)"
        )

    def read(self, view: str) -> tuple[datetime, datetime] | None:
        """Return the moment whose newest rows Redis held last, and the clock at that time."""
        if not self._tables.exists(self._name):
            return None
        condition = self._tables.of_view(view)
        rows = self._tables.rows(f"SELECT as_of, synced_at FROM {self._name} WHERE {condition}")
        moments = [datetime.fromisoformat(text) for row in rows for text in row.values()]
        return (moments[0], moments[1]) if moments else None

    def write(self, view: str, as_of: datetime) -> None:
        """Note that Redis holds the newest rows of a moment; this belongs in a transaction."""
        self.delete(view)
        values = (self._tables.project, view, as_of.isoformat(), datetime.now(UTC).isoformat())
        self._tables.execute(
            f"INSERT INTO {self._name} VALUES ({', '.join(map(text_literal, values))})"
        )

    def delete(self, view: str) -> None:
        """Delete a view's confirmation."""
        self._tables.execute(f"DELETE FROM {self._name} WHERE {self._tables.of_view(view)}")
