"""The published rows of a sync by Spark: tables that are written whole, since Spark changes none.

    featurestore_published_<project>_<view>_<hash>_a   the rows as Redis has them; `_b` after the
                                                       next change, and so in turns

A run with changes writes the other table from this one, and then drops this one. Meanwhile the
records say dirty, so a run that dies between leaves both tables and the next one replaces them.
"""

from __future__ import annotations

import hashlib
import re

from sync.warehouse.change_detection import OP, ChangeQueries
from sync.warehouse.ledger_tables import LedgerTables
from sync.warehouse.publication import Publication, quoted
from sync.warehouse.published_rows import PublishedRows

__all__ = ["SparkPublishedRows", "plain_name"]

_TURNS = ("a", "b")
_LONGEST = 40


def plain_name(*parts: str) -> str:
    """Return a name of letters and digits, which is another one for other parts.

    >>> plain_name("shop", "Plane features")
    'shop_plane_features_71d71e1ac022'
    """
    raw = "\0".join(parts).encode()
    readable = "_".join(re.sub(r"[^a-z0-9]+", "_", part.lower())[:_LONGEST] for part in parts)
    return f"{readable}_{hashlib.sha256(raw).hexdigest()[:12]}"


class SparkPublishedRows(PublishedRows):
    """The tables of published rows of one project's views; see `PublishedRows`.

    Args:
        tables: The ledger's schema.
    """

    def __init__(self, tables: LedgerTables) -> None:
        super().__init__(tables)
        self._current: dict[str, str] = {}

    def named(self, view: str) -> str:
        """Return the name of a view's table, whether or not it exists."""
        if view not in self._current:
            first, second = self._both(view)
            self._current[view] = second if self._tables.exists(second) else first
        return self._current[view]

    def _both(self, view: str) -> list[str]:
        name = f"featurestore_published_{plain_name(self._tables.project, view)}"
        return [self._tables.named(f"{name}_{turn}") for turn in _TURNS]

    def drop(self, view: str) -> None:
        """Drop a view's table."""
        for table in self._both(view):
            self._tables.execute(f"DROP TABLE IF EXISTS {table}")
        self._current.pop(view, None)

    def replace(self, publication: Publication) -> None:
        """Write all newest rows of a view."""
        self.drop(publication.name)
        self._tables.database.write_table(self.named(publication.name), publication.latest)

    def apply(self, publication: Publication, changes: str) -> None:
        """Write a view's other table from the current one and a table of changes."""
        current = self.named(publication.name)
        (other,) = (table for table in self._both(publication.name) if table != current)
        dialect = self._tables.database.dialect
        names = ", ".join(quoted(name, dialect) for name, _ in publication.columns)
        same = ChangeQueries(publication, self._tables.database).same_entity("published", "gone")
        self._tables.execute(f"DROP TABLE IF EXISTS {other}")
        self._tables.database.write_table(
            other,
            f"SELECT {names} FROM {current} AS published"
            f" WHERE NOT EXISTS (SELECT 1 FROM {changes} AS gone WHERE {same})"
            f" UNION ALL SELECT {names} FROM {changes} WHERE {OP} = 'upsert'",
        )
        self._tables.execute(f"DROP TABLE {current}")
        self._current[publication.name] = other

    def forget(self, changes: str) -> None:
        """Do nothing: the changes are staged, and dropped with the session."""
