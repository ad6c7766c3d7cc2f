"""The ledger's table `_featurestore_database`: a random id that tells this database from others.

A DuckDB database has no server or account that names it. A copy of the file keeps the id.
"""

from __future__ import annotations

import secrets

from sync.warehouse.ledger_tables import LedgerTables

__all__ = ["DatabaseId"]


class DatabaseId:
    """The id of the database that a ledger is in.

    Args:
        tables: The ledger's schema.
    """

    def __init__(self, tables: LedgerTables) -> None:
        self._tables = tables
        self._name = tables.named("_featurestore_database")
        self._kept = ""
        self._new = secrets.token_hex(8)

    def create(self) -> None:
        """Create the table if it does not exist, and write an id if it has none."""
        self._tables.database.create_table(self._name, "id VARCHAR")
        self._tables.execute(
            f"INSERT INTO {self._name} SELECT {self._tables.text(self.read())} FROM (SELECT 1 AS n)"
            f" AS one WHERE NOT EXISTS (SELECT 1 FROM {self._name})"
        )

    def read(self) -> str:
        """Return the id; before it is written, the one that `create` would write."""
        if not self._kept and self._tables.exists(self._name):
            # Two jobs of different projects may both have written one, at the same moment.
            (row,) = self._tables.rows(f"SELECT min(id) AS id FROM {self._name}")
            self._kept = row["id"] or ""
        return self._kept or self._new
