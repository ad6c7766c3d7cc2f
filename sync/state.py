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

from featurestore.definitions import FeatureView
from featurestore.errors import RelationNotBuilt
from featurestore.warehouse.protocol import Warehouse

__all__ = ["OP", "PREVIOUS_CREATED", "PREVIOUS_EVENT", "State", "ViewState", "quoted"]

OP = "_op"
PREVIOUS_EVENT = "_previous_event"
PREVIOUS_CREATED = "_previous_created"
_BOOK = "_featurestore_sync"
_CONFIRMED = "_featurestore_confirmed"
_PUBLISHED = "_featurestore_published__"
_CHANGES = "_featurestore_changes"


@dataclass(frozen=True, slots=True)
class ViewState:
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


class State:
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
        self._warehouse.execute(
            f"CREATE TABLE IF NOT EXISTS {self._table(_BOOK)} (project VARCHAR, view VARCHAR,"
            " epoch VARCHAR, dirty BOOLEAN, layout VARCHAR)"
        )
        self._warehouse.execute(
            f"CREATE TABLE IF NOT EXISTS {self._table(_CONFIRMED)} (project VARCHAR, view VARCHAR,"
            " as_of VARCHAR, synced_at VARCHAR)"
        )

    def views(self) -> list[str]:
        """Return the names of the views that were ever published and not dropped since."""
        if not self._is_there(self._table(_BOOK)):
            return []
        rows = self._rows(
            f"SELECT view FROM {self._table(_BOOK)} WHERE project = {_text(self._project)}"
            " ORDER BY view"
        )
        return [row["view"] for row in rows]

    def read(self, view: str) -> ViewState | None:
        """Return what the book says of a view; None if it was never published."""
        if not self._is_there(self._table(_BOOK)):
            return None
        rows = self._rows(
            f"SELECT epoch, dirty, layout FROM {self._table(_BOOK)} WHERE {self._is(view)}"
        )
        complete = bool(rows) and self._is_there(self.published(view))
        return ViewState(**rows[0], complete=complete) if rows else None

    def confirm(self, view: str, as_of: datetime) -> None:
        """Note that Redis holds the newest rows of a moment, whether or not it was written to."""
        moments = f"{_text(as_of.isoformat())}, {_text(datetime.now(UTC).isoformat())}"
        with self._transaction():
            self._forget_confirmation(view)
            self._warehouse.execute(
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
        self._warehouse.execute(f"DELETE FROM {self._table(_CONFIRMED)} WHERE {self._is(view)}")

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
            self._warehouse.execute(f"DELETE FROM {self._table(_BOOK)} WHERE {self._is(view)}")
            self._warehouse.execute(f"DROP TABLE IF EXISTS {self.published(view)}")
            self._forget_confirmation(view)

    def published(self, view: str) -> str:
        """Return the name of the table of the view's published rows."""
        # dbt allows no full stop in a project's name, so no two pairs give one name.
        return self._table(f"{_PUBLISHED}{self._project}.{view}")

    def replace(self, view: FeatureView, latest: str) -> None:
        """Write down all rows anew, to be published from there.

        Args:
            view: The feature view.
            latest: The statement for its newest rows.
        """
        self._warehouse.execute(f"CREATE OR REPLACE TABLE {self.published(view.name)} AS {latest}")

    def find_changes(self, view: FeatureView, latest: str, *, whole: bool = True) -> str:
        """Compare the newest rows with the published ones.

        Args:
            view: The feature view.
            latest: The statement for its newest rows.
            whole: Whether these are all; else no row is taken for deleted.

        Returns:
            The name of a table with the view's columns, `_op` (`upsert` or `delete`) and the
            timestamps of the row that was published before, if there was one.
        """
        difference = self.difference(view, latest, whole=whole)
        self._warehouse.execute(f"DROP TABLE IF EXISTS {_CHANGES}")
        self._warehouse.execute(f"CREATE TEMP TABLE {_CHANGES} AS\n{difference}")
        return _CHANGES

    def apply_changes(self, view: FeatureView, epoch: str, layout: str) -> None:
        """Write the changes into the table of published rows, and mark the view clean."""
        table = self.published(view.name)
        names = ", ".join(_columns(view))
        keys = " AND ".join(
            f"published.{name} = {_CHANGES}.{name}" for name in _names(view.join_keys)
        )
        with self._transaction():
            self._warehouse.execute(
                f"DELETE FROM {table} AS published USING {_CHANGES} WHERE {keys or 'TRUE'}"
            )
            self._warehouse.execute(
                f"INSERT INTO {table} ({names}) SELECT {names} FROM {_CHANGES}"
                f" WHERE {OP} = 'upsert'"
            )
            self._write(view.name, epoch, layout, dirty=False)
        self._warehouse.execute(f"DROP TABLE {_CHANGES}")

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

    def difference(self, view: FeatureView, latest: str, *, whole: bool = True) -> str:
        """Write the query for what `find_changes` finds."""
        keys = _names(view.join_keys)
        columns = [
            f"coalesce(latest.{name}, published.{name}) AS {name}"
            if name in keys
            else f"latest.{name} AS {name}"
            for name in _columns(view)
        ]
        previous = [
            f"published.{quoted(column.name)} AS {alias}"
            for column, alias in (
                (view.event_timestamp, PREVIOUS_EVENT),
                (view.created_timestamp, PREVIOUS_CREATED),
            )
            if column is not None
        ]
        present = quoted(view.event_timestamp.name)
        differing = " OR ".join(
            f"latest.{name} IS DISTINCT FROM published.{name}"
            for name in _columns(view)
            if name not in keys
        )
        on = " AND ".join(f"latest.{name} = published.{name}" for name in keys) or "TRUE"
        shown = ",\n  ".join(
            [*columns, *previous, f"if(latest.{present} IS NULL, 'delete', 'upsert') AS {OP}"]
        )
        join = "FULL OUTER JOIN" if whole else "LEFT JOIN"
        return (
            f"WITH latest AS (\n{latest}\n)\nSELECT\n  {shown}\nFROM latest\n"
            f"{join} {self.published(view.name)} AS published ON {on}\nWHERE {differing}"
        )

    def _write(self, view: str, epoch: str, layout: str, *, dirty: bool) -> None:
        book = self._table(_BOOK)
        self._warehouse.execute(f"DELETE FROM {book} WHERE {self._is(view)}")
        self._warehouse.execute(
            f"INSERT INTO {book} VALUES ({_text(self._project)}, {_text(view)}, {_text(epoch)},"
            f" {dirty}, {_text(layout)})"
        )

    def _is(self, view: str) -> str:
        return f"project = {_text(self._project)} AND view = {_text(view)}"

    def _table(self, name: str) -> str:
        return f"{quoted(self._schema)}.{quoted(name)}"

    def _rows(self, sql: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self._warehouse.stream(sql).read_all().to_pylist()
        return rows

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._warehouse.execute("BEGIN TRANSACTION")
        try:
            yield
        except BaseException:
            self._warehouse.execute("ROLLBACK")
            raise
        self._warehouse.execute("COMMIT")


def quoted(name: str) -> str:
    """Return a column's or a table's name as it stands in a statement."""
    return exp.to_identifier(name, quoted=True).sql("duckdb")


def _text(value: str) -> str:
    return exp.Literal.string(value).sql("duckdb")


def _names(columns: Any) -> list[str]:
    return [quoted(column.name) for column in columns]


def _columns(view: FeatureView) -> list[str]:
    return [*_names(view.columns), *_names(view.features)]
