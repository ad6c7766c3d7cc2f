"""The ledger: tables that record what was published, in the warehouse or in a file beside the job.

    _featurestore_sync                          `LedgerEntries`: each view's epoch, and whether it
                                                is dirty
    _featurestore_held_back                     `Holds`: the views that the last sync held back
    _featurestore_database                      `DatabaseId`: a random id of the database
    _featurestore_published__<project>.<view>   `PublishedRows`: the rows as Redis has them; see
                                                `published_tables` for the names
    _featurestore_tables                        `SwappedTables`: where tables are swapped
    _featurestore_claims                        `TakenClaim`: where a claim is taken over

A sync compares the newest rows with the published ones, and publishes the difference. A view is
marked dirty before Redis changes, and clean, with the epoch that Redis has too, when both agree.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from featurestore.warehouse.abilities import KeepsLedger
from sync.warehouse.change_detection import OP, ChangeQueries
from sync.warehouse.change_finder import find_changes
from sync.warehouse.database_id import DatabaseId
from sync.warehouse.holds import Holds
from sync.warehouse.ledger_entries import LedgerEntries, LedgerEntry
from sync.warehouse.ledger_tables import LedgerTables
from sync.warehouse.publication import Publication
from sync.warehouse.published_rows import PublishedRows, RowSummary
from sync.warehouse.source_rows import RowsInPlace, SourceRows

__all__ = ["Ledger"]


class Ledger:
    """The ledger of one project.

    Args:
        database: Where its tables are: the warehouse, or a file beside the job.
        schema: The schema of the tables. A missing table reads as empty.
        project: The dbt project, or its namespace; two projects may share a schema.
        source: Makes the rows of the warehouse readable there; by default they are there.
        place: The place for messages.
        records: The tables of the records, where they are apart from the published rows.
        rows: Keeps the published rows.
    """

    def __init__(
        self,
        database: KeepsLedger,
        schema: str,
        project: str,
        source: SourceRows | None = None,
        place: str = "the warehouse",
        *,
        records: LedgerTables | None = None,
        rows: type[PublishedRows] = PublishedRows,
    ) -> None:
        self.database = database
        self.place = place
        self._tables = LedgerTables(database, schema, project, source or RowsInPlace())
        self._records = records or self._tables
        self._entries = LedgerEntries(self._records)
        self._holds = Holds(self._records)
        self._published = rows(self._tables)
        self._database = DatabaseId(self._records)

    def create(self) -> None:
        """Claim the ledger, and create the tables that do not exist, before the first write."""
        self._tables.claim()
        self._database.create()
        self._entries.create()
        self._published.create()
        self._holds.create()
        self._records.settle()

    @property
    def database_id(self) -> str:
        """The random id of the database; `create` keeps it there."""
        return self._database.read()

    @property
    def in_warehouse(self) -> bool:
        """Whether the ledger is in the warehouse, beside the history."""
        return self._tables.source.in_place

    def keep(self, table: str, query: str) -> str:
        """Keep the rows of a query of the warehouse for the session; return the table's name."""
        return self._tables.keep(table, query)

    def views(self) -> list[str]:
        """Return the views that were published and not dropped since."""
        return self._entries.views()

    def read(self, view: str) -> LedgerEntry | None:
        """Return a view's entry; None if it was never published."""
        entry = self._entries.read(view)
        return entry and replace(entry, complete=self._tables.exists(self.published(view)))

    def held_back(self, view: str) -> str:
        """Return why the last sync held a view back; empty if it did not."""
        return self._holds.read(view)

    def hold_back(self, view: str, reason: str) -> None:
        """Note why a view is held back; its other records stay as they are."""
        with self._records.transaction():
            self._holds.write(view, reason)

    def release(self, view: str) -> None:
        """Note that a view is not held back."""
        with self._records.transaction():
            self._holds.delete(view)

    def mark_dirty(self, view: str, layout: str) -> None:
        """Note that Redis is about to change."""
        with self._records.transaction():
            self._entries.write(view, epoch="", layout=layout, dirty=True)

    def mark_clean(self, view: str, epoch: str, layout: str) -> None:
        """Note that Redis holds the rows of the view's table."""
        with self._records.transaction():
            self._entries.write(view, epoch=epoch, layout=layout, dirty=False)

    def drop(self, view: str) -> None:
        """Delete all records of a view."""
        # Before the transaction, which ends where a statement asks for a table in vain. Without its
        # table of published rows, a view is published in full.
        self._published.drop(view)
        with self._records.transaction():
            self._entries.delete(view)
            self._holds.delete(view)

    def published(self, view: str) -> str:
        """Return the name of the table of a view's published rows."""
        return self._published.named(view)

    def replace(self, publication: Publication) -> None:
        """Write all newest rows of a view into its table of published rows."""
        self._published.replace(publication)

    def find_changes(self, publication: Publication) -> str:
        """Compare the newest rows with the published ones; return the table of changes."""
        return find_changes(self._tables, publication, self.published(publication.name))

    def apply_changes(self, publication: Publication, changes: str, epoch: str) -> None:
        """Write a table of changes into the published rows, and mark the view clean."""
        with self._records.transaction():
            # Rows and epoch in one transaction: a crash leaves both old and the view dirty.
            self._published.apply(publication, changes)
            self._entries.write(
                publication.name, epoch=epoch, layout=publication.layout, dirty=False
            )
        self._published.forget(changes)

    def queries(self, publication: Publication) -> ChangeQueries:
        """Return the queries about the changes of a view."""
        return ChangeQueries(publication, self.database)

    def summary(self, publication: Publication, table: str | None = None) -> RowSummary:
        """Summarize a view's published rows, or another table of its rows."""
        return self._published.summary(publication, table or self.published(publication.name))

    def newest_written(self, publication: Publication) -> datetime | None:
        """Return the newest created timestamp of a view's published rows that is not to come."""
        return self._published.newest_written(publication, self.published(publication.name))

    def counts(self, table: str) -> dict[str, int]:
        """Return the number of changes in a table by operation; see `ChangeQueries`."""
        rows = self._tables.rows(f"SELECT {OP} AS op, count(*) AS n FROM {table} GROUP BY {OP}")
        return {row["op"]: int(row["n"]) for row in rows}
