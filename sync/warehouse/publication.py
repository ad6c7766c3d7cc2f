"""A view as it is published, and the statements for its newest rows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import MINYEAR, UTC, datetime
from functools import cached_property

from sqlglot import exp

from featurestore.online.schema import Schema
from featurestore.registry.definitions import FeatureView
from featurestore.sql.dialects import render
from featurestore.sql.exit_types import as_lists, at_exit, exit_type, recast_to
from featurestore.sql.expressions import as_name, column, named
from featurestore.sql.latest_rows import (
    NEWEST_EVENT,
    EntitySubset,
    latest_columns,
    latest_rows,
    newest_instants,
)
from featurestore.values.epoch import MICROSECOND, micros_since_1970
from featurestore.values.types import DataType, Kind
from sync.grace import GRACE

__all__ = [
    "ChangeWindow",
    "Publication",
    "columns_in_layout",
    "exit_columns",
    "quoted",
    "select_list",
]

# At the end of the grace the server drops a row, so the last microsecond is left out.
_ONLINE = EntitySubset(expired_for=GRACE - MICROSECOND)


@dataclass(frozen=True, slots=True)
class ChangeWindow:
    """The rows of a table that dbt may have changed since the last publication.

    Attributes:
        since: Rows that became known since this moment.
        written: Rows that were written since this moment, because dbt only adds rows; None if dbt
            replaces all rows that became known since `since`.
    """

    since: datetime
    written: datetime | None = None


@dataclass(frozen=True)
class Publication:
    """A view as it is published.

    Attributes:
        view: The feature view, with all types known.
        now: The moment whose newest rows are published.
        schema: The schema of the rows in the online format.
        columns: The name and the warehouse's type of each column, in order.
        dialect: The warehouse's dialect, in which the statements below are written.
        since: Compare only the entities with an event since then; None for all.
        window: Compare only the rows that dbt may have changed; None for all.
    """

    view: FeatureView
    now: datetime
    schema: Schema
    columns: tuple[tuple[str, str], ...]
    dialect: str = "duckdb"
    since: datetime | None = None
    window: ChangeWindow | None = None

    @property
    def is_whole(self) -> bool:
        """Whether all rows are compared."""
        return self.since is None and self.window is None

    @property
    def name(self) -> str:
        """The view's name."""
        return self.view.name

    @property
    def latest(self) -> str:
        """The statement for the newest row of each entity, as Redis holds it.

        Rows that expired within the last day are among them: readers say EXPIRED.
        """
        return self._rows(_ONLINE)

    @property
    def current(self) -> str:
        """The statement for the newest row of each entity that has not expired."""
        return self._rows(EntitySubset())

    @property
    def known(self) -> str:
        """The statement for the newest row of each entity, however long ago it expired."""
        return self._rows(EntitySubset(expired_for=None))

    def known_among(self, table: str) -> str:
        """Return the statement like `known` for the entities in a table."""
        return self._rows(EntitySubset(among=table, expired_for=None))

    def known_since(self, oldest: object) -> str:
        """Return the statement like `known`, without rows older than an event if that is known."""
        if not isinstance(oldest, datetime) or oldest.year == MINYEAR:
            return self.known
        # By the event and not by an age: a row may end at any age. A microsecond more, in case the
        # event was truncated.
        known = oldest.replace(tzinfo=UTC) + self.view.available_after - MICROSECOND
        return self._rows(EntitySubset(since=known, expired_for=None))

    @property
    def latest_with_ties(self) -> str:
        """The statement for all rows of each entity's newest instant; entities may tie."""
        return self._rows(_ONLINE, decided=False)

    @property
    def latest_since(self) -> str:
        """The statement for the newest row of each entity with an event since `since`."""
        return self._rows(replace(_ONLINE, since=self.since))

    def latest_in(self, window: ChangeWindow) -> str:
        """Return the statement for the newest row of each entity in a window."""
        return self._rows(replace(_ONLINE, since=window.since, written_since=window.written))

    @property
    def ended(self) -> str:
        """The statement for the newest row of each entity whose newest row has ended."""
        return self._rows(EntitySubset(ended=True))

    def latest_among(self, table: str) -> str:
        """Return the statement for the newest row of each entity in a table."""
        return self._rows(replace(_ONLINE, among=table))

    def latest_at(self, table: str) -> str:
        """Return the same where the table also has the newest instants, as `NEWEST_EVENT`.

        Most parts of a history that is ordered by time are then not read.
        """
        return self._rows(replace(_ONLINE, among=table, at_instants=True))

    @property
    def newest_instants(self) -> str:
        """The statement for the newest instant of each entity."""
        return newest_instants(self.view, self.dialect, self.now, _ONLINE)

    @property
    def newest_entities(self) -> str:
        """The statement for the join keys and the newest instant, under its own name."""
        event = exp.column(NEWEST_EVENT)
        names = {key.name: column(key.name) for key in self.view.join_keys}
        listed = select_list(
            {**names, self.view.event_timestamp.name: exp.paren(event)}, self.dialect
        )
        return f"SELECT {listed} FROM (\n{self.newest_instants}\n) AS newest"

    def _rows(self, some: EntitySubset, *, decided: bool = True) -> str:
        rows = latest_rows(self.view, self.dialect, self.now, some, decided=decided)
        shown = exit_columns(self.view, latest_columns(self.view), self.dialect, lists=True)
        if all(isinstance(node, exp.Column) for node in shown.values()):
            return rows
        return f"SELECT {select_list(shown, self.dialect)} FROM (\n{rows}\n) AS newest"

    def published_column(self, name: str, dialect: str, table: str = "") -> str:
        """Return the expression for a column as it is published, to compare rows by.

        A value that cannot be published is NULL here: an older row may have one, in the way of
        no other row.

        Args:
            name: The column.
            dialect: The dialect of the ledger's database.
            table: Its table.
        """
        node = column(name, table or None)
        own = _leaving(self.view).get(name)
        if own is None:
            return render(node, dialect)
        published = as_lists(exit_type(own, self.dialect))
        return render(recast_to(node, own, published, dialect, safe=True), dialect)

    @cached_property
    def published_types(self) -> dict[str, DataType | None]:
        """The types of the columns as they are published, by name; arrays are lists."""
        kept = {column.name: column.data_type for column in self.view.columns}
        leaving = _leaving(self.view).items()
        exits = {name: as_lists(exit_type(kind, self.dialect)) for name, kind in leaving}
        return {name: exits.get(name, kept.get(name)) for name, _ in self.columns}

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
    def oldest_event(self) -> int | None:
        """The oldest event that is not expired, in microseconds since 1970; None without a ttl."""
        ttl = self.view.ttl
        return None if ttl is None else micros_since_1970(self.now) - ttl // MICROSECOND

    @property
    def layout(self) -> str:
        """A text of all that decides how rows are published: names, types, ttl."""
        ttl = None if self.view.ttl is None else self.view.ttl // MICROSECOND
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


