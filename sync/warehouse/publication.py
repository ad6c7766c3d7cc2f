"""One view as it is published, and the statements for its rows."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property

from sqlglot import exp

from featurestore.online.codec import Schema
from featurestore.registry.definitions import FeatureView
from featurestore.sql.latest_rows import EntitySubset, latest_rows, newest_instants

__all__ = ["Publication", "columns_in_layout", "quoted"]

_DIALECT = "duckdb"


@dataclass(frozen=True)
class Publication:
    """One view, and how it is published.

    Attributes:
        view: The feature view, with all types known.
        now: The moment for which rows are the newest.
        schema: How they are laid out.
        columns: The name and the warehouse's type of every column, in order.
        since: Look for changes only at entities that have an event since then; None for all.
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
    def undecided(self) -> str:
        """The statement for all rows of each entity's newest instant: several, where rows tie."""
        return self._rows(EntitySubset(), decided=False)

    @property
    def recent(self) -> str:
        """The statement for the newest rows of entities that have a recent event."""
        return self._rows(EntitySubset(since=self.since))

    def among(self, table: str) -> str:
        """Return the statement for the newest rows of entities listed in a table."""
        return self._rows(EntitySubset(among=table))

    @property
    def newest(self) -> str:
        """The statement for the newest instant of each entity."""
        return newest_instants(self.view, _DIALECT, self.now)

    def _rows(self, some: EntitySubset, *, decided: bool = True) -> str:
        rows = latest_rows(self.view, _DIALECT, self.now, some, decided=decided)
        if not self._texts:
            return rows
        shown = ", ".join(f"{self.value(name)} AS {quoted(name)}" for name, _ in self.columns)
        return f"SELECT {shown} FROM (\n{rows}\n) AS newest"

    def value(self, name: str, table: str = "") -> str:
        """Return a column as it is published: enumerations are text, as a new member is no type."""
        column = f"{table}.{quoted(name)}" if table else quoted(name)
        return f"CAST({column} AS {self._texts[name]})" if name in self._texts else column

    @cached_property
    def _texts(self) -> dict[str, str]:
        """The type of text in which a column is read, by its name; others are read as they are."""
        return {name: _text_type(kind) for name, kind in self.columns if "dictionary" in kind}

    def seen_from(self, published: datetime | None, now: datetime) -> Publication:
        """Return it with all entities looked at where a run goes back in time.

        What was published of later moments lies at entities without a recent event too.

        Args:
            published: The moment of the last publication.
            now: The moment of this one.
        """
        goes_back = published is not None and now < published
        return replace(self, since=None) if goes_back else self

    @property
    def layout(self) -> str:
        """All that makes rows published before differ from the same rows published now."""
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
    """Return the names of the columns that were published by a layout.

    >>> columns_in_layout('{"columns": [["tailnum", "string"], ["seats", "int32"]]}')
    ('tailnum', 'seats')
    """
    return tuple(name for name, _ in json.loads(layout).get("columns", ()))


def quoted(name: str) -> str:
    """Return a column's or a table's name as it stands in a statement."""
    return exp.to_identifier(name, quoted=True).sql(_DIALECT)


def _text_type(kind: str) -> str:
    """Return the type of text for one of an enumeration, or of lists of it.

    >>> _text_type("list<l: dictionary<values=string, indices=uint8, ordered=0>>")
    'VARCHAR[]'
    """
    return "VARCHAR" + "[]" * kind.count("list<")
