"""The queries that find changes: the newest rows against the published ones.

In a large table most entities did not change, and listing those that may have is cheaper than
comparing all values. An entity may have changed if its newest instant is not the published row's,
or if it has another row at that instant.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from featurestore.online.key_values import text_family
from featurestore.sql.dialects import render
from featurestore.sql.instants import instant_literal, naive
from featurestore.sql.latest_rows import NEWEST_EVENT, VALID_UNTIL
from featurestore.values.types import DataType
from featurestore.warehouse.abilities import HashesRows, KeepsLedger
from sync.warehouse.expired_rows import has_expired
from sync.warehouse.publication import ChangeWindow, Publication, quoted

__all__ = ["OP", "PREVIOUS_CREATED", "PREVIOUS_END", "PREVIOUS_EVENT", "ChangeQueries"]

OP = "_featurestore_op"
_ONE = "_featurestore_one"
_HASH = "_featurestore_hash"
PREVIOUS_EVENT = "_featurestore_previous_event"
PREVIOUS_CREATED = "_featurestore_previous_created"
PREVIOUS_END = "_featurestore_previous_end"
_TEXTS = frozenset({"string", "uuid"})


@dataclass(frozen=True, slots=True)
class ChangeQueries:
    """The queries that find the changes of one view.

    Attributes:
        publication: The view.
        database: Where its published rows are; the queries are in its dialect.
    """

    publication: Publication
    database: KeepsLedger

    def difference(
        self, latest: str, published: str, *, whole: bool = True, only_newer: bool = False
    ) -> str:
        """Write the query for the rows that differ.

        Args:
            latest: The statement for the view's newest rows.
            published: The published rows, as a table or a subquery.
            whole: Whether `latest` covers all entities of `published`. If not, a published row
                without a newest one does not count as deleted.
            only_newer: Whether `latest` may hold rows older than the published ones, which stay.

        Returns:
            A SELECT of the view's columns, `OP`, and the timestamps of the row published before,
            NULL if there was none. `OP` is `upsert`, `delete`, or `lapse` for a row without a
            newest one that had expired: it may be left to the server, see `settled`.
        """
        keys, previous = self._keys, dict(self._previous())
        names = [self._name(name) for name, _ in self.publication.columns]
        columns = [
            f"coalesce(latest.{name}, published.{name}) AS {name}"
            if name in keys
            else f"latest.{name} AS {name}"
            for name in names
        ]
        columns += [f"published.{name} AS {alias}" for alias, name in previous.items()]
        present = f"latest.{self._event}"
        columns.append(f"CASE WHEN {present} IS NULL THEN 'delete' ELSE 'upsert' END AS {OP}")
        # A full outer join also keeps published rows without a newest row: these were deleted.
        join = "FULL OUTER JOIN" if whole else "LEFT JOIN"
        newest, kept = "latest", published
        on = self.same_entity("latest", "published")
        if not keys:
            # BigQuery wants two columns that are equal in every outer join.
            newest, kept = (f"(SELECT *, 1 AS {_ONE} FROM {name} AS t)" for name in (newest, kept))
            on = f"latest.{_ONE} = published.{_ONE}"
        differing = self._differing("latest", "published")
        if only_newer:
            differing = f"({differing}) AND {self._is_newer()}"
        shown = ",\n  ".join(columns)
        differences = (
            f"WITH latest AS (\n{latest}\n)\nSELECT\n  {shown}\nFROM {newest} AS latest\n"
            f"{join} {kept} AS published ON {on}\nWHERE {differing}"
        )
        lapses = f"CASE WHEN {OP} = 'delete' AND {self.was_expired} THEN 'lapse' ELSE {OP} END"
        kept = ", ".join([*names, *previous, f"{lapses} AS {OP}"])
        return f"SELECT {kept}\nFROM (\n{differences}\n) AS differences"

    def _is_newer(self) -> str:
        """Write the condition that the row in `latest` wins against the published one, if any."""
        view, event = self.publication.view, self._event
        newer = f"published.{event} IS NULL OR latest.{event} > published.{event}"
        if view.created_timestamp is None:
            return f"({newer} OR latest.{event} = published.{event})"
        created = self._name(view.created_timestamp.name)
        written = f"published.{created} IS NULL OR latest.{created} >= published.{created}"
        return f"({newer} OR (latest.{event} = published.{event} AND ({written})))"

    def vanished(self, window: ChangeWindow, newest: str, published: str) -> str:
        """Write the query for published rows in a window whose entity has no row there any more.

        Args:
            window: The window.
            newest: The table of the newest rows in it.
            published: The published rows.
        """
        view, dialect = self.publication.view, self.database.dialect
        start = window.since - view.available_after
        if view.ttl is not None:
            # A row that expired is not in the window's rows either.
            start = max(start, self.publication.now - view.ttl)
        at = naive(view.event_timestamp, dialect)
        recent = render(at >= instant_literal(start, dialect), dialect)
        return (
            f"SELECT 1 AS gone FROM {published} AS published WHERE {recent} AND NOT EXISTS"
            f" (SELECT 1 FROM {newest} AS newest WHERE {self.same_entity('newest', 'published')})"
        )

    @property
    def was_expired(self) -> str:
        """The condition that the row published before, in a table of changes, has expired."""
        view, now = self.publication.view, self.publication.now
        return has_expired(view, now, self.database.dialect, event=PREVIOUS_EVENT, end=PREVIOUS_END)

    def lapsed_entities(self, changes: str) -> str:
        """Write the query for the join keys of the lapses in a table of changes."""
        keys = ", ".join(self._keys) or "1 AS lapsed"
        return f"SELECT {keys} FROM {changes} WHERE {OP} = 'lapse'"

    def settled(self, changes: str, known: str) -> str:
        """Write the query for a table of changes whose lapses are told apart.

        A row that lapsed, and is still in the source, left for its time alone: it stays in Redis
        until the server drops it, and readers say EXPIRED. The other lapses become deletions.

        Args:
            changes: The table of changes.
            known: The statement for the newest rows of these entities, however old.
        """
        names = [self._name(name) for name, _ in self.publication.columns]
        kept = ", ".join(f"changed.{name}" for name in (*names, *dict(self._previous())))
        gone = f"changed.{OP} = 'lapse' AND known.{self._event} IS NULL"
        return (
            f"SELECT {kept}, CASE WHEN {gone} THEN 'delete' ELSE changed.{OP} END AS {OP}\n"
            f"FROM {changes} AS changed LEFT JOIN (\n{known}\n) AS known\n"
            f"ON changed.{OP} = 'lapse' AND {self.same_entity('known', 'changed')}"
            f" AND known.{self._event} = changed.{PREVIOUS_EVENT}"
        )

    def merge(self, changes: str, published: str) -> str:
        """Write the MERGE that applies a table of changes to a table of published rows.

        Rows that lapsed leave it too: Redis drops them itself.
        """
        names = [self._name(name) for name, _ in self.publication.columns]
        updates = ", ".join(f"{name} = changed.{name}" for name in names)
        values = ", ".join(f"changed.{name}" for name in names)
        return (
            f"MERGE INTO {published} AS published USING {changes} AS changed"
            f" ON {self.same_entity('published', 'changed')}\n"
            f"WHEN MATCHED AND changed.{OP} = 'upsert' THEN UPDATE SET {updates}\n"
            "WHEN MATCHED THEN DELETE\n"
            f"WHEN NOT MATCHED AND changed.{OP} = 'upsert' THEN INSERT ({', '.join(names)})"
            f" VALUES ({values})"
        )

    def entities_with_new_instant(self, published: str) -> str:
        """Write the query for the entities with another newest instant than published.

        These include new entities, and entities without any row left.

        Returns:
            A SELECT of the join keys and the newest instant, which is NULL without any row left.
        """
        keys = (f"coalesce(newest.{key}, published.{key}) AS {key}" for key in self._keys)
        return (
            f"WITH newest AS (\n{self.publication.newest_instants}\n)\n"
            f"SELECT {', '.join(keys)}, newest.{NEWEST_EVENT}\n"
            f"FROM newest FULL OUTER JOIN {published} AS published"
            f" ON {self.same_entity('newest', 'published')}\n"
            f"WHERE newest.{NEWEST_EVENT} IS DISTINCT FROM published.{self._event}"
        )

    def entities_with_restated_row(self, published: str, hashes: HashesRows) -> str:
        """Write the query for the entities with another row at the published instant.

        Rows are compared by a hash of 64 bits. Carrying the values themselves through the join
        would take several times as long, and perhaps more memory than there is.

        Args:
            published: The table of published rows.
            hashes: The database, which can hash rows.

        Returns:
            A SELECT of the join keys and that instant.
        """
        # Rows older than the oldest published instant cannot match, so the scan skips them.
        event = self._event
        history = self._with_hash(self.publication.view.relation, hashes)
        return (
            f"SELECT {', '.join(f'history.{name}' for name in (*self._keys, event))}\n"
            f"FROM ({history}\n  WHERE {event} >= (SELECT min({event}) FROM {published}))"
            f" AS history\nJOIN ({self._with_hash(published, hashes)}) AS published\n"
            f"ON {self.same_entity('history', 'published')}"
            f" AND history.{event} = published.{event}\n"
            f"WHERE history.{_HASH} <> published.{_HASH}"
        )

    def _with_hash(self, source: str, hashes: HashesRows) -> str:
        kept = ", ".join([*self._keys, self._event])
        value = hashes.row_hash(dict(self._values()))
        return f"SELECT {kept}, {value} AS {_HASH} FROM {source}"

    def entities_with_ties(self, published: str) -> str:
        """Write the query for the join keys of entities with several rows in a table."""
        keys = ", ".join(self._keys)
        return f"SELECT {keys} FROM {published} GROUP BY {keys} HAVING count(*) > 1"

    def published_rows_of(self, published: str, table: str) -> str:
        """Write the subquery for the published rows of the entities in a table."""
        same = self.same_entity("listed", "kept")
        listed = f"SELECT 1 FROM {table} AS listed WHERE {same}"
        return f"(SELECT * FROM {published} AS kept WHERE EXISTS ({listed}))"

    def same_entity(self, left: str, right: str) -> str:
        """Write the condition that two rows are of one entity; TRUE without join keys."""
        return _all(f"{left}.{name} = {right}.{name}" for name in self._keys)

    def same_uploaded(self, stored: str, uploaded: str) -> str:
        """Write the condition that a stored row and an uploaded one are of one entity.

        Uploaded keys have the types in which they once left the warehouse.
        """
        pairs = [
            (f"{stored}.{self._name(name)}", f"{uploaded}.{self._name(name)}", text_family(kind))
            for name, kind in self.publication.schema.keys
        ]
        return _all(
            f"{self.database.key_text(mine) if kind in _TEXTS else mine} = {theirs}"
            for mine, theirs, kind in pairs
        )

    def _name(self, name: str) -> str:
        return quoted(name, self.database.dialect)

    @property
    def _event(self) -> str:
        return self._name(self.publication.view.event_timestamp.name)

    @property
    def _keys(self) -> list[str]:
        return [self._name(key.name) for key in self.publication.view.join_keys]

    def _previous(self) -> Iterator[tuple[str, str]]:
        """Yield the columns of the row published before: their names among the changes, and own."""
        view = self.publication.view
        yield PREVIOUS_EVENT, self._event
        if view.created_timestamp is not None:
            yield PREVIOUS_CREATED, self._name(view.created_timestamp.name)
        if view.valid_until is not None:
            yield PREVIOUS_END, VALID_UNTIL

    def _differing(self, left: str, right: str) -> str:
        """Write the condition that two rows of an entity differ in a time or a feature."""
        pairs = zip(self._compared(left), self._compared(right), strict=True)
        return " OR ".join(f"{mine} IS DISTINCT FROM {theirs}" for mine, theirs in pairs)

    def _compared(self, table: str) -> list[str]:
        """Return the expressions by which rows of an entity are compared."""
        return [
            part
            for value, kind in self._values(table)
            for part in self.database.compared_as(value, kind)
        ]

    def _values(self, table: str = "") -> Iterator[tuple[str, DataType | None]]:
        """Yield the timestamps, the end (without a type) and the features, and their types."""
        keys = {key.name for key in self.publication.view.join_keys}
        for name, kind in self.publication.published_types.items():
            if name not in keys:
                yield self.publication.published_column(name, self.database.dialect, table), kind


def _all(conditions: Iterator[str]) -> str:
    return " AND ".join(conditions) or "TRUE"