def quoted(name: str, dialect: str) -> str:
    """Return the name of a column or a table, in quotes where it needs them."""
    return render(as_name(name), dialect)


def _leaving(view: FeatureView) -> dict[str, DataType]:
    """Return the warehouse's types of the columns that may be published as another type.

    Keys and timestamps are compared with the history's own, so they keep their types. Kinds of text
    are text in any case: a new member of an enumeration must not change the type.
    """
    found = {feature.name: feature.data_type for feature in view.features}
    found |= {
        column.name: column.data_type
        for column in view.columns
        if column.data_type and column.data_type.kind is Kind.STRING
    }
    return {name: kind for name, kind in found.items() if kind is not None}


def exit_columns(
    view: FeatureView, names: Iterable[str], dialect: str, *, lists: bool
) -> dict[str, exp.Expr]:
    """Return the expression of each column of a view as it leaves the warehouse.

    Args:
        view: The feature view, with all types known.
        names: The columns.
        dialect: The warehouse's dialect.
        lists: Whether arrays of a fixed size are lists. An outer join of DuckDB may damage arrays,
            and the search for changes has one.
    """
    row = {key.name: column(key.name) for key in view.join_keys}
    types = _leaving(view)
    return {
        name: at_exit(column(name), types.get(name), dialect, name, row, lists=lists)
        for name in names
    }


def select_list(columns: Mapping[str, exp.Expr], dialect: str) -> str:
    """Return expressions as they are written between SELECT and FROM, each with its name."""
    return ", ".join(
        render(node if isinstance(node, exp.Column) else named(node, name), dialect)
        for name, node in columns.items()
    )
