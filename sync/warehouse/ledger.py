"""What was published, kept in the warehouse beside the features: the other half of every diff.

For each view there is a table of the rows as Redis has them, and one book for all views says which
of these tables can be trusted: it is marked dirty before Redis is touched and clean, with the epoch
that Redis was given too, when both sides agree.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlglot import exp

from featurestore.errors import RelationNotBuilt
from featurestore.registry.definitions import FeatureView
from featurestore.warehouse.abilities import estimate_of
from featurestore.warehouse.protocol import Warehouse
from sync.warehouse.change_detection import (
    OP,
    are_hashed,
    difference_query,
    listed,
    moved,
    restated,
    same_entity,
    tied,
)
from sync.warehouse.publication import Publication, quoted

__all__ = ["Ledger", "LedgerEntry"]

_LEDGER = "_featurestore_sync"
_CONFIRMED = "_featurestore_confirmed"
_PUBLISHED = "_featurestore_published__"
_CHANGES = "_featurestore_changes"
_SUSPECTS = "_featurestore_suspects"
_MANY = 100_000
"""Rows of a table from which on it pays to look first at which entities may have changed."""
_SHARE = 0.5
"""The share of the published entities up to which it pays to look at those alone."""


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """What the book says of one view.

    Attributes:
        epoch: The name of the last publication; Redis has the same one if it still holds it.
        dirty: Whether a sync began and did not finish.
        layout: What the rows were published as: types, ttl; a change republishes all.
        complete: Whether the table of published rows is there.
    """

    epoch: str
    dirty: bool
    layout: str
    complete: bool = True


class Ledger:
    """The tables of one project in one warehouse.

    Args:
        warehouse: Open for writing.
        schema: The schema for the tables, dbt's own by default.
        project: The dbt project; two projects may share a schema.
        write: Whether to make the books where there are none; without them nothing was published.
    """

    def __init__(
        self, warehouse: Warehouse, schema: str, project: str, *, write: bool = True
    ) -> None:
        self._warehouse = warehouse
        self._schema = schema
        self._project = project
        if write:
            self._make_books()

    def _make_books(self) -> None:
        self._execute(
            f"CREATE TABLE IF NOT EXISTS {self._table(_LEDGER)} (project VARCHAR, view VARCHAR,"
            " epoch VARCHAR, dirty BOOLEAN, layout VARCHAR)"
        )
        self._execute(
            f"CREATE TABLE IF NOT EXISTS {self._table(_CONFIRMED)} (project VARCHAR, view VARCHAR,"
            " as_of VARCHAR, synced_at VARCHAR)"
        )

    def views(self) -> list[str]:
        """Return the names of the views that were ever published and not dropped since."""
        if not self._is_there(self._table(_LEDGER)):
            return []
        rows = self._rows(
            f"SELECT view FROM {self._table(_LEDGER)} WHERE project = {_text(self._project)}"
            " ORDER BY view"
        )
        return [row["view"] for row in rows]

    def read(self, view: str) -> LedgerEntry | None:
        """Return what the book says of a view; None if it was never published."""
        if not self._is_there(self._table(_LEDGER)):
            return None
        rows = self._rows(
            f"SELECT epoch, dirty, layout FROM {self._table(_LEDGER)} WHERE {self._is(view)}"
        )
        complete = bool(rows) and self._is_there(self.published(view))
        return LedgerEntry(**rows[0], complete=complete) if rows else None

    def confirm(self, view: str, as_of: datetime) -> None:
        """Note that Redis holds the newest rows of a moment, whether or not it was written to."""
        moments = f"{_text(as_of.isoformat())}, {_text(datetime.now(UTC).isoformat())}"
        with self._transaction():
            self._forget_confirmation(view)
            self._execute(
                f"INSERT INTO {self._table(_CONFIRMED)}"
                f" VALUES ({_text(self._project)}, {_text(view)}, {moments})"
            )

    def confirmed(self, view: str) -> tuple[datetime, datetime] | None:
        """Return the moment whose newest rows Redis held last, and the clock at that time."""
        table = self._table(_CONFIRMED)
        if not self._is_there(table):
            return None
        rows = self._rows(f"SELECT as_of, synced_at FROM {table} WHERE {self._is(view)}")
        moments = [datetime.fromisoformat(text) for row in rows for text in row.values()]
        return (moments[0], moments[1]) if moments else None

    def _forget_confirmation(self, view: str) -> None:
        self._execute(f"DELETE FROM {self._table(_CONFIRMED)} WHERE {self._is(view)}")

    def _is_there(self, table: str) -> bool:
        try:
            return bool(self._warehouse.columns(table))
        except RelationNotBuilt:
            return False

    def mark_dirty(self, view: str, layout: str) -> None:
        """Note that Redis is about to be changed."""
        with self._transaction():
            self._write(view, "", layout, dirty=True)

    def mark_clean(self, view: str, epoch: str, layout: str) -> None:
        """Note that Redis holds what the view's table says."""
        with self._transaction():
            self._write(view, epoch, layout, dirty=False)

    def drop(self, view: str) -> None:
        """Forget a view."""
        with self._transaction():
            self._execute(f"DELETE FROM {self._table(_LEDGER)} WHERE {self._is(view)}")
            self._execute(f"DROP TABLE IF EXISTS {self.published(view)}")
            self._forget_confirmation(view)

    def published(self, view: str) -> str:
        """Return the name of the table of the view's published rows."""
        # dbt allows no full stop in a project's name, so no two pairs give one name.
        return self._table(f"{_PUBLISHED}{self._project}.{view}")

    def replace(self, publication: Publication) -> None:
        """Write down all newest rows of a view anew, to be published from there.

        Of a large table only the rows of tied entities are sorted.
        """
        table = self.published(publication.name)
        if not self._is_large(publication):
            self._execute(f"CREATE OR REPLACE TABLE {table} AS {publication.latest}")
            return
        self._execute(f"CREATE OR REPLACE TABLE {table} AS {publication.undecided}")
        self._keep(_SUSPECTS, tied(publication, table))
        if self._count(_SUSPECTS):
            self._delete(publication, _SUSPECTS)
            self._execute(f"INSERT INTO {table} {publication.among(_SUSPECTS)}")

    def find_changes(self, publication: Publication) -> str:
        """Compare the newest rows with the published ones.

        Returns:
            The name of a table of what `difference_query` finds.
        """
        self._keep(_CHANGES, self._difference(publication))
        return _CHANGES

    def _difference(self, publication: Publication) -> str:
        published = self.published(publication.name)
        if publication.since is not None:
            return difference_query(publication, publication.recent, published, whole=False)
        hashed = are_hashed(publication) and self._is_large(publication)
        if hashed and self._find_suspects(publication, published):
            some = listed(publication, published, _SUSPECTS)
            return difference_query(publication, publication.among(_SUSPECTS), some)
        return difference_query(publication, publication.latest, published)

    def _is_large(self, publication: Publication) -> bool:
        """Whether the rows lie in a large table, and are seldom written anew at their instant.

        Reading them once more takes less than sorting and comparing them all; but each entity with
        several rows at its newest instant has to be looked at again.
        """
        if not publication.view.join_keys or publication.view.created_timestamp is not None:
            return False
        found = estimate_of(self._warehouse, publication.view.relation)
        return found is not None and found.stored and found.rows >= _MANY

    def _find_suspects(self, publication: Publication, published: str) -> bool:
        """List the entities that may have changed; return whether they are but a part of all."""
        most = _SHARE * self._count(published)
        self._keep(_SUSPECTS, moved(publication, published))
        if self._count(_SUSPECTS) > most:
            return False
        self._execute(f"INSERT INTO {_SUSPECTS}\n{restated(publication, published)}")
        return self._count(_SUSPECTS) <= most

    def _keep(self, table: str, query: str) -> None:
        """Keep a query's rows for the length of the session."""
        self._execute(f"CREATE OR REPLACE TEMP TABLE {table} AS\n{query}")

    def _delete(self, publication: Publication, table: str) -> None:
        """Delete the published rows of the entities that a table lists."""
        same = same_entity(publication, "published", table) or "TRUE"
        published = self.published(publication.name)
        self._execute(f"DELETE FROM {published} AS published USING {table} WHERE {same}")

    def _count(self, table: str) -> int:
        count: int = self._rows(f"SELECT count(*) AS n FROM {table}")[0]["n"]
        return count

    def apply_changes(self, publication: Publication, epoch: str) -> None:
        """Write the changes into the table of published rows, and mark the view clean."""
        table = self.published(publication.name)
        names = ", ".join(quoted(name) for name, _ in publication.columns)
        with self._transaction():
            self._delete(publication, _CHANGES)
            self._execute(
                f"INSERT INTO {table} ({names}) SELECT {names} FROM {_CHANGES}"
                f" WHERE {OP} = 'upsert'"
            )
            self._write(publication.name, epoch, publication.layout, dirty=False)
        self._execute(f"DROP TABLE {_CHANGES}")

    def summary(self, view: FeatureView, table: str | None = None) -> tuple[int, datetime | None]:
        """Return the number of published rows (or a table's) and their newest event timestamp."""
        event = quoted(view.event_timestamp.name)
        row = self._rows(
            f"SELECT count(*) AS n, max({event}) FILTER (isfinite({event})) AS newest"
            f" FROM {table or self.published(view.name)}"
        )[0]
        return row["n"], row["newest"]

    def counts(self, table: str) -> dict[str, int]:
        """Return the number of changes by what is to be done."""
        rows = self._rows(f"SELECT {OP} AS op, count(*) AS n FROM {table} GROUP BY {OP}")
        return {row["op"]: row["n"] for row in rows}

    def _write(self, view: str, epoch: str, layout: str, *, dirty: bool) -> None:
        book = self._table(_LEDGER)
        self._execute(f"DELETE FROM {book} WHERE {self._is(view)}")
        self._execute(
            f"INSERT INTO {book} VALUES ({_text(self._project)}, {_text(view)}, {_text(epoch)},"
            f" {dirty}, {_text(layout)})"
        )

    def _is(self, view: str) -> str:
        return f"project = {_text(self._project)} AND view = {_text(view)}"

    def _table(self, name: str) -> str:
        return f"{quoted(self._schema)}.{quoted(name)}"

    def _execute(self, sql: str) -> None:
        self._warehouse.execute(sql)

    def _rows(self, sql: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self._warehouse.stream(sql).read_all().to_pylist()
        return rows

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._execute("BEGIN TRANSACTION")
        try:
            yield
        except BaseException:
            self._execute("ROLLBACK")
            raise
        self._execute("COMMIT")


def _text(value: str) -> str:
    return exp.Literal.string(value).sql("duckdb")
