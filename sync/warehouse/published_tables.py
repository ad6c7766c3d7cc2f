"""Which table holds the published rows of a view: one name for ever, or the last one written.

An engine that keeps other jobs out of the ledger replaces a table under its name. One where a job
can only take the claim over must not: the CREATE TABLE of a job that lost the claim may still run,
and would put its rows in place of the winner's. There each full publication writes a table of a new
name, and a transaction under the claim swaps the two.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol
from urllib.parse import quote

from sync.warehouse.ledger_tables import LedgerTables

__all__ = ["PublishedTables", "ReplacedTables", "SwappedTables", "published_tables"]

_PREFIX = "_featurestore_published__"
_SLUG = 100
"""Characters of a swapped table's name that tell a reader whose it is."""


class PublishedTables(Protocol):
    """The tables of published rows of one project's views."""

    def create(self) -> None:
        """Create what the names are kept in, if anything."""

    def named(self, view: str) -> str:
        """Return the name of a view's table, as it is written in a statement."""

    def writing(self, view: str) -> AbstractContextManager[str]:
        """Return a context with the table to write all rows of a view into.

        It takes the place of the view's table, if the block ends well.
        """

    def drop(self, view: str) -> None:
        """Drop a view's table."""


def published_tables(tables: LedgerTables) -> PublishedTables:
    """Return the tables of published rows, as the engine of the ledger allows."""
    return SwappedTables(tables) if tables.database.takes_over else ReplacedTables(tables)


class ReplacedTables:
    """Tables that are replaced under names that never change.

    Args:
        tables: The ledger's schema.
    """

    def __init__(self, tables: LedgerTables) -> None:
        self._tables = tables

    def create(self) -> None:
        """Do nothing: the names are computed."""

    def named(self, view: str) -> str:
        """Return the name of a view's table."""
        longest = self._tables.database.longest_name
        return self._tables.named(_unique(self._plain_name(view), longest))

    @contextmanager
    def writing(self, view: str) -> Iterator[str]:
        """Replace the table itself."""
        self._drop_shared(view)
        yield self.named(view)

    def drop(self, view: str) -> None:
        """Drop a view's table."""
        self._drop_shared(view)
        self._tables.execute(f"DROP TABLE IF EXISTS {self.named(view)}")

    def _plain_name(self, view: str) -> str:
        # Encoded, a namespace has no full stop, so two pairs of it and a view never share a table.
        project = quote(self._tables.project, safe="").replace(".", "%2E")
        return f"{_PREFIX}{project}.{view}"

    def _drop_shared(self, view: str) -> None:
        """Drop the table that an older release named, if the view still has no other.

        It may hold another view's rows, whose name differs in case alone. That view then lacks its
        table, so its next sync publishes all rows, and deletes those that a shared table hid.
        """
        shared = self._tables.named(self._plain_name(view))
        if shared != self.named(view) and not self._tables.exists(self.named(view)):
            self._tables.execute(f"DROP TABLE IF EXISTS {shared}")


class SwappedTables:
    """The ledger's table `_featurestore_tables`: the tables that were written, and the current one.

    A name is noted before its table is created, so the next full publication drops what a killed
    one left behind.

    Args:
        tables: The ledger's schema.
    """

    def __init__(self, tables: LedgerTables) -> None:
        self._tables = tables
        self._name = tables.named("_featurestore_tables")
        self._current: dict[str, str] = {}

    def create(self) -> None:
        """Create the table of names if it does not exist."""
        columns = "project VARCHAR, view VARCHAR, name VARCHAR, is_current BOOLEAN"
        self._tables.database.create_table(self._name, columns)

    def named(self, view: str) -> str:
        """Return the name of the current table; without one, a name that no table has."""
        if view not in self._current:
            found = [name for name, is_current in self._noted(view) if is_current]
            if not found:
                return self._tables.named(self._slug(view))
            self._current[view] = found[0]
        return self._tables.named(self._current[view])

    @contextmanager
    def writing(self, view: str) -> Iterator[str]:
        """Write a table of a new name, and swap it in a transaction."""
        name = f"{self._slug(view)}__{secrets.token_hex(8)}"
        text = self._tables.text
        with self._tables.transaction():
            values = f"{text(self._tables.project)}, {text(view)}, {text(name)}, FALSE"
            self._tables.execute(f"INSERT INTO {self._name} VALUES ({values})")
        yield self._tables.named(name)
        with self._tables.transaction():
            self._tables.execute(
                f"UPDATE {self._name} SET is_current = (name = {text(name)})"
                f" WHERE {self._tables.of_view(view)}"
            )
        self._current[view] = name
        self._drop([other for other, _ in self._noted(view) if other != name])

    def drop(self, view: str) -> None:
        """Drop all tables of a view."""
        self._current.pop(view, None)
        self._drop([name for name, _ in self._noted(view)])

    def _drop(self, names: list[str]) -> None:
        for name in names:
            self._tables.execute(f"DROP TABLE IF EXISTS {self._tables.named(name)}")
        if names:
            listed = ", ".join(map(self._tables.text, names))
            with self._tables.transaction():
                self._tables.execute(f"DELETE FROM {self._name} WHERE name IN ({listed})")

    def _noted(self, view: str) -> list[tuple[str, bool]]:
        if not self._tables.exists(self._name):
            return []
        rows = self._tables.rows(
            f"SELECT name, is_current FROM {self._name} WHERE {self._tables.of_view(view)}"
        )
        return [(row["name"], row["is_current"]) for row in rows]

    def _slug(self, view: str) -> str:
        # Letters, digits and underscores: BigQuery allows little else, and no full stop.
        words = re.sub(r"[^a-z0-9_]", "_", f"{self._tables.project}__{view}".lower())
        return f"{_PREFIX}{words[:_SLUG]}"


def _unique(name: str, longest: int | None) -> str:
    """Return a table's name that differs from all others by more than its case.

    DuckDB takes `Planes` and `planes` for one table. Names in lower case stay as they are, unless
    the engine would cut them.

    Args:
        name: The name.
        longest: The longest name of a table, in bytes; None without a limit.
    """
    raw = name.encode()
    if name == name.lower() and "#" not in name and len(raw) <= (longest or len(raw)):
        return name
    ending = f"#{hashlib.sha256(raw).hexdigest()[:16]}"
    kept = raw[: longest - len(ending)] if longest else raw
    # Cut between two characters.
    return kept.decode(errors="ignore") + ending
