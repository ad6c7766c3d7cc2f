"""Runs statements on the ledger's tables."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlglot import exp

from featurestore.errors import RelationNotBuilt
from featurestore.values.far_instants import python_rows
from featurestore.warehouse.protocol import Warehouse
from sync.warehouse.publication import quoted
from sync.warehouse.source_rows import SourceRows

__all__ = ["LedgerTables", "text_literal"]


class LedgerTables:
    """The schema of a database in which one project's ledger is.

    Args:
        database: The database: the warehouse's, or a file beside the job.
        schema: The schema of the tables.
        project: The dbt project.
        source: Makes the rows of the warehouse readable there.
    """

    def __init__(self, database: Warehouse, schema: str, project: str, source: SourceRows) -> None:
        self.database = database
        self.source = source
        self.project = project
        self._schema = schema

    def named(self, table: str) -> str:
        """Return a table's name as it is written in a statement."""
        return f"{quoted(self._schema)}.{quoted(table)}"

    def of_view(self, view: str) -> str:
        """Return the condition for the rows of one view of this project."""
        return f"project = {text_literal(self.project)} AND view = {text_literal(view)}"

    def exists(self, table: str) -> bool:
        """Return whether a table exists, by its name in a statement."""
        # A dry run and `status` create no tables, so a missing table is an answer, not an error.
        try:
            return bool(self.database.columns(table))
        except RelationNotBuilt:
            return False

    def execute(self, sql: str) -> None:
        """Run a statement."""
        self.database.execute(sql)

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """Return the rows of a query; see `python_rows`."""
        return python_rows(self.database.stream(sql).read_all())

    def count(self, table: str) -> int:
        """Return the number of rows of a table."""
        count: int = self.rows(f"SELECT count(*) AS n FROM {table}")[0]["n"]
        return count

    def create_temporary(self, table: str, query: str) -> None:
        """Keep a query's rows for the length of the session."""
        self.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS\n{query}")

    def keep(self, table: str, query: str) -> str:
        """Keep the rows of a query of the warehouse for the session; return the table's name."""
        with self.source.reading(query) as rows:
            self.create_temporary(table, rows)
        return table

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Run the statements of a block in one transaction."""
        self.execute("BEGIN TRANSACTION")
        try:
            yield
        except BaseException:
            self.execute("ROLLBACK")
            raise
        self.execute("COMMIT")


def text_literal(value: str) -> str:
    """Return a text as it is written in a statement."""
    return exp.Literal.string(value).sql("duckdb")
