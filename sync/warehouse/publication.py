"""A view as it is published, and the statements for its newest rows."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property

from sqlglot import exp

from featurestore.online.schema import Schema
from featurestore.registry.definitions import FeatureView
from featurestore.sql.latest_rows import EntitySubset, latest_rows, newest_instants

__all__ = ["Publication", "columns_in_layout", "quoted"]

_DIALECT = "duckdb"


@dataclass(frozen=True)
class Publication:
    """A view as it is published.

    Attributes:
        view: The feature view, with all types known.
        now: The moment whose newest rows are published.
        schema: The schema of the rows in the online format.
        columns: The name and the warehouse's type of each column, in order.
        since: Compare only the entities with an event since then; None for all.
    """

    view: FeatureView
    now: datetime
    schema: Schema
    columns: tuple[tuple[str, str], ...]
    since: datetime | None = None

    @property
    def name(self) -> str:
        """The view's name."""
        return self.view.name

    @property
    def latest(self) -> str:
        """The statement for the newest row of each entity."""
        return self._rows(EntitySubset())

    @property
    def latest_with_ties(self) -> str:
        """The statement for all rows of each entity's newest instant; entities may tie."""
        return self._rows(EntitySubset(), decided=False)

    @property
    def latest_since(self) -> str:
        """The statement for the newest row of each entity with an event since `since`."""
        return self._rows(EntitySubset(since=self.since))

    @property
    def ended(self) -> str:
        """The statement for the newest row of each entity whose newest row has ended."""
        return self._rows(EntitySubset(ended=True))

    def latest_among(self, table: str) -> str:
        """Return the statement for the newest row of each entity in a table."""
        return self._rows(EntitySubset(among=table))

    @property
    def newest_instants(self) -> str:
        """The statement for the newest instant of each entity."""
        return newest_instants(self.view, _DIALECT, self.now)

    def _rows(self, some: EntitySubset, *, decided: bool = True) -> str:
        rows = latest_rows(self.view, _DIALECT, self.now, some, decided=decided)
        if not self._texts:
            return rows
        shown = ", ".join(
            f"{self.published_column(name)} AS {quoted(name)}" for name, _ in self.columns
        )
        return f"SELECT {shown} FROM (\n{rows}\n) AS newest"

    def published_column(self, name: str, table: str = "") -> str:
        """Return the expression for a column as it is published.

        Enumerations are published as text, so that a new member does not change the type.
        """
        column = f"{table}.{quoted(name)}" if table else quoted(name)
        return f"CAST({column} AS {self._texts[name]})" if name in self._texts else column

    @cached_property
    def _texts(self) -> dict[str, str]:
        """The type of text for each column that is an enumeration."""
        return {name: _text_type(kind) for name, kind in self.columns if "dictionary" in kind}

    def compared_with(self, last: datetime | None) -> Publication:
        """Return the publication with a `since` that leaves no gap after the last publication.

        If it goes back in time, every entity is compared: the last publication holds rows of later
        moments, also at entities without an event since `since`.

        Args:
            last: The moment of the last publication.
        """
        if self.since is None or last is None:
            return self
        return replace(self, since=None if self.now < last else min(self.since, last))

    @property
    def layout(self) -> str:
        """A text of all that decides how rows are published: names, types, ttl."""
        ttl = None if self.view.ttl is None else self.view.ttl // timedelta(microseconds=1)
        created = self.view.created_timestamp
        return json.dumps(
            {
                "schema": self.schema.fingerprint.hex(),
                "columns": self.columns,
                "event": self.view.event_timestamp.name,
                "created": created and created.name,
                "ttl": ttl,
            }
        )


def columns_in_layout(layout: str) -> tuple[str, ...]:
    """Return the names of the columns that a layout published.

    >>> columns_in_layout('{"columns": [["tailnum", "string"], ["seats", "int32"]]}')
    ('tailnum', 'seats')
    """
    return tuple(name for name, _ in json.loads(layout).get("columns", ()))


def quoted(name: str) -> str:
    """Return the name of a column or a table, quoted for a statement."""
    return exp.to_identifier(name, quoted=True).sql(_DIALECT)


def _text_type(kind: str) -> str:
    """Return the type of text for an enumeration, or for lists of one.

    >>> _text_type("list<l: dictionary<values=string, indices=uint8, ordered=0>>")
    'VARCHAR[]'
    """
    return "VARCHAR" + "[]" * kind.count("list<")
