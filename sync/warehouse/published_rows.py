"""The ledger's tables `_featurestore_published__<project>.<view>`: the rows as Redis has them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlglot import exp

from featurestore.sql.dialects import render
from featurestore.sql.expressions import column, relation
from featurestore.sql.instants import finite, instant_literal, naive
from sync.warehouse.change_detection import OP, ChangeQueries
from sync.warehouse.change_finder import SUSPECTS, is_large
from sync.warehouse.expired_rows import has_expired
from sync.warehouse.ledger_tables import LedgerTables
from sync.warehouse.publication import Publication, quoted
from sync.warehouse.published_tables import published_tables

__all__ = ["PublishedRows", "RowSummary"]


@dataclass(frozen=True, slots=True)
class RowSummary:
    """A summary of rows as Redis holds them.

    Attributes:
        rows: The number of rows.
        current: The number of rows that have not expired.
        newest: The newest finite event of those, as text if it is before the year 1; None without
            any.
    """

    rows: int
    current: int
    newest: datetime | str | None


class PublishedRows:
    """The tables of published rows of one project's views.

    Args:
        tables: The ledger's schema.
    """

    def __init__(self, tables: LedgerTables) -> None:
        self._tables = tables
        self._named = published_tables(tables)

    def create(self) -> None:
        """Create what the names of the tables are kept in."""
        self._named.create()

    def named(self, view: str) -> str:
        """Return the name of a view's table, as it is written in a statement."""
        return self._named.named(view)

    def drop(self, view: str) -> None:
        """Drop a view's table."""
        self._named.drop(view)

    def replace(self, publication: Publication) -> None:
        """Write all newest rows of a view.

        Of a large table, only the rows of entities that tie are sorted. The others are unique at
        their newest instant, and an aggregate finds that without sorting.
        """
        with self._named.writing(publication.name) as table:
            self._write(publication, table)

    def _write(self, publication: Publication, table: str) -> None:
        if not is_large(self._tables, publication):
            with self._tables.source.reading(publication.latest) as rows:
                self._tables.database.write_table(table, rows)
            return
        self._tables.database.write_table(table, publication.latest_with_ties)
        queries = ChangeQueries(publication, self._tables.database)
        tied = self._tables.create_temporary(SUSPECTS, queries.entities_with_ties(table))
        # Ties are rare, so ranking only these entities spares a sort of the whole table.
        if self._tables.count(tied):
            self._delete(publication, table, tied)
            self._tables.execute(f"INSERT INTO {table} {publication.latest_among(tied)}")

    def apply(self, publication: Publication, changes: str) -> None:
        """Write a table of changes into a view's table; this belongs in a transaction."""
        database, published = self._tables.database, self.named(publication.name)
        if database.merges and publication.view.join_keys:
            queries = ChangeQueries(publication, database)
            self._tables.execute(queries.merge(changes, published))
            return
        names = ", ".join(quoted(name, database.dialect) for name, _ in publication.columns)
        # DELETE and INSERT instead of an upsert, which needs a unique index on the keys.
        self._delete(publication, published, changes)
        self._tables.execute(
            f"INSERT INTO {published} ({names}) SELECT {names} FROM {changes} WHERE {OP} = 'upsert'"
        )

    def forget(self, changes: str) -> None:
        """Drop a table of changes that was applied."""
        self._tables.execute(f"DROP TABLE {changes}")

    def _delete(self, publication: Publication, table: str, entities: str) -> None:
        """Delete the rows of the entities in another table."""
        same = ChangeQueries(publication, self._tables.database).same_entity("published", "gone")
        self._tables.execute(
            f"DELETE FROM {table} AS published"
            f" WHERE EXISTS (SELECT 1 FROM {entities} AS gone WHERE {same})"
        )

    def summary(self, publication: Publication, table: str) -> RowSummary:
        """Summarize a table of a view's rows."""
        view, dialect = publication.view, self._tables.database.dialect
        at: exp.Expr = column(view.event_timestamp.name)
        if view.event_timestamp.data_type and view.event_timestamp.data_type.has_nanoseconds:
            # DuckDB has no ISFINITE of instants with a zone, nor Python an instant so fine.
            at = naive(view.event_timestamp, dialect)
        event, is_finite = render(at.copy(), dialect), render(finite(at, dialect), dialect)
        alive = f"NOT {has_expired(view, publication.now, dialect)}"
        row = self._tables.rows(
            f"SELECT count(*) AS n, count(CASE WHEN {alive} THEN 1 END) AS alive,"
            f" max(CASE WHEN {is_finite} AND {alive} THEN {event} END) AS newest FROM {table}"
        )[0]
        return RowSummary(int(row["n"]), int(row["alive"]), row["newest"])

    def newest_written(self, publication: Publication, table: str) -> datetime | None:
        """Return the newest created timestamp in a table that is not to come; None without any."""
        stamp, dialect = publication.view.created_timestamp, self._tables.database.dialect
        if stamp is None:
            return None
        at = naive(stamp, dialect)
        # Infinity and wrong clocks are left out: they tell nothing about the rows to come.
        past = at.copy() <= instant_literal(publication.now, dialect)
        query = exp.select(exp.alias_(exp.Max(this=at), "newest")).from_(relation(table, dialect))
        found = self._tables.rows(render(query.where(past), dialect))[0]["newest"]
        return found.replace(tzinfo=UTC) if isinstance(found, datetime) else None
