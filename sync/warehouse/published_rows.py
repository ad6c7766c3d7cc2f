"""The ledger's tables `_featurestore_published__<project>.<view>`: the rows as Redis has them.

A name with a capital letter, or too long for the engine, ends with `#` and a hash of its spelling.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote

from sqlglot import exp

from featurestore.sql.dialects import render
from featurestore.sql.expressions import column, relation
from featurestore.sql.instants import finite, instant_literal, naive
from sync.warehouse.change_detection import OP, ChangeQueries
from sync.warehouse.change_finder import SUSPECTS, is_large
from sync.warehouse.expired_rows import has_expired
from sync.warehouse.ledger_tables import LedgerTables
from sync.warehouse.publication import Publication, quoted

__all__ = ["PublishedRows", "RowSummary"]

_PREFIX = "_featurestore_published__"


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

    def named(self, view: str) -> str:
        """Return the name of a view's table, as it is written in a statement."""
        longest = self._tables.database.longest_name
        return self._tables.named(_unique(self._plain_name(view), longest))

    def _plain_name(self, view: str) -> str:
        # Encoded, a namespace has no full stop, so two pairs of it and a view never share a table.
        project = quote(self._tables.project, safe="").replace(".", "%2E")
        return f"{_PREFIX}{project}.{view}"

    def drop(self, view: str) -> None:
        """Drop a view's table."""
        self._drop_shared(view)
        self._tables.execute(f"DROP TABLE IF EXISTS {self.named(view)}")

    def _drop_shared(self, view: str) -> None:
        """Drop the table that an older release named, if the view still has no other.

        It may hold another view's rows, whose name differs in case alone. That view then lacks its
        table, so its next sync publishes all rows, and deletes those that a shared table hid.
        """
        shared = self._tables.named(self._plain_name(view))
        if shared != self.named(view) and not self._tables.exists(self.named(view)):
            self._tables.execute(f"DROP TABLE IF EXISTS {shared}")

    def replace(self, publication: Publication) -> None:
        """Write all newest rows of a view.

        Of a large table, only the rows of entities that tie are sorted. The others are unique at
        their newest instant, and an aggregate finds that without sorting.
        """
        table = self.named(publication.name)
        self._drop_shared(publication.name)
        if not is_large(self._tables, publication):
            with self._tables.source.reading(publication.latest) as rows:
                self._tables.database.write_table(table, rows)
            return
        self._tables.database.write_table(table, publication.latest_with_ties)
        queries = ChangeQueries(publication, self._tables.database)
        self._tables.create_temporary(SUSPECTS, queries.entities_with_ties(table))
        # Ties are rare, so ranking only these entities spares a sort of the whole table.
        if self._tables.count(SUSPECTS):
            self._delete(publication, SUSPECTS)
            self._tables.execute(f"INSERT INTO {table} {publication.latest_among(SUSPECTS)}")

    def apply(self, publication: Publication, changes: str) -> None:
        """Write a table of changes into a view's table; this belongs in a transaction."""
        dialect = self._tables.database.dialect
        names = ", ".join(quoted(name, dialect) for name, _ in publication.columns)
        # DELETE and INSERT instead of an upsert, which needs a unique index on the keys.
        self._delete(publication, changes)
        self._tables.execute(
            f"INSERT INTO {self.named(publication.name)} ({names}) SELECT {names} FROM {changes}"
            f" WHERE {OP} = 'upsert'"
        )

    def _delete(self, publication: Publication, entities: str) -> None:
        """Delete the rows of the entities in another table."""
        same = ChangeQueries(publication, self._tables.database).same_entity("published", "gone")
        published = self.named(publication.name)
        self._tables.execute(
            f"DELETE FROM {published} AS published"
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
        return RowSummary(row["n"], row["alive"], row["newest"])

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
